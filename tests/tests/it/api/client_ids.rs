//! Ids that clients make: what is sent again under its id is recorded once, whatever it is.

use qiaojian_domain::access::{Post, Role, Scope};
use qiaojian_tests::Backend;
use qiaojian_tests::api::{Client, with_api};
use rstest_reuse::apply;
use serde_json::{Value, json};

use super::bulletins::campaign;
use super::tasks::{cities, first, issue};
use crate::both_databases;

const ID: &str = "0190a000-0000-7000-8000-0000000000a1";

/// Sends a body with an id twice, then another one under the same id; tells what the first answer was.
async fn is_recorded_once(caller: &Client, path: &str, body: Value, other: Value) -> Value {
    let with_id = |mut body: Value| {
        body["id"] = json!(ID);
        body
    };
    let made = caller.post(path, &with_id(body.clone())).await.expect(201).json();
    assert_eq!(made["id"], ID, "{path}");
    let again = caller.post(path, &with_id(body)).await.expect(200).json();
    assert_eq!(again, made, "{path}");
    let refused = caller.post(path, &with_id(other)).await.expect(409).json();
    assert_eq!(refused["type"], "/problems/id_taken", "{path}");
    made
}

#[apply(both_databases)]
fn a_count_is_recorded_once_under_its_id(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let county = api.caller("340304", Role::CountyReporter).await;
        let path = "/v1/areas/340304001001/counts";
        let count =
            |persons: i32| json!({"persons": persons, "counted_on": "2022-03-01", "source": "侨情普查"});
        is_recorded_once(&county, path, count(9), count(12)).await;
        let counts = county.get(path).await.expect(200).json();
        assert_eq!(counts["items"].as_array().unwrap().len(), 1);
        assert_eq!(counts["items"][0]["persons"], 9);
    });
}

#[apply(both_databases)]
fn a_rule_is_recorded_once_under_its_id_even_where_one_a_day_is_taken(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let office = api.caller("340000", Role::ProvinceAdmin).await;
        let rule = |persons: i32| {
            json!({"kind": "establishment", "name": "default", "scope_area": "340000", "effective_from": "2021-11-01",
                "params": {"levels": ["township"], "village": {"persons": persons, "households": 3}}, "source": "工作方案"})
        };
        let made = is_recorded_once(&office, "/v1/rules", rule(10), rule(20)).await;
        assert_eq!(made["version"], 1);
        let another = office.post("/v1/rules", &rule(10)).await.expect(409).json();
        assert_eq!(another["type"], "/problems/rule_changed_today");
    });
}

#[apply(both_databases)]
fn a_schedule_is_recorded_once_under_its_id_and_needs_no_programme_named(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let program = campaign(api).await;
        let office = api.caller("340000", Role::ProvinceAdmin).await;
        let schedule = |spec: &str| json!({"spec": spec, "period": {"unit": "month", "offset": -1}, "starts_period": "2022-03"});
        let made = is_recorded_once(
            &office,
            "/v1/schedules",
            schedule("0 0 9 1 * *"),
            schedule("0 0 9 2 * *"),
        )
        .await;
        assert_eq!(
            (&made["program"], &made["kind"]),
            (&json!(program), &json!("progress"))
        );
    });
}

#[apply(both_databases)]
fn an_endpoint_is_recorded_once_under_its_id(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let city = api.caller("340300", Role::CityReporter).await;
        let endpoint = |address: &str| json!({"area": "340300", "channel": "email", "address": address});
        is_recorded_once(
            &city,
            "/v1/endpoints",
            endpoint("a@bengbu.example"),
            endpoint("b@bengbu.example"),
        )
        .await;
        let listed = city.get("/v1/endpoints").await.expect(200).json();
        assert_eq!(listed["items"].as_array().unwrap().len(), 1);
    });
}

#[apply(both_databases)]
fn a_report_is_recorded_once_under_its_id_whatever_happened_since(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let (_, paths) = issue(api, &cities()).await;
        let mine = first(&paths);
        let phone = api.caller("340300", Role::CityReporter).await;
        phone
            .post(&format!("{mine}/acknowledge"), &json!({}))
            .await
            .expect(200);
        let reports = format!("{mine}/reports");
        let report = json!({"id": ID, "content": "已列入年度重点工作。"});
        phone.post(&reports, &report).await.expect(200);
        phone
            .post(&format!("{mine}/submit"), &json!({}))
            .await
            .expect(200);

        let again = phone.post(&reports, &report).await.expect(200).json();
        assert_eq!(again["status"], "submitted", "sent again, it changes nothing");
        assert_eq!(again["reports"].as_array().unwrap().len(), 1);
        let other = json!({"id": ID, "content": "已完成过半。"});
        let refused = phone.post(&reports, &other).await.expect(409).json();
        assert_eq!(refused["type"], "/problems/id_taken");
    });
}

#[apply(both_databases)]
fn a_bulletin_and_a_task_mean_the_current_programme_where_none_is_named(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let office = api.caller("340000", Role::ProvinceAdmin).await;
        let bulletin = json!({"period": "2022-05"});
        let refused = office.post("/v1/bulletins", &bulletin).await.expect(422).json();
        assert_eq!(
            (&refused["errors"][0]["pointer"], &refused["errors"][0]["code"]),
            (&json!("/program"), &json!("no_program"))
        );
        let program = campaign(api).await;
        let composed = office.post("/v1/bulletins", &bulletin).await.expect(201).json();
        assert_eq!(
            (&composed["program"], &composed["kind"]),
            (&json!(program), &json!("progress"))
        );
        let task = json!({"no": 7, "theme": "lead_organization", "content": "建立侨联。", "lead_post": "federation",
            "due_on": "2022-12-31", "assign_to": [{"area": "340300"}]});
        let issued = office.post("/v1/tasks", &task).await.expect(201).json();
        assert_eq!(issued["program"], json!(program));
    });
}

