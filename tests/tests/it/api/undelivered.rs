//! Who is not reached, and what becomes of it once there is an endpoint.

use diesel::prelude::*;
use qiaojian_domain::access::Role;
use qiaojian_domain::delivery::DeliveryState;
use qiaojian_store::StoreError;
use qiaojian_store::db::schema::{deliveries, endpoints};
use qiaojian_tests::Backend;
use qiaojian_tests::api::{Client, TestApi, with_api};
use rstest_reuse::apply;
use serde_json::{Value, json};

use super::bulletins::{campaign, of_month, published};
use crate::both_databases;

fn mail(address: &str) -> Value {
    json!({"area": "340300", "channel": "email", "address": address})
}

async fn only_delivery(office: &Client) -> Value {
    let all = office.get("/v1/deliveries").await.expect(200).json();
    assert_eq!(all["items"].as_array().unwrap().len(), 1, "{all}");
    all["items"][0].clone()
}

async fn put_in(api: &TestApi, state: DeliveryState) {
    api.db
        .write(move |tx| {
            diesel::update(deliveries::table)
                .set(deliveries::state.eq(state))
                .execute(tx.conn)?;
            Ok::<_, StoreError>(())
        })
        .await
        .unwrap();
}

#[apply(both_databases)]
fn who_cannot_be_reached_is_named_confirmed_and_listed(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let program = campaign(api).await;
        let office = api.caller("340000", Role::Supervisor).await;
        let composed = office
            .post("/v1/bulletins", &of_month(program, "2022-05"))
            .await
            .expect(201);
        let location = composed.header("location").unwrap().to_owned();
        assert_eq!(composed.json()["unreachable"], json!(null));
        office
            .post(&format!("{location}/approve"), &json!({}))
            .await
            .expect(200);
        let publish = format!("{location}/publish");
        for confirmed in [json!({}), json!({"unreachable": 2})] {
            let refused = office.post(&publish, &confirmed).await.expect(409).json();
            assert_eq!(refused["type"], "/problems/recipients_unreachable");
            assert_eq!(refused["errors"][0]["code"], "no_endpoint");
            assert!(
                refused["errors"][0]["detail"]
                    .as_str()
                    .unwrap()
                    .contains("340300"),
                "{refused}"
            );
        }
        let out = office
            .post(&publish, &json!({"unreachable": 1}))
            .await
            .expect(200)
            .json();
        assert_eq!(
            (&out["state"], &out["unreachable"]),
            (&json!("published"), &json!(1))
        );

        let nowhere = only_delivery(&office).await;
        assert_eq!(
            (
                &nowhere["state"],
                &nowhere["reason"],
                &nowhere["channel"],
                &nowhere["endpoint"]
            ),
            (
                &json!("undeliverable"),
                &json!("no_endpoint"),
                &json!(null),
                &json!(null)
            )
        );
        let listed = office
            .get("/v1/deliveries?state=undeliverable")
            .await
            .expect(200)
            .json();
        assert_eq!(listed["items"][0], nowhere);
        let notices = office
            .get(&format!("{location}/notices"))
            .await
            .expect(200)
            .json();
        assert_eq!(notices["items"][0]["undeliverable_reason"], "no_endpoint");
        let path = format!("/v1/deliveries/{}", nowhere["id"].as_str().unwrap());
        office
            .post(&format!("{path}/redeliver"), &json!({"reason": "x"}))
            .await
            .expect(409);
        let deliver = format!("/v1/notices/{}/deliver", nowhere["notice"].as_str().unwrap());
        let refused = office.post(&deliver, &json!({})).await.expect(409).json();
        assert_eq!(refused["type"], "/problems/no_endpoint");

        // The city reads it all the same, and is not told about others.
        let city = api.caller("340300", Role::CityReporter).await;
        assert_eq!(
            city.get(&location).await.expect(200).json()["unreachable"],
            json!(null)
        );
        let set = city
            .post("/v1/endpoints", &mail("qiaolian@bengbu.example"))
            .await
            .expect(201);
        assert_eq!(set.json()["undelivered"], 1, "offered, not done");
        assert_eq!(only_delivery(&office).await["state"], "undeliverable");
        city.post(&deliver, &json!({})).await.expect(403);
        let sent = office.post(&deliver, &json!({})).await.expect(200).json();
        assert_eq!(sent.get("undeliverable_reason"), None);
        let queued = only_delivery(&office).await;
        assert_eq!(
            (&queued["id"], &queued["state"], &queued["endpoint"]),
            (&nowhere["id"], &json!("queued"), &set.json()["id"])
        );
        assert_eq!(office.get(&location).await.expect(200).json()["unreachable"], 0);
        // Once more changes nothing; another mailbox gets it too.
        office.post(&deliver, &json!({})).await.expect(200);
        assert_eq!(only_delivery(&office).await, queued);
        city.post("/v1/endpoints", &json!({"area": "340300", "channel": "file"}))
            .await
            .expect(201);
        office.post(&deliver, &json!({})).await.expect(200);
        let all = office.get("/v1/deliveries?state=queued").await.expect(200).json();
        assert_eq!(all["items"].as_array().unwrap().len(), 2);
    });
}

