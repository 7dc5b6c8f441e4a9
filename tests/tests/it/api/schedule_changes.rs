//! `PATCH` and `DELETE /v1/schedules/{id}`: a schedule is changed, ended, set to another period, deleted.

use std::sync::Arc;

use qiaojian_domain::access::Role;
use qiaojian_domain::clock::OsEntropy;
use qiaojian_domain::ids::BulletinId;
use qiaojian_store::{StoreError, occurrences, schedules};
use qiaojian_tests::Backend;
use qiaojian_tests::api::{Client, Reply, TestApi, with_api};
use rstest_reuse::apply;
use serde_json::{Value, json};

use super::bulletins::{campaign, of_month};
use super::schedules::monthly;
use crate::both_databases;

async fn tick(api: &TestApi) -> schedules::Ticked {
    let clock = Arc::clone(&api.clock);
    let ticked = api
        .db
        .write(move |tx| schedules::tick(tx, clock.as_ref(), &OsEntropy));
    ticked.await.unwrap()
}

/// The periods of a schedule that have a row, with the state and the reason of each.
async fn rows(office: &Client, location: &str) -> Vec<String> {
    let reply = office.get(&format!("{location}/occurrences")).await.expect(200);
    let word = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let items = reply.json()["items"].as_array().unwrap().clone();
    items
        .iter()
        .map(|item| {
            format!(
                "{} {} {}",
                word(&item["period"]),
                word(&item["state"]),
                word(&item["reason"])
            )
        })
        .collect()
}

async fn change(office: &Client, location: &str, change: &Value) -> Reply {
    let etag = office.get(location).await.expect(200);
    office.patch(location, etag.header("etag"), change).await
}

#[apply(both_databases)]
fn no_change_of_the_timing_issues_a_period_twice_or_leaves_one_out(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let program = campaign(api).await;
        let office = api.caller("340000", Role::ProvinceAdmin).await;
        let set = office.post("/v1/schedules", &monthly(program)).await.expect(201);
        let location = set.header("location").unwrap().to_owned();
        assert_eq!(set.json()["next_period"], "2022-03");
        tick(api).await;
        let issued = ["2022-03 open -", "2022-04 open -", "2022-05 open -"];
        assert_eq!(rows(&office, &location).await, issued);

        for timing in [
            json!({"spec": "0 0 10 1 * *", "approval": "automatic"}),
            json!({"spec": "0 30 8 15 * *"}),
            json!({"time_zone": "Asia/Urumqi", "workday_policy": "next"}),
        ] {
            let changed = change(&office, &location, &timing).await.expect(200).json();
            assert_eq!(changed["next_period"], "2022-06", "{timing}");
            assert_eq!(tick(api).await.opened, 0, "{timing}");
            assert_eq!(rows(&office, &location).await, issued);
        }
        // From the month just over to the month it fires in: June, due on the 15th, is caught up.
        let changed = change(&office, &location, &json!({"period": {"offset": 0}})).await;
        assert_eq!(changed.expect(200).json()["next_period"], "2022-06");
        assert_eq!(tick(api).await.opened, 1);
        // An earlier beginning adds what is before, and nothing else.
        change(&office, &location, &json!({"starts_period": "2022-02"}))
            .await
            .expect(200);
        assert_eq!(tick(api).await.opened, 1);
        let now = rows(&office, &location).await;
        assert_eq!(now.len(), 5, "{now:?}");

        for (wrong, status) in [
            (json!({"program": program, "kind": "chase"}), 400),
            (json!({"period": {"unit": "week"}}), 400),
            (json!({"id": "0190a000-0000-7000-8000-000000000001"}), 400),
            (json!({"speck": "0 0 9 1 * *"}), 400),
            (json!({"spec": "0 0 9 1,15 * *"}), 422),
            (json!({"recipients": {"cohort": "non_pilot"}}), 422),
            (json!({"ends_period": "2022-01"}), 422),
        ] {
            change(&office, &location, &wrong).await.expect(status);
        }
        office.patch(&location, None, &json!({})).await.expect(428);
        office
            .patch(&location, Some("\"1\""), &json!({}))
            .await
            .expect(412);
        let supervisor = api.caller("340000", Role::Supervisor).await;
        supervisor
            .patch(&location, Some("\"1\""), &json!({}))
            .await
            .expect(403);
        let city = api.caller("340300", Role::ProvinceAdmin).await;
        city.patch(&location, Some("\"1\""), &json!({})).await.expect(404);
        city.delete(&location, Some("\"1\"")).await.expect(404);
    });
}

