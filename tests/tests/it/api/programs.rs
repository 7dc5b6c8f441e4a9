//! `/v1/programs`: reference data that the provincial office keeps.

use insta::assert_json_snapshot;
use qiaojian_domain::access::{Post, Role, Scope};
use qiaojian_tests::Backend;
use qiaojian_tests::api::{TestApi, with_api};
use rstest_reuse::apply;
use serde_json::{Value, json};

use crate::both_databases;

fn campaign() -> Value {
    json!({
        "code": "ah-qiaojian-2021",
        "title": "党建带侨建、侨建促党建",
        "aliases": ["党建带侨建"],
        "baseline_on": "2021-10-31",
        "starts_on": "2021-11-01",
        "target_on": "2022-12-31"
    })
}

/// A programme of the province; answers its id.
pub async fn add_program(api: &TestApi) -> String {
    let province = api.caller("340000", Role::ProvinceAdmin).await;
    let program = province
        .post("/v1/programs", &campaign())
        .await
        .expect(201)
        .json();
    program["id"].as_str().unwrap().to_owned()
}

#[apply(both_databases)]
fn the_province_starts_a_programme_and_everybody_may_read_it(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let province = api.caller("340000", Role::ProvinceAdmin).await;
        let created = province.post("/v1/programs", &campaign()).await.expect(201);
        assert_json_snapshot!(created.json(), {".id" => "[id]", ".created_at" => "[at]", ".updated_at" => "[at]"}, @r#"
        {
          "aliases": [
            "党建带侨建"
          ],
          "baseline_on": "2021-10-31",
          "code": "ah-qiaojian-2021",
          "created_at": "[at]",
          "id": "[id]",
          "illustrative": false,
          "issuer": "340000",
          "starts_on": "2021-11-01",
          "starts_precision": "day",
          "target_on": "2022-12-31",
          "title": "党建带侨建、侨建促党建",
          "updated_at": "[at]",
          "version": 1
        }
        "#);
        let location = created.header("location").unwrap().to_owned();
        let village = api.caller("341802001001", Role::VillageReporter).await;
        let read = village.get(&location).await.expect(200);
        assert_eq!(read.json(), created.json());
        assert_eq!(read.header("etag"), Some("\"1\""));
        let all = village.get("/v1/programs").await.expect(200).json();
        assert_eq!(all, json!({"items": [created.json()], "next_cursor": null}));
        village
            .get("/v1/programs/0190a000-0000-7000-8000-00000000ffff")
            .await
            .expect(404);
        village.get("/v1/programs/campaign").await.expect(404);
    });
}

#[apply(both_databases)]
fn a_repeated_request_makes_one_programme(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let province = api.caller("340000", Role::ProvinceAdmin).await;
        let mut own = campaign();
        own["id"] = json!("0190a000-0000-7000-8000-000000000001");
        let first = province.post("/v1/programs", &own).await.expect(201);
        assert_eq!(
            province.post("/v1/programs", &own).await.expect(200).json(),
            first.json()
        );
        let same_code = province.post("/v1/programs", &campaign()).await.expect(409);
        assert_eq!(same_code.json()["type"], "/problems/program_code_taken");
        own["title"] = json!("另一个项目");
        assert_eq!(
            province.post("/v1/programs", &own).await.expect(409).json()["type"],
            "/problems/id_taken"
        );
        let mut other = campaign();
        other["code"] = json!("ah-2");
        let made = province
            .post_once("/v1/programs", "k-1", &other)
            .await
            .expect(201);
        assert_eq!(
            province
                .post_once("/v1/programs", "k-1", &other)
                .await
                .expect(201)
                .json(),
            made.json()
        );
    });
}

#[apply(both_databases)]
fn what_breaks_a_rule_is_said_where_it_is(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let province = api.caller("340000", Role::ProvinceAdmin).await;
        let changed = |field: &str, value: Value| {
            let mut body = campaign();
            body[field] = value;
            body
        };
        for (body, pointer, code) in [
            (
                changed("starts_on", json!("2021-10-30")),
                "/starts_on",
                "dates_out_of_order",
            ),
            (
                changed("target_on", json!("2021-10-31")),
                "/target_on",
                "dates_out_of_order",
            ),
            (changed("title", json!(" ")), "/title", "empty"),
            (changed("issuer", json!("999999")), "/issuer", "unknown_area"),
        ] {
            let refused = province.post("/v1/programs", &body).await.expect(422).json();
            assert_eq!(
                (&refused["errors"][0]["pointer"], &refused["errors"][0]["code"]),
                (&json!(pointer), &json!(code))
            );
        }
        province
            .post("/v1/programs", &changed("leader", json!("某某")))
            .await
            .expect(400);
        province
            .post("/v1/programs", &changed("starts_on", json!("2021-13-01")))
            .await
            .expect(400);
        let city = api.caller("340300", Role::CityReporter).await;
        assert_eq!(
            city.post("/v1/programs", &campaign()).await.expect(403).json()["type"],
            "/problems/scope_missing"
        );
        assert_eq!(
            province.get("/v1/programs").await.expect(200).json()["items"],
            json!([])
        );
    });
}

