//! `POST /v1/areas/{code}/reopen`: an area that was closed or merged by mistake stands again, with what is its own.

use qiaojian_domain::access::Role;
use qiaojian_tests::Backend;
use qiaojian_tests::api::{Client, with_api};
use rstest_reuse::apply;
use serde_json::{Value, json};

use crate::both_databases;

async fn establish(caller: &Client, area: &str, kind: &str) -> String {
    let body = json!({"area": area, "kind": kind, "name": format!("{area}组织"), "status": "established",
        "established_on": "2022-03-01"});
    caller.post("/v1/organizations", &body).await.expect(201).json()["id"]
        .as_str()
        .unwrap()
        .to_owned()
}

async fn turn(caller: &Client, code: &str, verb: &str, body: Value) -> Value {
    let reply = caller.post(&format!("/v1/areas/{code}/{verb}"), &body).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    reply.json()
}

async fn area_of(caller: &Client, organization: &str, query: &str) -> String {
    let path = format!("/v1/organizations/{organization}{query}");
    let shown = caller.get(&path).await.expect(200).json();
    shown["area"].as_str().unwrap().to_owned()
}

async fn organizations(caller: &Client, area: &str, as_of: &str) -> i64 {
    let path = format!("/v1/figures?metric=organizations&cohort=all&area={area}&as_of={as_of}");
    let figures = caller.get(&path).await.expect(200).json();
    figures["totals"][0]["numerator"].as_i64().unwrap()
}

#[apply(both_databases)]
fn a_street_that_was_merged_by_mistake_has_everything_back(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let office = api.caller("340000", Role::ProvinceAdmin).await;
        let street = establish(&office, "340304001", "federation").await;
        let community = establish(&office, "340304001001", "work_station").await;
        let gone_since = establish(&office, "340304001", "work_station").await;
        let before = office.get("/v1/areas/340304001").await.expect(200).json();
        turn(
            &office,
            "340304001",
            "merge",
            json!({"into": "340304002", "on": "2022-05-01", "reason": "撤并"}),
        )
        .await;
        // What goes elsewhere itself stays there; what becomes of the county is followed.
        let away = json!({"area": "340322100", "on": "2022-05-20"});
        let path = format!("/v1/organizations/{gone_since}/move");
        office.post(&path, &away).await.expect(200);
        let moved = json!({"parent": "340322100", "on": "2022-05-20", "reason": "改隶"});
        turn(&office, "340304001002", "move", moved).await;
        let recoded = json!({"code": "340305", "on": "2022-06-01", "reason": "换码"});
        turn(&office, "340304", "rename", recoded).await;
        assert_eq!(area_of(&office, &street, "").await, "340304002");

        let wrong = office
            .post("/v1/areas/340304001/reopen", &json!({"reason": " "}))
            .await;
        assert_eq!(wrong.status, 422, "{}", wrong.text);
        let again = turn(&office, "340304001", "reopen", json!({"reason": "误并"})).await;
        assert_eq!(
            (&again["id"], &again["parent"]),
            (&before["id"], &json!("340305"))
        );
        assert_eq!(
            (&again["valid_to"], &again["successors"]),
            (&Value::Null, &Value::Null)
        );
        for query in ["", "?as_of=2022-05-10", "?as_of=2022-04-30"] {
            assert_eq!(area_of(&office, &street, query).await, "340304001", "{query}");
            assert_eq!(
                area_of(&office, &community, query).await,
                "340304001001",
                "{query}"
            );
            let shown = office
                .get(&format!("/v1/areas/340304001001{query}"))
                .await
                .expect(200)
                .json();
            assert_eq!(shown["parent"], "340304001", "{query}");
        }
        assert_eq!(
            area_of(&office, &gone_since, "?as_of=2022-05-10").await,
            "340304001"
        );
        assert_eq!(area_of(&office, &gone_since, "").await, "340322100");
        let other = office.get("/v1/areas/340304001002").await.expect(200).json();
        assert_eq!(other["parent"], "340322100");
        for (area, as_of, expected) in [
            ("340304001", "2022-05-10", 3),
            ("340304001", "2022-06-10", 2),
            ("340304002", "2022-06-10", 0),
            ("340305", "2022-06-10", 2),
        ] {
            assert_eq!(
                organizations(&office, area, as_of).await,
                expected,
                "{area} {as_of}"
            );
        }
        office
            .post("/v1/areas/340304001/reopen", &json!({"reason": "再次"}))
            .await
            .expect(404);
    });
}

#[apply(both_databases)]
fn a_village_that_was_closed_stands_again_unless_its_code_or_its_street_is_gone(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let office = api.caller("340000", Role::ProvinceAdmin).await;
        let county = api.caller("340304", Role::CountyReporter).await;
        let reason = json!({"reason": "误撤"});
        let close = |on: &str| json!({"on": on, "reason": "撤销"});
        let conflict = async |code: &str| {
            let refused = office
                .post(&format!("/v1/areas/{code}/reopen"), &reason)
                .await
                .expect(409);
            refused.json()["type"].as_str().unwrap().to_owned()
        };
        turn(&office, "340304001001", "close", close("2022-05-01")).await;
        turn(&office, "340304001002", "close", close("2022-05-01")).await;
        county.get("/v1/areas/340304001001").await.expect(404);
        let again = turn(&office, "340304001001", "reopen", reason.clone()).await;
        assert_eq!(again["valid_from"], "1949-10-01");
        county.get("/v1/areas/340304001001").await.expect(200);
        county
            .get("/v1/areas/340304001001?as_of=2022-05-01")
            .await
            .expect(200);

        let new = json!({"code": "340304001002", "name": "新社区", "parent": "340304001", "valid_from": "2022-06-01"});
        office.post("/v1/areas", &new).await.expect(201);
        assert_eq!(conflict("340304001002").await, "/problems/area_code_taken");
        turn(&office, "340304001002", "close", close("2022-06-02")).await;
        turn(&office, "340304001001", "close", close("2022-06-02")).await;
        turn(&office, "340304001", "close", close("2022-06-03")).await;
        assert_eq!(conflict("340304001001").await, "/problems/area_above_ended");
        turn(&office, "340304001", "reopen", reason.clone()).await;
        // Of several that had the code, the last.
        let again = turn(&office, "340304001002", "reopen", reason.clone()).await;
        assert_eq!(again["name"], "新社区");
        office.post("/v1/areas/340322/reopen", &reason).await.expect(404);
        let elsewhere = api.caller("341800", Role::ProvinceAdmin).await;
        elsewhere
            .post("/v1/areas/340304001001/reopen", &reason)
            .await
            .expect(404);
    });
}
