//! `/v1/deliveries/{id}`, `/redeliver` and `/cancel`: a person decides about a notice that did not go out by itself.

use chrono::TimeDelta;
use diesel::prelude::*;
use qiaojian_domain::access::Role;
use qiaojian_domain::clock::Clock as _;
use qiaojian_domain::delivery::DeliveryState;
use qiaojian_store::StoreError;
use qiaojian_store::db::schema::{audit_entries, deliveries};
use qiaojian_tests::Backend;
use qiaojian_tests::api::{Client, TestApi, with_api};
use rstest_reuse::apply;
use serde_json::{Value, json};

use super::bulletins::{campaign, published};
use crate::both_databases;

/// The address of the one delivery there is, to 蚌埠 by mail; and the office that published it.
async fn one_delivery(api: &TestApi) -> (Client, String) {
    let program = campaign(api).await;
    let city = api.caller("340300", Role::CityReporter).await;
    let endpoint = json!({"area": "340300", "channel": "email", "address": "qiaolian@bengbu.example"});
    city.post("/v1/endpoints", &endpoint).await.expect(201);
    let office = api.caller("340000", Role::Supervisor).await;
    published(&office, program, "2022-05").await;
    let all = office.get("/v1/deliveries").await.expect(200).json();
    assert_eq!(all["items"].as_array().unwrap().len(), 1);
    let path = format!("/v1/deliveries/{}", all["items"][0]["id"].as_str().unwrap());
    (office, path)
}

async fn put_in(api: &TestApi, state: DeliveryState) {
    api.db
        .write(move |tx| {
            diesel::update(deliveries::table)
                .set((deliveries::state.eq(state), deliveries::reason.eq(None::<String>)))
                .execute(tx.conn)?;
            Ok::<_, StoreError>(())
        })
        .await
        .unwrap();
}

/// Verb, token, and states before and after, of what was done to deliveries, in order.
async fn trail(api: &TestApi) -> Vec<(String, bool, Option<String>, Option<String>)> {
    api.db
        .read(|conn| {
            Ok::<_, StoreError>(
                audit_entries::table
                    .filter(audit_entries::resource.eq("delivery"))
                    .order((audit_entries::seq, audit_entries::ordinal))
                    .select((
                        audit_entries::verb,
                        audit_entries::token_id.is_not_null(),
                        audit_entries::before_digest,
                        audit_entries::after_digest,
                    ))
                    .load(conn)?,
            )
        })
        .await
        .unwrap()
}

#[apply(both_databases)]
fn what_did_not_go_out_is_queued_again_for_a_new_lifetime(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let (office, path) = one_delivery(api).await;
        for state in [
            DeliveryState::Expired,
            DeliveryState::Dead,
            DeliveryState::NeedsReview,
        ] {
            put_in(api, state).await;
            api.clock.advance(TimeDelta::days(40));
            let office = api.caller("340000", Role::Supervisor).await;
            let again = office
                .post(
                    &format!("{path}/redeliver"),
                    &json!({"reason": "对方来电称未收到"}),
                )
                .await
                .expect(200)
                .json();
            let now = api.clock.now().to_string();
            assert_eq!(
                (&again["state"], &again["not_before"], &again["reason"]),
                (&json!("queued"), &json!(now), &json!("对方来电称未收到")),
                "{state}"
            );
            assert!(again["expires_at"].as_str().unwrap() > now.as_str(), "{again}");
            assert_eq!(again, office.get(&path).await.expect(200).json());
        }
        drop(office);
        let done = trail(api).await;
        let steps: Vec<_> = done
            .iter()
            .map(|(verb, token, ..)| (verb.as_str(), *token))
            .collect();
        assert_eq!(steps, [("redeliver", true); 3]);
    });
}

#[apply(both_databases)]
fn what_is_not_being_sent_can_be_taken_back(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let (office, path) = one_delivery(api).await;
        let body = json!({"reason": "已电话告知"});
        let key = "0190a000-0000-7000-8000-00000000c0de";
        let cancelled = office
            .post_once(&format!("{path}/cancel"), key, &body)
            .await
            .expect(200);
        assert_eq!(
            (&cancelled.json()["state"], &cancelled.json()["reason"]),
            (&json!("cancelled"), &json!("已电话告知"))
        );
        let same = office
            .post_once(&format!("{path}/cancel"), key, &body)
            .await
            .expect(200);
        assert_eq!(same.json(), cancelled.json());
        put_in(api, DeliveryState::NeedsReview).await;
        office.post(&format!("{path}/cancel"), &body).await.expect(200);
        let word = |state: &str| Some(state.to_owned());
        assert_eq!(
            trail(api).await,
            [
                ("cancel".to_owned(), true, word("queued"), word("cancelled")),
                ("cancel".to_owned(), true, word("needs_review"), word("cancelled")),
            ]
        );
    });
}

