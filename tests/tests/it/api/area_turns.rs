//! What becomes of areas, over HTTP: the register follows, and figures of earlier days stay as they were.

use qiaojian_domain::access::Role;
use qiaojian_tests::Backend;
use qiaojian_tests::api::{Client, with_api};
use reqwest::Method;
use rstest_reuse::apply;
use serde_json::{Value, json};

use crate::both_databases;

async fn establish(caller: &Client, area: &str, on: &str) -> String {
    let body = json!({"area": area, "kind": "federation", "name": format!("{area}侨联"), "status": "established", "established_on": on});
    caller.post("/v1/organizations", &body).await.expect(201).json()["id"]
        .as_str()
        .unwrap()
        .to_owned()
}

/// How many organizations each city has on a day.
async fn by_city(caller: &Client, as_of: &str) -> Vec<(String, i64)> {
    let query = format!("/v1/figures?metric=organizations&group_by=city&cohort=all&as_of={as_of}");
    let figures = caller.get(&query).await.expect(200).json();
    let items = figures["items"].as_array().unwrap();
    items
        .iter()
        .map(|item| {
            let city = item["group"]["city"].as_str().unwrap_or("none").to_owned();
            (city, item["numerator"].as_i64().unwrap())
        })
        .collect()
}

async fn turn(caller: &Client, code: &str, verb: &str, body: Value) -> Value {
    let reply = caller.post(&format!("/v1/areas/{code}/{verb}"), &body).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    reply.json()
}

fn cities(counts: [(&str, i64); 2]) -> Vec<(String, i64)> {
    counts.map(|(city, count)| (city.to_owned(), count)).to_vec()
}

#[apply(both_databases)]
fn a_county_that_goes_to_another_city_takes_everything_with_it_from_that_day_on(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let office = api.caller("340000", Role::ProvinceAdmin).await;
        let (old, new) = (
            api.caller("340300", Role::CityReporter).await,
            api.caller("341800", Role::CityReporter).await,
        );
        let street = establish(&office, "340304001", "2022-03-01").await;
        establish(&office, "340300", "2021-01-01").await;
        establish(&office, "341800", "2021-01-01").await;
        let before = by_city(&office, "2022-04-30").await;
        assert_eq!(before, cities([("340300", 2), ("341800", 1)]));

        let moved = turn(
            &office,
            "340304",
            "move",
            json!({"parent": "341800", "on": "2022-05-01", "reason": "省政府批复"}),
        )
        .await;
        assert_eq!(moved["parent"], "341800");
        assert_eq!(moved["valid_from"], "2022-05-01");
        assert_eq!(by_city(&office, "2022-04-30").await, before);
        assert_eq!(
            by_city(&office, "2022-05-01").await,
            cities([("340300", 1), ("341800", 2)])
        );

        // Who sees it now, and who sees it as it was.
        let now = format!("/v1/organizations/{street}");
        let then = format!("{now}?as_of=2022-04-30");
        new.get(&now).await.expect(200);
        new.get(&then).await.expect(404);
        old.get(&now).await.expect(404);
        old.get(&then).await.expect(200);
        old.get("/v1/areas/340304001").await.expect(404);
        let shown = old
            .get("/v1/areas/340304001?as_of=2022-04-30")
            .await
            .expect(200)
            .json();
        assert_eq!(shown["ancestors"][1]["code"], "340300");
        assert_eq!(shown["valid_to"], "2022-05-01");
        let counted = |area: &str, as_of: &str| {
            format!("/v1/figures?metric=organizations&cohort=all&area={area}&as_of={as_of}")
        };
        let past = old.get(&counted("340304", "2022-04-30")).await.expect(200).json();
        assert_eq!(past["totals"][0]["numerator"], 1);
        old.get(&counted("340304", "2022-05-01")).await.expect(404);
        new.get(&counted("340304", "2022-04-30")).await.expect(404);
        let members = office
            .get("/v1/organizations?area=340304&as_of=2022-04-30")
            .await
            .expect(200)
            .json();
        assert_eq!(members["items"][0]["id"], street.as_str());
    });
}

#[apply(both_databases)]
fn a_late_report_changes_todays_answer_and_not_what_was_known(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let office = api.caller("340000", Role::ProvinceAdmin).await;
        establish(&office, "340322", "2022-01-01").await;
        let figures = "/v1/figures?metric=organizations&group_by=city&cohort=all&as_of=2022-06-01";
        let told = office.get(figures).await.expect(200).json();
        let known_at = told["known_at"].as_str().unwrap().to_owned();
        turn(
            &office,
            "340322",
            "move",
            json!({"parent": "341800", "on": "2022-02-01", "reason": "补报"}),
        )
        .await;
        let now = office.get(figures).await.expect(200).json();
        assert_eq!(now["items"][0]["group"]["city"], "341800");
        let again = office
            .get(&format!("{figures}&known_at={known_at}"))
            .await
            .expect(200)
            .json();
        assert_eq!(again["items"], told["items"]);
    });
}

