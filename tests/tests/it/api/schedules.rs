//! `/v1/schedules`: when bulletins are composed.

use qiaojian_domain::access::Role;
use qiaojian_domain::ids::ProgramId;
use qiaojian_store::schedules;
use qiaojian_tests::Backend;
use qiaojian_tests::api::with_api;
use rstest_reuse::apply;
use serde_json::{Value, json};

use super::bulletins::{campaign, of_month};
use crate::both_databases;

pub fn monthly(program: ProgramId) -> Value {
    json!({"program": program, "kind": "progress", "spec": "0 0 9 1 * *", "period": {"unit": "month", "offset": -1},
        "starts_period": "2022-03", "catch_up": {"policy": "all"}})
}

#[apply(both_databases)]
fn a_schedule_is_set_looked_ahead_stopped_and_started(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let program = campaign(api).await;
        let office = api.caller("340000", Role::ProvinceAdmin).await;
        let set = office.post("/v1/schedules", &monthly(program)).await.expect(201);
        let location = set.header("location").unwrap().to_owned();
        let shown = set.json();
        assert_eq!(shown["issuer"], json!({"area": "340000", "post": "federation"}));
        assert_eq!(
            shown["recipients"],
            json!({"cohort": "pilot", "post": "federation"})
        );
        assert_eq!(
            shown["catch_up"],
            json!({"policy": "all", "window_s": null, "cap": 12})
        );
        assert_eq!(shown["approval"], "required");
        assert_eq!(
            shown["next_due_at"], "2022-04-01T01:00:00.000000Z",
            "the first period waits to be caught up"
        );
        assert_eq!(office.get(&location).await.expect(200).json(), shown);
        assert_eq!(
            office.get("/v1/schedules").await.expect(200).json()["items"][0],
            shown
        );

        let ahead = office
            .get(&format!("{location}/preview?count=2"))
            .await
            .expect(200)
            .json();
        assert_eq!(
            ahead["items"],
            json!([
                {"period": "2022-06", "due_at": "2022-07-01T01:00:00.000000Z", "skipped": false, "provisional": false},
                {"period": "2022-07", "due_at": "2022-08-01T01:00:00.000000Z", "skipped": false, "provisional": false},
            ])
        );
        office
            .get(&format!("{location}/preview?count=0"))
            .await
            .expect(400);

        let (clock, entropy) = (
            std::sync::Arc::clone(&api.clock),
            qiaojian_domain::clock::OsEntropy,
        );
        let ticked = api
            .db
            .write(move |tx| schedules::tick(tx, clock.as_ref(), &entropy))
            .await;
        assert_eq!(ticked.unwrap().opened, 3);
        let due = office
            .get(&format!("{location}/occurrences"))
            .await
            .expect(200)
            .json();
        let periods: Vec<_> = due["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| item["period"].clone())
            .collect();
        assert_eq!(periods, ["2022-03", "2022-04", "2022-05"]);
        assert_eq!(due["items"][0]["state"], "open");

        let stopped = office
            .post(&format!("{location}/pause"), &json!({}))
            .await
            .expect(200);
        assert!(stopped.json()["paused_at"].is_string());
        let again = office
            .post(&format!("{location}/pause"), &json!({}))
            .await
            .expect(200);
        assert_eq!(stopped.json(), again.json());
        let stale = office
            .request(reqwest::Method::POST, &format!("{location}/resume"))
            .header("If-Match", "\"1\"");
        office.send(stale).await.expect(412);
        let running = office
            .post(&format!("{location}/resume"), &json!({"skip_missed": true}))
            .await
            .expect(200);
        assert_eq!(running.json()["paused_at"], json!(null));
        office
            .post(&format!("{location}/resume"), &json!({"skip": true}))
            .await
            .expect(400);
    });
}