#[apply(both_databases)]
fn a_cohort_is_that_of_its_day(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let id = add_program(api).await;
        let cohort = format!("/v1/programs/{id}/cohort");
        let province = api.caller("340000", Role::ProvinceAdmin).await;
        let pilot = json!({"area": "340300", "cohort": "pilot", "from": "2021-11-01"});
        let set = province.post(&cohort, &pilot).await.expect(200);
        assert_json_snapshot!(set.json(), @r#"
        {
          "area": "340300",
          "cohort": "pilot",
          "from": "2021-11-01",
          "name": "蚌埠市"
        }
        "#);
        assert_eq!(
            province.post(&cohort, &pilot).await.expect(200).json(),
            set.json(),
            "again changes nothing"
        );
        province
            .post(
                &cohort,
                &json!({"area": "341800", "cohort": "non_pilot", "from": "2021-11-01"}),
            )
            .await
            .expect(200);
        province
            .post(
                &cohort,
                &json!({"area": "341800", "cohort": "pilot", "from": "2022-06-01"}),
            )
            .await
            .expect(200);

        let village = api.caller("340304001001", Role::VillageReporter).await;
        let words = async |query: &str| {
            let page = village.get(&format!("{cohort}{query}")).await.expect(200).json();
            let word = |item: &Value| {
                format!(
                    "{} {}",
                    item["area"].as_str().unwrap(),
                    item["cohort"].as_str().unwrap()
                )
            };
            page["items"]
                .as_array()
                .unwrap()
                .iter()
                .map(word)
                .collect::<Vec<_>>()
        };
        assert_eq!(words("?as_of=2021-10-31").await, [""; 0]);
        assert_eq!(
            words("?as_of=2022-05-31").await,
            ["340300 pilot", "341800 non_pilot"]
        );
        assert_eq!(words("").await, ["340300 pilot", "341800 pilot"]);
        assert_eq!(words("?limit=1").await, ["340300 pilot"]);

        let earlier = json!({"area": "341800", "cohort": "non_pilot", "from": "2022-05-01"});
        assert_eq!(
            province.post(&cohort, &earlier).await.expect(409).json()["type"],
            "/problems/cohort_earlier"
        );
        let unknown = json!({"area": "999999", "cohort": "pilot", "from": "2022-05-01"});
        assert_eq!(
            province.post(&cohort, &unknown).await.expect(422).json()["errors"][0]["pointer"],
            "/area"
        );
        province
            .post("/v1/programs/0190a000-0000-7000-8000-00000000ffff/cohort", &pilot)
            .await
            .expect(404);
    });
}

#[apply(both_databases)]
fn a_city_does_not_change_the_cohorts_of_the_province(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let id = add_program(api).await;
        let cohort = format!("/v1/programs/{id}/cohort");
        let mut scopes = Role::CityReporter.scopes();
        scopes.insert(Scope::ProgramWrite);
        let city = api
            .caller_with("340300", Post::Federation, Role::CityReporter, scopes)
            .await;
        let body = json!({"area": "340304", "cohort": "pilot", "from": "2021-11-01"});
        assert_eq!(
            city.post(&cohort, &body).await.expect(403).json()["type"],
            "/problems/not_yours"
        );
        // Its own programme it may have.
        let own = city.post("/v1/programs", &campaign_of_a_city()).await.expect(201);
        assert_eq!(own.json()["issuer"], "340300");
        let location = own.header("location").unwrap().to_owned();
        city.post(&format!("{location}/cohort"), &body).await.expect(200);
        let foreign = json!({"area": "341800", "cohort": "pilot", "from": "2021-11-01"});
        city.post(&format!("{location}/cohort"), &foreign)
            .await
            .expect(422);
    });
}

fn campaign_of_a_city() -> Value {
    let mut body = campaign();
    body["code"] = json!("bengbu-2022");
    body
}