#[apply(both_databases)]
fn a_street_that_is_merged_leaves_its_communities_and_organizations_to_the_other(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let office = api.caller("340000", Role::ProvinceAdmin).await;
        let county = api.caller("340304", Role::CountyReporter).await;
        let own = establish(&county, "340304001", "2022-03-01").await;
        let body = json!({"area": "340304001001", "kind": "work_station", "name": "燕山站", "status": "established", "established_on": "2022-03-01"});
        county.post("/v1/organizations", &body).await.expect(201);
        let merge = json!({"into": "340304002", "on": "2022-05-01", "reason": "撤并"});

        // Both have a federation: first one of them goes.
        let other = establish(&county, "340304002", "2022-03-01").await;
        let refused = office.post("/v1/areas/340304001/merge", &merge).await.expect(409);
        assert_eq!(refused.json()["type"], "/problems/organizations_meet");
        let close = json!({"on": "2022-04-30", "reason": "合并"});
        county
            .post(&format!("/v1/organizations/{other}/close"), &close)
            .await
            .expect(200);

        // A token of the street: somebody would lose sight of everything.
        let holder = api.caller("340304001", Role::TownshipReporter).await;
        let refused = office.post("/v1/areas/340304001/merge", &merge).await.expect(409);
        assert_eq!(refused.json()["type"], "/problems/area_has_tokens");
        let tokens = office.get("/v1/tokens?area=340304001").await.expect(200).json();
        let token = tokens["items"][0]["id"].as_str().unwrap().to_owned();
        office
            .post(&format!("/v1/tokens/{token}/revoke"), &json!({}))
            .await;

        let merged = turn(&office, "340304001", "merge", merge.clone()).await;
        assert_eq!(merged["valid_to"], "2022-05-01");
        assert_eq!(merged["successors"][0]["code"], "340304002");
        assert_eq!(merged["successors"][0]["kind"], "merge");
        let into = county.get("/v1/areas/340304002").await.expect(200).json();
        assert_eq!(into["predecessors"][0]["name"], "大庆街道");
        let community = county.get("/v1/areas/340304001001").await.expect(200).json();
        assert_eq!(community["parent"], "340304002");
        let organization = county
            .get(&format!("/v1/organizations/{own}"))
            .await
            .expect(200)
            .json();
        assert_eq!(organization["area"], "340304002");
        let before = county
            .get(&format!("/v1/organizations/{own}?as_of=2022-04-30"))
            .await
            .expect(200)
            .json();
        assert_eq!(before["area"], "340304001");
        county.get("/v1/areas/340304001").await.expect(404);
        county
            .get("/v1/areas/340304001?as_of=2022-04-30")
            .await
            .expect(200);
        let gone = office.post("/v1/areas/340304001/merge", &merge).await.expect(404);
        assert_eq!(gone.json()["type"], "/problems/not_found");
        drop(holder);

        let children = |as_of: &str| format!("/v1/areas/340304/children?as_of={as_of}");
        let count = async |as_of: &str| {
            let page = county.get(&children(as_of)).await.expect(200).json();
            page["items"].as_array().unwrap().len()
        };
        assert_eq!((count("2022-04-30").await, count("2022-05-01").await), (3, 2));
    });
}

#[apply(both_databases)]
fn a_park_and_a_unit_without_a_code_are_added_and_named_later(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let office = api.caller("340000", Role::ProvinceAdmin).await;
        let park = json!({"code": "340322-P01", "name": "五河产业园", "parent": "340322", "valid_from": "2022-01-01"});
        let made = office.post("/v1/areas", &park).await.expect(201);
        assert_eq!(made.header("location"), Some("/v1/areas/340322-P01"));
        assert_eq!(made.json()["level"], "park");
        establish(&office, "340322-P01", "2022-03-01").await;
        let again = office.post("/v1/areas", &park).await.expect(409);
        assert_eq!(again.json()["type"], "/problems/area_code_taken");
        let local =
            json!({"code": "340322-L01", "name": "新设镇", "parent": "340322", "valid_from": "2022-01-01"});
        assert_eq!(
            office.post("/v1/areas", &local).await.expect(201).json()["level"],
            "township"
        );
        let organization = establish(&office, "340322-L01", "2022-03-01").await;
        let renamed = turn(
            &office,
            "340322-L01",
            "rename",
            json!({"name": "沱湖镇", "code": "340322101", "on": "2022-06-01", "reason": "国标代码公布"}),
        )
        .await;
        assert_eq!(renamed["code"], "340322101");
        let shown = office
            .get(&format!("/v1/organizations/{organization}"))
            .await
            .expect(200)
            .json();
        assert_eq!(shown["area"], "340322101");
        // By the code it has now, as it was.
        let before = office
            .get("/v1/areas/340322101?as_of=2022-05-31")
            .await
            .expect(200)
            .json();
        assert_eq!(
            (&before["code"], &before["name"]),
            (&json!("340322-L01"), &json!("新设镇"))
        );
        office
            .get("/v1/areas/340322101?as_of=2021-12-31")
            .await
            .expect(404);
    });
}

