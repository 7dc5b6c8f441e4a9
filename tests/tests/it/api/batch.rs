//! `POST /v1/organizations/batch`: 禹会区's 77 in one call, all or nothing.

use qiaojian_domain::access::Role;
use qiaojian_tests::Backend;
use qiaojian_tests::api::{Client, Reply, with_api};
use rstest_reuse::apply;
use serde_json::{Value, json};

use crate::both_databases;

const BATCH: &str = "/v1/organizations/batch";

/// An organization a university carries: any number of them may stand in an area.
fn carried(number: usize) -> Value {
    json!({"area": "340304001", "host": "university", "kind": "work_station", "name": format!("第{number}个工作站"),
        "status": "established", "established_on": "2022-03-21", "established_precision": "ten_day"})
}

fn faults(reply: &Reply) -> Vec<String> {
    let body = reply.json();
    let errors = body["errors"].as_array().unwrap().iter();
    errors
        .map(|error| {
            format!(
                "{} {}",
                error["pointer"].as_str().unwrap(),
                error["code"].as_str().unwrap()
            )
        })
        .collect()
}

async fn all(caller: &Client) -> Vec<Value> {
    let page = caller.get("/v1/organizations?limit=200").await.expect(200);
    page.json()["items"].as_array().unwrap().clone()
}

#[apply(both_databases)]
fn seventy_seven_are_founded_in_one_call_and_one_tick(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let county = api.caller("340304", Role::CountyReporter).await;
        let mut items: Vec<Value> = (0..74).map(carried).collect();
        items.push(
            json!({"area": "340304", "kind": "federation", "name": "禹会区侨联", "status": "established",
            "established_on": "2022-03-21", "established_precision": "ten_day"}),
        );
        items.push(json!({"area": "340304001", "kind": "federation", "name": "大庆街道侨联"}));
        items.push(json!({"area": "340304001001", "kind": "work_sub_station", "name": "燕山社区工作分站"}));
        let made = county
            .post(BATCH, &json!({"items": items}))
            .await
            .expect(201)
            .json();
        let made = made["items"].as_array().unwrap();
        assert_eq!(made.len(), 77);
        assert_eq!(made[76]["name"], "燕山社区工作分站", "in the order of the call");
        assert_eq!(made[74]["verification"], "unverified");
        assert_eq!(
            made[75]["verification"], "verified",
            "as when it is recorded alone"
        );
        let figures = county
            .get("/v1/figures?metric=organizations&cohort=all")
            .await
            .expect(200)
            .json();
        assert_eq!(figures["totals"][0]["numerator"], 75);

        let mut seqs = std::collections::BTreeSet::new();
        for one in [0, 40, 76] {
            let id = made[one]["id"].as_str().unwrap();
            let history = county
                .get(&format!("/v1/organizations/{id}/history"))
                .await
                .expect(200)
                .json();
            assert_eq!(history["items"][0]["verb"], "create");
            seqs.insert(history["items"][0]["seq"].as_i64().unwrap());
        }
        assert_eq!(seqs.len(), 1, "they became known at once");
    });
}

#[apply(both_databases)]
fn everything_wrong_is_told_of_every_item_and_nothing_is_recorded(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let county = api.caller("340304", Role::CountyReporter).await;
        let there = json!({"area": "340304", "kind": "federation", "name": "禹会区侨联"});
        let made = county.post("/v1/organizations", &there).await.expect(201).json();
        let federation = json!({"area": "340304001", "kind": "federation", "name": "大庆街道侨联"});
        let items = json!([
            federation,
            {"area": "340304", "kind": "work_sub_station", "name": " "},
            {"area": "340322", "kind": "federation", "name": "五河县侨联"},
            {"area": "340304002", "kind": "federation", "name": "张公山街道侨联", "status": "closed"},
            there,
            federation,
            {"area": "340304001", "kind": "work_station", "name": "站", "status": "established", "established_on": "2022-07-01",
                "parent": "0190a000-0000-7000-8000-00000000ffff"},
            {"id": made["id"], "area": "340304-P01", "kind": "work_station", "name": "园区工作站"},
            {"area": "340304-P01", "kind": "work_station", "name": "园区工作站", "parent": "0190a000-0000-7000-8000-00000000ffff"},
        ]);
        let refused = county.post(BATCH, &json!({"items": items})).await.expect(422);
        assert_eq!(
            faults(&refused),
            [
                "/items/1/name empty",
                "/items/1/kind kind_not_at_level",
                "/items/2/area unknown_area",
                "/items/3/status status_not_allowed",
                "/items/4/kind organization_exists",
                "/items/5/kind organization_twice",
                "/items/6/established_on date_in_future",
                "/items/7/id id_taken",
                "/items/8/parent unknown_parent",
            ]
        );
        assert_eq!(all(&county).await.len(), 1, "nothing is half done");

        let malformed = json!([federation, {"area": "340304001", "kind": "club", "name": "x"}, {"kind": "federation", "name": "x"}]);
        let refused = county.post(BATCH, &json!({"items": malformed})).await.expect(400);
        assert_eq!(
            faults(&refused),
            ["/items/1/kind wrong_value", "/items/2/area missing_field"]
        );
        for (count, status) in [(0, 422), (201, 422), (200, 201)] {
            let items: Vec<Value> = (0..count).map(carried).collect();
            county.post(BATCH, &json!({"items": items})).await.expect(status);
        }
        let page = county.get("/v1/organizations?limit=200").await.expect(200).json();
        assert!(page["next_cursor"].is_string(), "200 and the one before");
    });
}

#[apply(both_databases)]
fn an_item_with_an_id_of_its_own_is_the_same_organization_for_ever(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let county = api.caller("340304", Role::CountyReporter).await;
        let own = |number: usize| {
            let mut item = carried(number);
            item["id"] = json!(format!("0190a000-0000-7000-8000-{number:012}"));
            item
        };
        let first = json!({"items": [own(1), own(2)]});
        let made = county.post(BATCH, &first).await.expect(201).json();
        let again = county.post(BATCH, &first).await.expect(200).json();
        assert_eq!(made, again);
        let more = json!({"items": [own(2), own(3)]});
        let made = county.post(BATCH, &more).await.expect(201).json();
        assert_eq!(made["items"][0], again["items"][1]);
        assert_eq!(all(&county).await.len(), 3);

        let mut other = own(1);
        other["name"] = json!("别的站");
        let refused = county
            .post(BATCH, &json!({"items": [own(4), other, own(4)]}))
            .await
            .expect(422);
        assert_eq!(faults(&refused), ["/items/1/id id_taken", "/items/2/id id_taken"]);

        let keyed = json!({"items": [carried(5)]});
        let once = county.post_once(BATCH, "k-1", &keyed).await.expect(201).json();
        let twice = county.post_once(BATCH, "k-1", &keyed).await.expect(201).json();
        assert_eq!(once, twice);
        assert_eq!(all(&county).await.len(), 4);
    });
}