#[apply(both_databases)]
fn an_endpoint_that_is_made_or_resumed_takes_what_has_not_arrived(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let program = campaign(api).await;
        let office = api.caller("340000", Role::Supervisor).await;
        for month in ["2022-03", "2022-04", "2022-05"] {
            published(&office, program, month).await;
        }
        let city = api.caller("340300", Role::CityReporter).await;
        let mut body = mail("qiaolian@bengbu.example");
        body["deliver"] = json!(true);
        let set = city.post("/v1/endpoints", &body).await.expect(201);
        assert_eq!(set.json()["undelivered"], 0);
        let queued = office.get("/v1/deliveries?state=queued").await.expect(200).json();
        assert_eq!(queued["items"].as_array().unwrap().len(), 3);

        let location = set.header("location").unwrap().to_owned();
        city.post(&format!("{location}/pause"), &json!({}))
            .await
            .expect(200);
        put_in(api, DeliveryState::Expired).await;
        let resume = format!("{location}/resume");
        let resumed = city.post(&resume, &json!({})).await.expect(200);
        assert_eq!(resumed.json()["undelivered"], 3);
        let resumed = city.post(&resume, &json!({"deliver": true})).await.expect(200);
        assert_eq!(resumed.json()["undelivered"], 0);
        // What a person has to decide about, or has arrived, is not sent once more.
        for state in [DeliveryState::NeedsReview, DeliveryState::Sent] {
            put_in(api, state).await;
            let resumed = city.post(&resume, &json!({"deliver": true})).await.expect(200);
            assert_eq!(resumed.json()["undelivered"], 0);
            let queued = office.get("/v1/deliveries?state=queued").await.expect(200).json();
            assert_eq!(queued["items"], json!([]));
        }
    });
}