#[apply(both_databases)]
fn a_timing_that_cannot_be_is_refused_by_field(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let program = campaign(api).await;
        let office = api.caller("340000", Role::ProvinceAdmin).await;
        for (field, value, pointer, code) in [
            ("spec", json!("0 0 9 1,15 * *"), "/spec", "fires_twice"),
            ("spec", json!("0 0 9 31 2 *"), "/spec", "never_fires"),
            ("spec", json!("0 0 9 31 * *"), "/spec", "leaves_out_a_period"),
            ("spec", json!("0 0 9 1-7 3,4,5 1"), "/spec", "leaves_out_a_period"),
            (
                "period",
                json!({"unit": "month", "offset": 1}),
                "/period/offset",
                "period_not_begun",
            ),
            ("spec", json!("whenever"), "/spec", "bad_spec"),
            (
                "time_zone",
                json!("Asia/Hefei"),
                "/time_zone",
                "unknown_time_zone",
            ),
            ("starts_period", json!("2022-W10"), "/starts_period", "wrong_unit"),
            (
                "ends_period",
                json!("2021-01"),
                "/ends_period",
                "ends_before_start",
            ),
            (
                "period",
                json!({"unit": "month", "offset": -99}),
                "/period/offset",
                "out_of_range",
            ),
            (
                "catch_up",
                json!({"policy": "all", "cap": 0}),
                "/catch_up/cap",
                "out_of_range",
            ),
            ("kind", json!("assessment"), "/kind", "no_document"),
        ] {
            let mut body = monthly(program);
            body[field] = value;
            let refused = office.post("/v1/schedules", &body).await.expect(422);
            let error = &refused.json()["errors"][0];
            assert_eq!(
                (&error["pointer"], &error["code"]),
                (&json!(pointer), &json!(code)),
                "{}",
                refused.text
            );
        }
        assert_eq!(
            office.get("/v1/schedules").await.expect(200).json()["items"],
            json!([])
        );
    });
}

#[apply(both_databases)]
fn a_schedule_belongs_to_its_issuer(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let program = campaign(api).await;
        let office = api.caller("340000", Role::ProvinceAdmin).await;
        let mut own = monthly(program);
        own["id"] = json!("0190a000-0000-7000-8000-000000000001");
        let set = office.post("/v1/schedules", &own).await.expect(201);
        let before = office.post("/v1/schedules", &own).await.expect(200);
        assert_eq!(set.json(), before.json());
        own["spec"] = json!("0 0 10 1 * *");
        office.post("/v1/schedules", &own).await.expect(409);

        let location = set.header("location").unwrap();
        let city_admin = api.caller("340300", Role::ProvinceAdmin).await;
        let foreign = city_admin
            .post("/v1/schedules", &monthly(program))
            .await
            .expect(422);
        assert_eq!(foreign.json()["errors"][0]["pointer"], "/program");
        for path in ["", "/occurrences", "/preview"] {
            city_admin.get(&format!("{location}{path}")).await.expect(404);
        }
        for verb in ["pause", "resume"] {
            city_admin
                .post(&format!("{location}/{verb}"), &json!({}))
                .await
                .expect(404);
        }
        assert_eq!(
            city_admin.get("/v1/schedules").await.expect(200).json()["items"],
            json!([])
        );
        let supervisor = api.caller("340000", Role::Supervisor).await;
        supervisor.get(location).await.expect(200);
        supervisor
            .post("/v1/schedules", &monthly(program))
            .await
            .expect(403);
        supervisor
            .post(&format!("{location}/pause"), &json!({}))
            .await
            .expect(403);
    });
}

#[apply(both_databases)]
fn a_bulletin_composed_by_hand_goes_to_whom_the_schedule_says(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let program = campaign(api).await;
        let office = api.caller("340000", Role::ProvinceAdmin).await;
        let mut body = monthly(program);
        body["recipients"] = json!({"cohort": "non_pilot", "post": "federation"});
        let refused = office.post("/v1/schedules", &body).await.expect(422).json();
        assert_eq!(
            refused["errors"][0]["code"], "only_to_pilots",
            "others get no progress bulletin"
        );
        body["recipients"] = json!({"cohort": "pilot", "post": "united_front_dept"});
        office.post("/v1/schedules", &body).await.expect(201);
        let bulletin = office
            .post("/v1/bulletins", &of_month(program, "2022-05"))
            .await
            .expect(201);
        let notices = office
            .get(&format!("{}/notices", bulletin.header("location").unwrap()))
            .await
            .expect(200)
            .json();
        assert_eq!(notices["items"].as_array().unwrap().len(), 1);
        assert_eq!(notices["items"][0]["area"], "340300");
        assert_eq!(notices["items"][0]["post"], "united_front_dept");

        // A second schedule for the same periods would find its bulletins made, and its recipients would get nothing.
        let twin = office.post("/v1/schedules", &monthly(program)).await.expect(409);
        assert_eq!(twin.json()["type"], "/problems/schedule_exists");
    });
}