#[apply(both_databases)]
fn the_values_of_an_array_are_not_taken_for_fields(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let county = api.caller("340304", Role::CountyReporter).await;
        let office = api.caller("340000", Role::ProvinceAdmin).await;
        let pointers = async |caller: &Client, path: &str, body: Value| -> Vec<String> {
            let refused = caller.post(path, &body).await.expect(400).json();
            let errors = refused["errors"].as_array().unwrap().clone();
            assert!(
                errors.iter().all(|error| error["code"] == "wrong_value"),
                "{errors:?}"
            );
            errors
                .iter()
                .map(|error| error["pointer"].as_str().unwrap().to_owned())
                .collect()
        };
        let count = json!([null, 12, 4, "2022-03-01", "侨情普查"]);
        let path = "/v1/areas/340304001001/counts";
        assert_eq!(pointers(&county, path, count).await, [""]);
        assert_eq!(county.get(path).await.expect(200).json()["items"], json!([]));
        let approved = json!({"area": "340304", "kind": "federation", "name": "禹会区侨联",
            "approval": ["federation", null, "2022-01-01", null]});
        assert_eq!(
            pointers(&county, "/v1/organizations", approved.clone()).await,
            ["/approval"]
        );
        let batch = json!({"items": [approved, ["340304"]]});
        assert_eq!(
            pointers(&county, "/v1/organizations/batch", batch).await,
            ["/items/0/approval", "/items/1"]
        );
        let task = json!({"no": 7, "theme": "lead_organization", "content": "建立侨联。", "lead_post": "federation",
            "supporting_posts": ["finance_bureau"], "due_on": "2022-12-31", "assign_to": [["340300"]]});
        assert_eq!(pointers(&office, "/v1/tasks", task).await, ["/assign_to/0"]);
    });
}

#[apply(both_databases)]
fn another_issuer_with_the_same_id_and_body_is_another_request(#[case] backend: Backend) {
    with_api(backend, async |api| {
        campaign(api).await;
        let office = api.caller("340000", Role::ProvinceAdmin).await;
        let bureau = [Scope::TaskIssue, Scope::ScheduleWrite].into();
        let bureau = api
            .caller_with("340000", Post::FinanceBureau, Role::ProvinceAdmin, bureau)
            .await;
        let task = json!({"id": ID, "no": 7, "theme": "lead_organization", "content": "建立侨联。", "lead_post": "federation",
            "due_on": "2022-12-31", "assign_to": [{"area": "340300"}]});
        let schedule = json!({"id": ID, "spec": "0 0 9 1 * *", "period": {"unit": "month", "offset": -1}, "starts_period": "2022-03"});
        for (path, body) in [("/v1/tasks", task), ("/v1/schedules", schedule)] {
            office.post(path, &body).await.expect(201);
            let refused = bureau.post(path, &body).await.expect(409).json();
            assert_eq!(refused["type"], "/problems/id_taken", "{path}");
        }
    });
}

#[apply(both_databases)]
fn a_deleted_schedule_does_not_come_back_when_it_is_sent_again(#[case] backend: Backend) {
    with_api(backend, async |api| {
        campaign(api).await;
        let office = api.caller("340000", Role::ProvinceAdmin).await;
        let schedule = json!({"id": ID, "spec": "0 0 9 1 * *", "period": {"unit": "month", "offset": -1}, "starts_period": "2022-03"});
        let made = office.post("/v1/schedules", &schedule).await.expect(201);
        let (location, tag) = (made.header("location").unwrap(), made.header("etag"));
        office.delete(location, tag).await.expect(204);
        let again = office.post("/v1/schedules", &schedule).await.expect(409).json();
        assert_eq!(again["type"], "/problems/id_taken");
        assert_eq!(
            office.get("/v1/schedules").await.expect(200).json()["items"],
            json!([])
        );
    });
}

#[apply(both_databases)]
fn every_missing_field_of_a_body_is_told_at_once(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let office = api.caller("340000", Role::ProvinceAdmin).await;
        let missing = async |path: &str, body: Value| -> Vec<String> {
            let refused = office.post(path, &body).await.expect(400).json();
            let errors = refused["errors"].as_array().unwrap().clone();
            assert!(
                errors.iter().all(|error| error["code"] == "missing_field"),
                "{errors:?}"
            );
            errors
                .iter()
                .map(|error| error["pointer"].as_str().unwrap().to_owned())
                .collect()
        };
        assert_eq!(
            missing("/v1/organizations", json!({})).await,
            ["/area", "/kind", "/name"]
        );
        assert_eq!(
            missing("/v1/schedules", json!({"period": {"unit": "month"}})).await,
            ["/spec", "/starts_period", "/period/offset"]
        );
        assert_eq!(
            missing(
                "/v1/organizations/batch",
                json!({"items": [{"area": "340304"}, {"kind": "federation"}]})
            )
            .await,
            ["/items/0/kind", "/items/0/name", "/items/1/area", "/items/1/name"]
        );
        assert_eq!(
            missing(
                "/v1/organizations",
                json!({"area": "340304", "five_have": {"team": {}}, "name": "x"})
            )
            .await,
            ["/kind", "/five_have/team/have"]
        );
        let rule = json!({"kind": "counting", "name": "default", "scope_area": "340000", "effective_from": "2022-01-01",
            "params": {}, "source": "方案"});
        assert_eq!(missing("/v1/rules", rule).await, ["/params/counted_from"]);
    });
}