#[apply(both_databases)]
fn no_organization_stands_in_an_area_before_it_was_there(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let office = api.caller("340000", Role::ProvinceAdmin).await;
        let park = json!({"code": "340322-P01", "name": "五河产业园", "parent": "340322", "valid_from": "2022-03-01"});
        office.post("/v1/areas", &park).await.expect(201);
        let fault = |reply: Value| {
            let error = &reply["errors"][0];
            format!(
                "{} {}",
                error["pointer"].as_str().unwrap(),
                error["code"].as_str().unwrap()
            )
        };
        let body = |on: &str| json!({"area": "340322-P01", "kind": "federation", "name": "园区侨联", "status": "established", "established_on": on});
        let refused = office
            .post("/v1/organizations", &body("2022-02-28"))
            .await
            .expect(422)
            .json();
        assert_eq!(fault(refused), "/area not_there_yet");
        let many = json!({"items": [body("2022-02-28")]});
        let refused = office
            .post("/v1/organizations/batch", &many)
            .await
            .expect(422)
            .json();
        assert_eq!(fault(refused), "/items/0/area not_there_yet");
        let made = office
            .post("/v1/organizations", &body("2022-03-01"))
            .await
            .expect(201);
        let path = format!("/v1/organizations/{}", made.json()["id"].as_str().unwrap());
        let earlier = json!({"established_on": "2022-02-01", "reason": "更正"});
        let refused = office
            .patch(&path, made.header("etag"), &earlier)
            .await
            .expect(422)
            .json();
        assert_eq!(fault(refused), "/area not_there_yet");

        // A preparation of today that was founded before its area was there.
        let preparing = json!({"area": "340322-P01", "kind": "work_station", "name": "园区工作站"});
        let made = office
            .post("/v1/organizations", &preparing)
            .await
            .expect(201)
            .json();
        let step = format!("/v1/organizations/{}/approve", made["id"].as_str().unwrap());
        let refused = office
            .post(&step, &json!({"on": "2022-02-01"}))
            .await
            .expect(422)
            .json();
        assert_eq!(fault(refused), "/on not_there_yet");
        office.post(&step, &json!({"on": "2022-03-01"})).await.expect(200);
        let moved = establish(&office, "340322", "2022-01-01").await;
        office
            .post(
                &format!("/v1/organizations/{}/close", path.rsplit('/').next().unwrap()),
                &json!({"on": "2022-06-01", "reason": "撤销"}),
            )
            .await
            .expect(200);
        let to = |on: &str| json!({"area": "340322-P01", "on": on});
        let path = format!("/v1/organizations/{moved}/move");
        let refused = office.post(&path, &to("2022-02-01")).await.expect(422).json();
        assert_eq!(fault(refused), "/on not_there_yet");
        office.post(&path, &to("2022-03-01")).await.expect(200);

        // The area itself changes later: it was there all the same.
        let renaming = json!({"name": "五河侨创园", "on": "2022-06-01", "reason": "更名"});
        turn(&office, "340322-P01", "rename", renaming).await;
        let university = json!({"area": "340322-P01", "kind": "federation", "name": "某校侨联", "host": "university",
            "status": "established", "established_on": "2022-03-01"});
        office.post("/v1/organizations", &university).await.expect(201);
    });
}

