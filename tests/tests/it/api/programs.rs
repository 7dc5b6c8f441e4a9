//! `/v1/programs`: reference data that the provincial office keeps.

use insta::assert_json_snapshot;
use qiaojian_shared::domain::access::{Post, Role, Scope};
use qiaojian_tests::api::{TestApi, with_api};
use serde_json::{Value, json};

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

#[test]
fn the_province_starts_a_programme_and_everybody_may_read_it() {
    with_api(async |api| {
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

#[test]
fn a_repeated_request_makes_one_programme() {
    with_api(async |api| {
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

#[test]
fn what_breaks_a_rule_is_said_where_it_is() {
    with_api(async |api| {
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

#[test]
fn a_cohort_is_that_of_its_day() {
    with_api(async |api| {
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

#[test]
fn a_city_does_not_change_the_cohorts_of_the_province() {
    with_api(async |api| {
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