#[apply(both_databases)]
fn a_correction_needs_a_reason_and_leaves_what_was_known_before(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let id = add_program(api).await;
        let province = api.caller("340000", Role::ProvinceAdmin).await;
        let path = format!("/v1/programs/{id}");
        let before = province.get(&path).await.expect(200);
        let known_at = province
            .get("/v1/figures?metric=organizations&cohort=all")
            .await
            .json()["known_at"]
            .clone();
        let change =
            json!({"baseline_on": "2021-09-30", "starts_precision": "month", "reason": "基期应为9月30日"});

        province.patch(&path, None, &change).await.expect(428);
        province.patch(&path, Some("\"7\""), &change).await.expect(412);
        for (change, pointer, status) in [
            (json!({"title": "新名称"}), "/reason", 422),
            (json!({"title": "", "reason": "x"}), "/title", 422),
            (
                json!({"target_on": "2021-01-01", "reason": "x"}),
                "/target_on",
                422,
            ),
            (json!({"issuer": "340300", "reason": "x"}), "/issuer", 400),
            (json!({"leader": "某某", "reason": "x"}), "/leader", 400),
        ] {
            let refused = province.patch(&path, Some("\"1\""), &change).await.expect(status);
            assert_eq!(refused.json()["errors"][0]["pointer"], pointer);
        }
        assert_eq!(province.get(&path).await.json(), before.json());
        let city_scopes = Role::ProvinceAdmin.scopes();
        let city = api
            .caller_with("340300", Post::Federation, Role::ProvinceAdmin, city_scopes)
            .await;
        city.patch(&path, Some("\"1\""), &change).await.expect(403);

        let corrected = province.patch(&path, Some("\"1\""), &change).await.expect(200);
        assert_eq!(corrected.header("etag"), Some("\"2\""));
        let shown = corrected.json();
        assert_eq!(
            [
                &shown["baseline_on"],
                &shown["starts_on"],
                &shown["starts_precision"]
            ],
            [&json!("2021-09-30"), &json!("2021-11-01"), &json!("month")]
        );
        assert_eq!(province.get(&path).await.json(), shown);
        let then = province
            .get(&format!("{path}?known_at={}", known_at.as_str().unwrap()))
            .await
            .expect(200);
        assert_eq!(then.json(), before.json(), "what was known then stays");
        let growth = province
            .get("/v1/figures?metric=added,growth&cohort=all&to=2022-06-24")
            .await
            .expect(200);
        assert_eq!(
            growth.json()["scope"]["from"],
            "2021-09-30",
            "the corrected baseline"
        );
    });
}

#[apply(both_databases)]
fn a_second_programme_is_asked_for_only_where_it_matters_and_cannot_be_told(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let first = add_program(api).await;
        let province = api.caller("340000", Role::ProvinceAdmin).await;
        let record = async |code: &str, baseline: &str, start: &str, target: &str| {
            let body = json!({"code": code, "title": code, "baseline_on": baseline, "starts_on": start, "target_on": target});
            let made = province.post("/v1/programs", &body).await.expect(201).json();
            made["id"].as_str().unwrap().to_owned()
        };
        let program_of = async |query: &str| {
            let figures = province.get(&format!("/v1/figures?{query}")).await.expect(200);
            figures.json()["scope"]["program"].clone()
        };
        // One that has not started does not stand in the way of the present one.
        let next = record("ah-next", "2022-06-01", "2022-06-20", "2024-12-31").await;
        assert_eq!(
            program_of("metric=growth&cohort=all&as_of=2022-06-19").await,
            json!(first.as_str())
        );
        // Both are running: what depends on one of them asks which.
        for query in [
            "metric=growth&cohort=all",
            "metric=organizations",
            "metric=organizations&cohort=pilot",
            "metric=added&cohort=all",
        ] {
            let refused = province.get(&format!("/v1/figures?{query}")).await.expect(400);
            assert_eq!(refused.json()["errors"][0]["pointer"], "program", "{query}");
        }
        for query in [
            "metric=organizations,organization_coverage,fulfilment&cohort=all",
            "metric=added,closed&cohort=all&from=2022-01-01",
        ] {
            assert_eq!(program_of(query).await, json!(null), "{query}");
        }
        for id in [&first, &next] {
            let query = format!("metric=growth&program={id}");
            assert_eq!(program_of(&query).await, json!(id.as_str()));
        }
        province.get("/v1/gaps?level=county&cohort=all").await.expect(200);
        province.get("/v1/milestones").await.expect(200);
    });
}