#[apply(both_databases)]
fn an_endpoint_that_is_given_up_settles_what_waits_and_another_takes_its_place(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let program = campaign(api).await;
        let city = api.caller("340300", Role::CityReporter).await;
        let old = city
            .post("/v1/endpoints", &mail("old@bengbu.example"))
            .await
            .expect(201);
        let office = api.caller("340000", Role::Supervisor).await;
        published(&office, program, "2022-05").await;
        let location = old.header("location").unwrap();
        city.delete(&format!("{location}?reason=邮箱停用"), Some("\"1\""))
            .await
            .expect(204);
        let settled = only_delivery(&office).await;
        assert_eq!(
            (&settled["state"], &settled["reason"]),
            (&json!("cancelled"), &json!("邮箱停用"))
        );

        put_in(api, DeliveryState::Dead).await;
        let path = format!("/v1/deliveries/{}", settled["id"].as_str().unwrap());
        let redeliver = format!("{path}/redeliver");
        let refused = office
            .post(&redeliver, &json!({"reason": "x"}))
            .await
            .expect(409)
            .json();
        assert_eq!(refused["type"], "/problems/endpoint_gone");
        let new = city
            .post("/v1/endpoints", &mail("new@bengbu.example"))
            .await
            .expect(201);
        let followed = office
            .post(&redeliver, &json!({"reason": "x"}))
            .await
            .expect(200)
            .json();
        assert_eq!(
            (&followed["state"], &followed["endpoint"]),
            (&json!("queued"), &new.json()["id"])
        );

        // The same mailbox again, after it was given up once more: the same delivery.
        let location = new.header("location").unwrap();
        city.delete(&format!("{location}?reason=x"), Some("\"1\""))
            .await
            .expect(204);
        let mut body = mail("NEW@bengbu.example");
        body["deliver"] = json!(true);
        let third = city.post("/v1/endpoints", &body).await.expect(201).json();
        let queued = only_delivery(&office).await;
        assert_eq!(
            (&queued["state"], &queued["endpoint"]),
            (&json!("queued"), &third["id"])
        );
    });
}

#[apply(both_databases)]
fn an_endpoint_is_corrected_and_its_trouble_is_seen(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let city = api.caller("340300", Role::CityReporter).await;
        let set = city
            .post("/v1/endpoints", &mail("wrnog@bengbu.example"))
            .await
            .expect(201);
        let other = city
            .post("/v1/endpoints", &mail("other@bengbu.example"))
            .await
            .expect(201);
        let location = set.header("location").unwrap().to_owned();
        api.db
            .write(|tx| {
                diesel::update(endpoints::table.filter(endpoints::address.eq("wrnog@bengbu.example")))
                    .set((
                        endpoints::fail_streak.eq(3),
                        endpoints::last_error.eq("no such host"),
                    ))
                    .execute(tx.conn)?;
                Ok::<_, StoreError>(())
            })
            .await
            .unwrap();
        let failing = city
            .get("/v1/endpoints?failing=true&status=active,paused")
            .await
            .expect(200)
            .json();
        assert_eq!(failing["items"].as_array().unwrap().len(), 1);
        assert_eq!(failing["items"][0]["last_error"], "no such host");
        let others = city.get("/v1/endpoints?failing=false").await.expect(200).json();
        assert_eq!(others["items"][0]["id"], other.json()["id"]);
        city.get("/v1/endpoints?status=lost").await.expect(400);

        let right = json!({"address": "right@bengbu.example", "on_uncertain": "review"});
        city.patch(&location, None, &right).await.expect(428);
        let corrected = city.patch(&location, Some("\"1\""), &right).await.expect(200);
        let shown = corrected.json();
        assert_eq!(
            (&shown["address"], &shown["on_uncertain"], &shown["fail_streak"]),
            (&json!("right@bengbu.example"), &json!("review"), &json!(0))
        );
        assert_eq!(shown.get("last_error"), None);
        city.patch(&location, Some("\"1\""), &right).await.expect(412);
        for (wrong, status) in [
            (json!({"address": "张三 <zhang@bengbu.example>"}), 422),
            (json!({"address": "Other@bengbu.example"}), 409),
            (json!({"area": "340304"}), 400),
        ] {
            city.patch(&location, Some("\"2\""), &wrong).await.expect(status);
        }
        let elsewhere = api.caller("341800", Role::CityReporter).await;
        elsewhere
            .patch(&location, Some("\"2\""), &right)
            .await
            .expect(404);
        city.delete(&format!("{location}?reason=x"), Some("\"2\""))
            .await
            .expect(204);
        let gone = city.get("/v1/endpoints?status=disabled").await.expect(200).json();
        assert_eq!(gone["items"].as_array().unwrap().len(), 1);
    });
}