#[apply(both_databases)]
fn a_schedule_that_has_ended_blocks_nobody(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let program = campaign(api).await;
        let office = api.caller("340000", Role::ProvinceAdmin).await;
        let set = office.post("/v1/schedules", &monthly(program)).await.expect(201);
        let location = set.header("location").unwrap().to_owned();
        let refused = office.post("/v1/schedules", &monthly(program)).await.expect(409);
        assert_eq!(refused.json()["type"], "/problems/schedule_exists");
        tick(api).await;

        // What still waits to be composed, and lies behind the end, is not issued any more, and says so.
        change(&office, &location, &json!({"ends_period": "2022-04"}))
            .await
            .expect(200);
        let ended = office.get(&location).await.expect(200).json();
        assert_eq!(
            (&ended["next_due_at"], &ended["next_period"]),
            (&json!(null), &json!(null))
        );
        assert_eq!(
            rows(&office, &location).await,
            [
                "2022-03 open -",
                "2022-04 open -",
                "2022-05 missed outside_schedule"
            ]
        );
        // The same periods again: those that have a bulletin keep it.
        let second = office.post("/v1/schedules", &monthly(program)).await.expect(201);
        // The first cannot go on beside it, but may begin again once the other leaves its periods alone.
        change(&office, &location, &json!({"ends_period": null}))
            .await
            .expect(409);
        let second = second.header("location").unwrap().to_owned();
        change(&office, &second, &json!({"starts_period": "2022-09"}))
            .await
            .expect(200);
        change(&office, &location, &json!({"ends_period": "2022-08"}))
            .await
            .expect(200);
        change(&office, &location, &json!({"ends_period": "2022-09"}))
            .await
            .expect(409);
    });
}

#[apply(both_databases)]
fn a_person_sets_the_next_period_and_says_why(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let program = campaign(api).await;
        let office = api.caller("340000", Role::ProvinceAdmin).await;
        let set = office.post("/v1/schedules", &monthly(program)).await.expect(201);
        let location = set.header("location").unwrap().to_owned();
        let refused = change(&office, &location, &json!({"next_period": "2022-05"}))
            .await
            .expect(422);
        assert_eq!(refused.json()["errors"][0]["code"], "reason_required");
        for outside in ["2022-02", "2022-W20"] {
            let wrong = json!({"next_period": outside, "reason": "补发"});
            let refused = change(&office, &location, &wrong).await.expect(422);
            assert_eq!(refused.json()["errors"][0]["pointer"], "/next_period");
        }
        let forward = json!({"next_period": "2022-05", "reason": "三、四月已发纸质通报"});
        let changed = change(&office, &location, &forward).await.expect(200).json();
        assert_eq!(changed["reason"], "三、四月已发纸质通报");
        assert_eq!(changed["next_period"], "2022-05");
        assert_eq!(tick(api).await.opened, 1);
        assert_eq!(
            rows(&office, &location).await,
            [
                "2022-03 missed passed_over",
                "2022-04 missed passed_over",
                "2022-05 open -"
            ]
        );
        let back = json!({"next_period": "2022-04", "reason": "四月还是要发"});
        change(&office, &location, &back).await.expect(200);
        assert_eq!(tick(api).await.opened, 1);
        assert_eq!(
            rows(&office, &location).await,
            ["2022-03 missed passed_over", "2022-04 open -", "2022-05 open -"]
        );
        let ahead = json!({"next_period": "2022-08", "reason": "六、七月不发"});
        change(&office, &location, &ahead).await.expect(200);
        assert_eq!(
            rows(&office, &location).await,
            [
                "2022-03 missed passed_over",
                "2022-04 missed passed_over",
                "2022-05 missed passed_over",
                "2022-06 missed passed_over",
                "2022-07 missed passed_over",
            ],
            "what waits to be composed is passed over too"
        );
    });
}

#[apply(both_databases)]
fn a_schedule_that_came_to_nothing_is_deleted(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let program = campaign(api).await;
        let office = api.caller("340000", Role::ProvinceAdmin).await;
        let set = office.post("/v1/schedules", &monthly(program)).await.expect(201);
        let location = set.header("location").unwrap().to_owned();
        tick(api).await;
        office.delete(&location, None).await.expect(428);
        office.delete(&location, Some("\"1\"")).await.expect(204);
        office.get(&location).await.expect(404);

        let set = office.post("/v1/schedules", &monthly(program)).await.expect(201);
        let location = set.header("location").unwrap().to_owned();
        tick(api).await;
        let made = office
            .post("/v1/bulletins", &of_month(program, "2022-03"))
            .await
            .expect(201);
        let bulletin: BulletinId = made.json()["id"].as_str().unwrap().parse().unwrap();
        let now = qiaojian_domain::clock::Clock::now(api.clock.as_ref());
        api.db
            .write(move |tx| {
                let next = occurrences::next_open(tx.conn, now)?.expect("an open one");
                occurrences::composed(tx.conn, next.id, bulletin, now)?;
                Ok::<_, StoreError>(())
            })
            .await
            .unwrap();
        let refused = office.delete(&location, Some("\"1\"")).await.expect(409);
        assert_eq!(refused.json()["type"], "/problems/schedule_in_use");
    });
}
