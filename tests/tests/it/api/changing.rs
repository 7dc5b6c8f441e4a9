//! What is otherwise from a day on, what never was, and what another area has taken over.

use qiaojian_domain::access::Role;
use qiaojian_tests::Backend;
use qiaojian_tests::api::{Client, with_api};
use rstest_reuse::apply;
use serde_json::{Value, json};

use crate::both_databases;

async fn establish(caller: &Client, area: &str, more: Value) -> String {
    let mut body = json!({"area": area, "kind": "federation", "name": format!("{area}侨联"), "status": "established",
        "established_on": "2020-01-06"});
    for (field, value) in more.as_object().unwrap() {
        body[field] = value.clone();
    }
    let made = caller.post("/v1/organizations", &body).await.expect(201);
    format!("/v1/organizations/{}", made.json()["id"].as_str().unwrap())
}

async fn on(caller: &Client, path: &str, day: &str) -> Value {
    caller
        .get(&format!("{path}?as_of={day}"))
        .await
        .expect(200)
        .json()
}

async fn etag(caller: &Client, path: &str) -> String {
    let reply = caller.get(path).await.expect(200);
    reply.header("etag").unwrap().to_owned()
}

#[apply(both_databases)]
fn a_new_name_a_raised_quota_and_a_lost_venue_leave_earlier_days_as_they_were(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let county = api.caller("340304", Role::CountyReporter).await;
        let five = |have| json!({"have": have, "on": "2021-03-01"});
        let all = json!({"organization": five(true), "team": five(true), "funding": five(true), "venue": five(true),
            "activity": five(true)});
        let path = establish(
            &county,
            "340304",
            json!({"name": "芜湖县侨联", "quota_posts": 2, "posts_filled": 2, "five_have": all, "affiliation": "统战部"}),
        )
        .await;
        let change = async |body: Value| county.post(&format!("{path}/change"), &body).await;
        change(json!({"on": "2021-06-01", "set": {"name": "湾沚区侨联"}, "reason": "撤县设区"}))
            .await
            .expect(200);
        change(json!({"on": "2022-02-01", "set": {"quota_posts": 3, "affiliation": null}}))
            .await
            .expect(200);
        let lost =
            json!({"on": "2022-06-01", "set": {"five_have": {"venue": {"have": false, "on": "2022-06-01"}}}});
        change(lost.clone()).await.expect(200);
        let told = async |day: &str| {
            let one = on(&county, &path, day).await;
            (
                one["name"].clone(),
                one["quota_posts"].clone(),
                one["affiliation"].clone(),
            )
        };
        let (old, new) = (json!("芜湖县侨联"), json!("湾沚区侨联"));
        assert_eq!(told("2021-05-31").await, (old.clone(), json!(2), json!("统战部")));
        assert_eq!(told("2021-06-01").await, (new.clone(), json!(2), json!("统战部")));
        assert_eq!(told("2022-02-01").await, (new.clone(), json!(3), Value::Null));
        let rate = async |day: &str| {
            let query = format!("/v1/figures?metric=five_have_rate&cohort=all&as_of={day}");
            county.get(&query).await.expect(200).json()["totals"][0]["numerator"].clone()
        };
        assert_eq!(
            (rate("2022-05-31").await, rate("2022-06-01").await),
            (json!(1), json!(0))
        );

        // A correction says what was never so, and leaves the days of the changes alone.
        let correct = json!({"posts_filled": 1, "reason": "误录"});
        county
            .patch(&path, Some(&etag(&county, &path).await), &correct)
            .await
            .expect(200);
        let first = on(&county, &path, "2021-05-31").await;
        assert_eq!((&first["name"], &first["posts_filled"]), (&old, &json!(1)));
        assert_eq!(told("2022-02-01").await.1, json!(3));
        let history = county.get(&format!("{path}/history")).await.expect(200).json();
        let verbs: Vec<&str> = history["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|event| event["verb"].as_str().unwrap())
            .collect();
        assert_eq!(verbs, ["create", "change", "change", "change", "update"]);

        for (body, status, code) in [
            (lost, 422, "nothing_changed"),
            (
                json!({"on": "2022-06-02", "set": {"status": "closed"}}),
                422,
                "not_changeable",
            ),
            (
                json!({"on": "2022-06-25", "set": {"name": "x"}}),
                422,
                "date_in_future",
            ),
            (
                json!({"on": "2021-01-01", "set": {"name": "x"}}),
                422,
                "dates_out_of_order",
            ),
        ] {
            let refused = change(body).await.expect(status).json();
            assert_eq!(refused["errors"][0]["code"], code, "{refused}");
        }
    });
}