#[apply(both_databases)]
fn a_town_is_divided_and_what_is_left_of_it_closed(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let office = api.caller("340000", Role::ProvinceAdmin).await;
        let parts = json!({"into": [
            {"code": "340304101", "name": "燕山镇", "children": ["340304001001"]},
            {"code": "340304102", "name": "大庆镇", "children": ["340304001002"]}
        ], "on": "2022-05-01", "reason": "拆分"});
        let divided = turn(&office, "340304001", "split", parts).await;
        assert_eq!(divided["successors"].as_array().unwrap().len(), 2);
        let part = office.get("/v1/areas/340304101").await.expect(200).json();
        assert_eq!(part["predecessors"][0]["kind"], "split");
        let community = office.get("/v1/areas/340304001001").await.expect(200).json();
        assert_eq!(community["parent"], "340304101");
        turn(
            &office,
            "340304001",
            "close",
            json!({"on": "2022-05-02", "reason": "拆分"}),
        )
        .await;
        office.get("/v1/areas/340304001").await.expect(404);
        let coverage = |as_of: &str| {
            format!(
                "/v1/figures?metric=organization_coverage&group_by=level&cohort=all&area=340304&as_of={as_of}"
            )
        };
        let townships = async |as_of: &str| {
            let figures = office.get(&coverage(as_of)).await.expect(200).json();
            let items = figures["items"].as_array().unwrap().clone();
            let of_level = items
                .iter()
                .find(|item| item["group"]["level"] == "township")
                .unwrap();
            of_level["denominator"].as_i64().unwrap()
        };
        assert_eq!(
            [
                townships("2022-04-30").await,
                townships("2022-05-01").await,
                townships("2022-05-02").await
            ],
            [2, 4, 3]
        );
    });
}

#[apply(both_databases)]
fn what_cannot_become_of_an_area_is_refused_and_says_why(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let office = api.caller("340000", Role::ProvinceAdmin).await;
        establish(&office, "340304002", "2022-03-01").await;
        let on = "2022-05-01";
        for (path, body, status, code) in [
            (
                "340304/move",
                json!({"parent": "340304001", "on": on, "reason": "x"}),
                422,
                "cycle",
            ),
            (
                "340304/move",
                json!({"parent": "340304", "on": on, "reason": "x"}),
                422,
                "cycle",
            ),
            (
                "340304/move",
                json!({"parent": "340322", "on": on, "reason": "x"}),
                422,
                "wrong_level",
            ),
            (
                "340304/move",
                json!({"parent": "999999", "on": on, "reason": "x"}),
                422,
                "unknown_area",
            ),
            (
                "340304/move",
                json!({"parent": "341800", "on": "2022-06-25", "reason": "x"}),
                422,
                "date_in_future",
            ),
            (
                "340304/move",
                json!({"parent": "341800", "on": "1949-09-30", "reason": "x"}),
                422,
                "not_there_yet",
            ),
            (
                "340304/move",
                json!({"parent": "341800", "on": on, "reason": " "}),
                422,
                "empty",
            ),
            (
                "340304/rename",
                json!({"on": on, "reason": "x"}),
                422,
                "nothing_changed",
            ),
            (
                "340304/rename",
                json!({"code": "340304001", "on": on, "reason": "x"}),
                422,
                "code_level",
            ),
            (
                "340304/rename",
                json!({"code": "340322", "on": on, "reason": "x"}),
                409,
                "area_code_taken",
            ),
            (
                "340304/close",
                json!({"on": on, "reason": "x"}),
                409,
                "area_has_children",
            ),
            (
                "340304002/close",
                json!({"on": on, "reason": "x"}),
                409,
                "area_has_organizations",
            ),
            (
                "340304001/merge",
                json!({"into": "340304", "on": on, "reason": "x"}),
                422,
                "level_differs",
            ),
            (
                "340304001/merge",
                json!({"into": "340304001", "on": on, "reason": "x"}),
                422,
                "merges_into_itself",
            ),
            (
                "340304001/split",
                json!({"into": [], "on": on, "reason": "x"}),
                422,
                "empty",
            ),
            (
                "340304001/split",
                json!({"into": [{"code": "340304101", "name": "新镇", "children": ["340304002"]}], "on": on, "reason": "x"}),
                422,
                "no_child",
            ),
            (
                "340304001/split",
                json!({"into": [{"code": "340304", "name": "新镇"}], "on": on, "reason": "x"}),
                422,
                "code_level",
            ),
        ] {
            let reply = office
                .post(&format!("/v1/areas/{path}"), &body)
                .await
                .expect(status)
                .json();
            if status == 409 {
                assert_eq!(reply["type"], format!("/problems/{code}"), "{path} {body}");
            } else {
                assert_eq!(reply["errors"][0]["code"], code, "{path} {body}: {reply}");
            }
        }
        let unchanged = office.get("/v1/areas/340304").await.expect(200);
        assert_eq!(unchanged.header("etag"), Some("\"1\""), "nothing half-done");
        let renaming = json!({"name": "新区", "on": on, "reason": "x"});
        let request = office
            .request(Method::POST, "/v1/areas/340304/rename")
            .json(&renaming);
        let stale = office.send(request.header("If-Match", "\"7\"")).await;
        assert_eq!(stale.status, 412);
        let county = api.caller("340304", Role::CountyReporter).await;
        let forbidden = county
            .post(
                "/v1/areas/340304001/rename",
                &json!({"name": "新街", "on": on, "reason": "x"}),
            )
            .await;
        assert_eq!(forbidden.status, 403);
    });
}