#[apply(both_databases)]
fn a_state_that_does_not_allow_it_is_named_and_nothing_changes(#[case] backend: Backend) {
    use DeliveryState as S;
    with_api(backend, async |api| {
        let (office, path) = one_delivery(api).await;
        let body = json!({"reason": "再发一次"});
        for (verb, states) in [
            (
                "redeliver",
                [S::Queued, S::Leased, S::Sending, S::Sent, S::Cancelled].as_slice(),
            ),
            (
                "cancel",
                [S::Sending, S::Sent, S::Dead, S::Expired, S::Cancelled].as_slice(),
            ),
        ] {
            for state in states {
                put_in(api, *state).await;
                let before = office.get(&path).await.expect(200).json();
                let request = office
                    .request(reqwest::Method::POST, &format!("{path}/{verb}"))
                    .header("Accept-Language", "en")
                    .json(&body);
                let refused = office.send(request).await.expect(409).json();
                assert_eq!(refused["type"], "/problems/transition_refused", "{verb} {state}");
                assert!(
                    refused["detail"].as_str().unwrap().contains(state.as_str()),
                    "{refused}"
                );
                assert_eq!(before, office.get(&path).await.expect(200).json());
            }
        }
        assert_eq!(trail(api).await, []);
    });
}

#[apply(both_databases)]
fn only_those_above_the_recipient_decide_and_they_say_why(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let (office, path) = one_delivery(api).await;
        let elsewhere = api.caller("341800", Role::Supervisor).await;
        let city = api.caller("340300", Role::CityReporter).await;
        for verb in ["redeliver", "cancel"] {
            let path = format!("{path}/{verb}");
            elsewhere.post(&path, &json!({"reason": "x"})).await.expect(404);
            city.post(&path, &json!({"reason": "x"})).await.expect(403);
            office.post(&path, &json!({})).await.expect(400);
            office
                .post(&path, &json!({"reason": "x", "force": true}))
                .await
                .expect(400);
            for reason in [" ".to_owned(), "长".repeat(2001)] {
                let refused = office.post(&path, &json!({ "reason": reason })).await.expect(422);
                assert_eq!(refused.json()["errors"][0]["pointer"], "/reason");
            }
        }
        let untouched: Value = office.get(&path).await.expect(200).json();
        assert_eq!(untouched["state"], "queued");
        assert_eq!(untouched.get("reason"), None);
    });
}

#[apply(both_databases)]
fn whoever_has_not_seen_the_latest_is_told_so(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let (office, path) = one_delivery(api).await;
        let shown = office.get(&path).await.expect(200);
        assert_eq!(
            (shown.header("etag"), &shown.json()["version"]),
            (Some("\"1\""), &json!(1))
        );
        let act = |verb: &'static str, etag: &'static str| {
            let request = office.request(reqwest::Method::POST, &format!("{path}/{verb}"));
            office.send(
                request
                    .header("If-Match", etag)
                    .json(&json!({"reason": "已电话告知"})),
            )
        };
        act("cancel", "1").await.expect(400);
        let stale = act("cancel", "\"7\"").await.expect(412).json();
        assert_eq!(stale["type"], "/problems/stale");
        assert_eq!(office.get(&path).await.expect(200).json(), shown.json());
        let cancelled = act("cancel", "\"1\"").await.expect(200);
        assert_eq!(
            (cancelled.header("etag"), &cancelled.json()["version"]),
            (Some("\"2\""), &json!(2))
        );
        put_in(api, DeliveryState::Dead).await;
        act("redeliver", "\"1\"").await.expect(412);
        let again = act("redeliver", "\"2\"").await.expect(200);
        assert_eq!(
            (again.header("etag"), &again.json()["state"]),
            (Some("\"3\""), &json!("queued")),
            "one change, whatever it writes"
        );
        let listed = office.get("/v1/deliveries").await.expect(200).json();
        assert_eq!(listed["items"][0]["version"], 3);
        let steps: Vec<_> = trail(api).await.into_iter().map(|(verb, ..)| verb).collect();
        assert_eq!(steps, ["cancel", "redeliver"]);
    });
}