#[apply(both_databases)]
fn what_the_area_above_has_verified_is_voided_by_it(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let street = api.caller("340304001", Role::TownshipReporter).await;
        let county = api.caller("340304", Role::CountyReporter).await;
        let path = establish(&street, "340304001", json!({})).await;
        county
            .post(&format!("{path}/verify"), &json!({}))
            .await
            .expect(200);
        let void = async |caller: &Client, reason: &str| {
            let tag = etag(caller, &path).await;
            caller
                .delete(&format!("{path}?reason={reason}"), Some(&tag))
                .await
        };
        let asked = void(&street, "duplicate").await.expect(202).json();
        assert_eq!(
            (&asked["verification"], &asked["verification_reason"]),
            (&json!("void_asked"), &json!("duplicate"))
        );
        assert_eq!(
            void(&street, "again").await.expect(409).json()["type"],
            "/problems/void_asked"
        );
        // It counts on, and stands in the list of what waits.
        let count = async || {
            let query = "/v1/figures?metric=organizations&cohort=all";
            county.get(query).await.expect(200).json()["totals"][0]["numerator"].clone()
        };
        assert_eq!(count().await, 1);
        let waits = county
            .get("/v1/organizations?verification=void_asked")
            .await
            .expect(200)
            .json();
        assert_eq!(waits["items"].as_array().unwrap().len(), 1);
        street
            .post(&format!("{path}/verify"), &json!({}))
            .await
            .expect(403);
        // Refused, it stands confirmed; asked once more and agreed to, it is gone.
        let refused = county
            .post(&format!("{path}/reject"), &json!({"reason": "确有其事"}))
            .await
            .expect(200)
            .json();
        assert_eq!(refused["verification"], "verified");
        void(&street, "duplicate").await.expect(202);
        county
            .post(&format!("{path}/verify"), &json!({}))
            .await
            .expect(204);
        street.get(&path).await.expect(404);
        assert_eq!(count().await, 0);
        for caller in [&street, &county] {
            let history = caller.get(&format!("{path}/history")).await.expect(200).json();
            let last = history["items"].as_array().unwrap().last().unwrap().clone();
            assert_eq!(
                (&last["verb"], &last["reason"]),
                (&json!("delete"), &json!("duplicate"))
            );
        }
        let stranger = api.caller("341800", Role::CityReporter).await;
        stranger.get(&format!("{path}/history")).await.expect(404);
        // What nobody has confirmed is voided by whoever reported it.
        let own = establish(&street, "340304001", json!({})).await;
        let tag = etag(&street, &own).await;
        street
            .delete(&format!("{own}?reason=x"), Some(&tag))
            .await
            .expect(204);
    });
}

#[apply(both_databases)]
fn who_has_lost_an_area_reads_what_was_known_until_then(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let office = api.caller("340000", Role::ProvinceAdmin).await;
        let old = api.caller("340300", Role::CityReporter).await;
        let path = establish(
            &office,
            "340322",
            json!({"note": "before", "term_ends_on": "2022-08-01", "unveiled_on": "2020-02-01"}),
        )
        .await;
        let kept = establish(&office, "340304", json!({"note": "kept"})).await;
        let turn = json!({"parent": "341800", "on": "2022-05-01", "reason": "区划调整"});
        office.post("/v1/areas/340322/move", &turn).await.expect(200);
        let new = api.caller("341800", Role::CityReporter).await;
        let patch = json!({"note": "secret", "name": "新名侨联", "reason": "更正"});
        new.patch(&path, Some(&etag(&new, &path).await), &patch)
            .await
            .expect(200);

        old.get(&path).await.expect(404);
        let then = "2022-04-30";
        let told = on(&old, &path, then).await;
        assert_eq!(
            (&told["note"], &told["name"]),
            (&json!("before"), &json!("340322侨联"))
        );
        assert_eq!(on(&new, &path, "2022-05-01").await["note"], "secret");
        assert_eq!(on(&office, &path, then).await["note"], "secret");
        assert_eq!(on(&old, &kept, then).await["note"], "kept");
        for list in [
            format!("/v1/organizations?as_of={then}"),
            format!("/v1/organizations?as_of={then}&limit=1"),
            format!("/v1/organizations?as_of={then}&q=%E6%96%B0%E5%90%8D"),
            format!("/v1/organizations/unveilings?as_of={then}&finding=alone,unknown,not_unveiled"),
            format!("/v1/organizations/renewals?as_of={then}&within_days=300"),
            format!("/v1/organizations/dormant?as_of={then}&finding=unknown"),
            format!("/v1/organizations/export?as_of={then}&format=csv"),
            format!("/v1/figures/members?metric=organizations&cohort=all&as_of={then}"),
        ] {
            let reply = old.get(&list).await.expect(200);
            assert!(
                !reply.text.contains("secret") && !reply.text.contains("新名"),
                "{list}: {}",
                reply.text
            );
        }
        let all = old
            .get(&format!("/v1/organizations?as_of={then}"))
            .await
            .expect(200)
            .json();
        let notes: Vec<&str> = all["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| item["note"].as_str().unwrap())
            .collect();
        assert_eq!(notes, ["kept", "before"]);
        let members = old
            .get(&format!(
                "/v1/figures/members?metric=organizations&cohort=all&as_of={then}"
            ))
            .await
            .expect(200);
        assert_eq!(members.json()["items"].as_array().unwrap().len(), 2);
        assert!(members.text.contains("340322侨联"), "{}", members.text);
    });
}
