//! `POST /v1/areas/import`: a new edition of the national list, as a table.

use qiaojian_domain::access::Role;
use qiaojian_domain::area::Level;
use qiaojian_store::{StoreError, audit};
use qiaojian_tests::Backend;
use qiaojian_tests::api::{Client, Reply, with_api};
use qiaojian_tests::fixtures::AREAS;
use reqwest::Method;
use rstest_reuse::apply;
use serde_json::{Value, json};

use crate::both_databases;

const IMPORT: &str = "/v1/areas/import";

async fn send(caller: &Client, query: &str, file: impl Into<Vec<u8>>) -> Reply {
    let request = caller.request(Method::POST, &format!("{IMPORT}{query}"));
    caller
        .send(request.header("Content-Type", "text/csv").body(file.into()))
        .await
}

/// The list as it is registered, changed line by line; a line that becomes empty is left out.
fn list(change: impl Fn(String) -> String) -> String {
    let rows = AREAS
        .iter()
        .filter(|(code, _)| !code.contains('-'))
        .map(|(code, name)| {
            let level = Level::of_code(code).unwrap();
            let parent = match level {
                Level::Province => String::new(),
                Level::City => format!("{}0000", &code[..2]),
                Level::County => format!("{}00", &code[..4]),
                Level::Township => code[..6].to_owned(),
                Level::Village | Level::Park => code[..9].to_owned(),
            };
            format!("{code},{level},{parent},{name},行政区划,\n")
        });
    let rows: String = rows.map(change).collect();
    format!("地区代码,级别,上级代码,名称,性质,来源代码\n{rows}")
}

fn edition() -> String {
    let mut text = list(|row| {
        row.replace(
            "340304002,township,340304,张公山街道",
            "340304003,township,340304,张公山新街道",
        )
        .replace("341802001001,village,341802001,状元社区居委会,行政区划,\n", "")
        .replace(
            ",行政区划,\n",
            if row.starts_with("340304002") {
                ",行政区划,340304002\n"
            } else {
                ",行政区划,\n"
            },
        )
    });
    text.push_str("340304004,乡镇,340304,新街道,行政区划,\n");
    text
}

fn numbers(reply: &Value) -> [u64; 5] {
    ["added", "renamed", "moved", "merged", "closed"].map(|name| reply[name].as_u64().unwrap())
}

#[apply(both_databases)]
fn a_list_is_tried_then_taken_then_nothing_is_left_to_do(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let province = api.caller("340000", Role::ProvinceAdmin).await;
        let same = send(&province, "?on=2022-06-01&dry_run=true", list(|row| row))
            .await
            .expect(200)
            .json();
        assert_eq!((numbers(&same), &same["rows"]), ([0; 5], &json!(13)));

        let tried = send(&province, "?on=2022-06-01&dry_run=true", edition())
            .await
            .expect(200)
            .json();
        assert_eq!((numbers(&tried), &tried["errors"]), ([1, 1, 0, 0, 1], &json!([])));
        province.get("/v1/areas/340304003").await.expect(404);
        let taken = send(&province, "?on=2022-06-01", edition())
            .await
            .expect(200)
            .json();
        assert_eq!(
            (numbers(&taken), &taken["steps"]),
            (numbers(&tried), &tried["steps"])
        );
        let renamed = province.get("/v1/areas/340304003").await.expect(200).json();
        assert_eq!(renamed["name"], "张公山新街道");
        let before = province
            .get("/v1/areas/340304002?as_of=2022-05-31")
            .await
            .expect(200)
            .json();
        assert_eq!(
            before["name"], "张公山街道",
            "figures of earlier days keep their tree"
        );
        province.get("/v1/areas/340304-P01").await.expect(200);
        let again = send(&province, "?on=2022-06-01", edition())
            .await
            .expect(200)
            .json();
        assert_eq!(numbers(&again), [0; 5]);
        assert_eq!(
            (&tried["agrees_best_with"], &again["agrees_best_with"]),
            (
                &json!({"as_of": "1949-10-01", "rows": 11}),
                &json!({"as_of": "2022-06-01", "rows": 13})
            )
        );
        let chain = api
            .db
            .read_slow(|conn| audit::chain(conn).map_err(StoreError::from));
        assert_eq!(chain.await.unwrap().first_break, None);
    });
}

#[apply(both_databases)]
fn a_refused_step_leaves_everything_as_it_was(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let province = api.caller("340000", Role::ProvinceAdmin).await;
        let there = json!({"area": "341802001001", "kind": "work_sub_station", "name": "状元社区工作分站"});
        province.post("/v1/organizations", &there).await.expect(201);
        let tried = send(&province, "?on=2022-06-01&dry_run=true", edition())
            .await
            .expect(200)
            .json();
        assert_eq!(tried["errors"][0]["code"], "area_has_organizations", "{tried}");
        assert_eq!(tried["errors"][0]["area"], "341802001001");
        let refused = send(&province, "?on=2022-06-01", edition())
            .await
            .expect(422)
            .json();
        assert_eq!(refused["errors"][0]["pointer"], "/areas/341802001001");
        assert_eq!(refused["errors"][0]["code"], "area_has_organizations");
        assert_eq!(refused["errors"][0]["detail"], tried["errors"][0]["detail"]);
        province.get("/v1/areas/340304003").await.expect(404);
        send(&province, "?on=2022-07-01&dry_run=true", list(|row| row))
            .await
            .expect(200);
        send(&province, "", list(|row| row)).await.expect(400);
    });
}

#[apply(both_databases)]
fn only_the_province_itself_and_only_whole_rows(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let province = api.caller("340000", Role::ProvinceAdmin).await;
        let scopes = Role::ProvinceAdmin.scopes();
        let city = api
            .caller_with(
                "340300",
                qiaojian_domain::access::Post::Federation,
                Role::CityReporter,
                scopes,
            )
            .await;
        let refused = send(&city, "?on=2022-06-01&dry_run=true", list(|row| row))
            .await
            .expect(422)
            .json();
        assert_eq!(refused["errors"][0]["pointer"], "/rows/2/code");
        assert_eq!(refused["errors"][0]["code"], "unknown_area");
        let reporter = api.caller("340304", Role::CountyReporter).await;
        send(&reporter, "?on=2022-06-01", list(|row| row))
            .await
            .expect(403);

        let wrong = "code,level,parent,name,kind\n340000,province,,安徽省,administrative\n340304,county,340000,禹会区,administrative\n\
            340300,city,340000,,占位\n340300,城市,340000,蚌埠市,administrative\n";
        let refused = send(&province, "?on=2022-06-01", wrong).await.expect(422).json();
        let errors: Vec<String> = refused["errors"]
            .as_array()
            .unwrap()
            .iter()
            .map(|error| {
                format!(
                    "{} {}",
                    error["pointer"].as_str().unwrap(),
                    error["code"].as_str().unwrap()
                )
            })
            .collect();
        assert_eq!(
            errors,
            [
                "/rows/4/kind wrong_value",
                "/rows/4/name missing_field",
                "/rows/5/level wrong_value"
            ]
        );
        let wrong = wrong
            .replace(",,占位", ",蚌埠市,administrative")
            .replace("城市", "市");
        let refused = send(&province, "?on=2022-06-01", wrong).await.expect(422).json();
        assert_eq!(refused["errors"][0]["code"], "parent_not_above");
        assert_eq!(refused["errors"][1]["code"], "code_twice");
    });
}

const STREET: &str = "340304001001,village,340304001,燕山社区居委会,行政区划,\n";
const OTHER: &str = "340304001002,village,340304001,大庆社区居委会,行政区划,\n";

/// The list with these two rows instead of the two communities.
fn with_communities(rows: [&str; 2]) -> String {
    list(|row| row).replace(STREET, rows[0]).replace(OTHER, rows[1])
}

async fn station(caller: &Client, area: &str) -> String {
    let body = json!({"area": area, "kind": "work_station", "name": format!("{area}站"), "status": "established",
        "established_on": "2022-01-01"});
    caller.post("/v1/organizations", &body).await.expect(201).json()["id"]
        .as_str()
        .unwrap()
        .to_owned()
}

#[apply(both_databases)]
fn two_areas_that_exchange_their_codes_keep_what_is_theirs(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let province = api.caller("340000", Role::ProvinceAdmin).await;
        let of_yanshan = station(&province, "340304001001").await;
        let exchanged = with_communities([
            "340304001001,village,340304001,大庆社区居委会,行政区划,340304001002\n",
            "340304001002,village,340304001,燕山新社区居委会,行政区划,340304001001\n",
        ]);
        let tried = send(&province, "?on=2022-06-01&dry_run=true", exchanged.clone())
            .await
            .expect(200)
            .json();
        assert_eq!((numbers(&tried), &tried["errors"]), ([0, 2, 0, 0, 0], &json!([])));
        assert_eq!(
            (&tried["steps"][0]["verb"], &tried["steps"][0]["changes"]),
            (
                &json!("recode"),
                &json!([
                    {"code": "340304001002", "old_name": "大庆社区居委会", "new_code": "340304001001"},
                    {"code": "340304001001", "old_name": "燕山社区居委会", "new_code": "340304001002", "name": "燕山新社区居委会"}
                ])
            )
        );
        send(&province, "?on=2022-06-01", exchanged.clone())
            .await
            .expect(200);
        let organization = format!("/v1/organizations/{of_yanshan}");
        let now = province.get(&organization).await.expect(200).json();
        assert_eq!(now["area"], "340304001002");
        let before = province
            .get(&format!("{organization}?as_of=2022-05-31"))
            .await
            .expect(200)
            .json();
        assert_eq!(before["area"], "340304001001");
        // The same list again does not change them back.
        let again = send(&province, "?on=2022-06-01", exchanged.clone())
            .await
            .expect(200)
            .json();
        assert_eq!(numbers(&again), [0; 5]);
        let later = send(&province, "?on=2022-06-02", exchanged)
            .await
            .expect(422)
            .json();
        assert_eq!(later["errors"][0]["code"], "own_code_missing");
    });
}

#[apply(both_databases)]
fn an_area_that_is_gone_leaves_its_code_to_another_one(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let province = api.caller("340000", Role::ProvinceAdmin).await;
        let of_daqing = station(&province, "340304001002").await;
        let list = with_communities([
            "340304001001,village,340304001,大庆社区居委会,行政区划,340304001002\n",
            "",
        ]);
        let taken = send(&province, "?on=2022-06-01", list.clone())
            .await
            .expect(200)
            .json();
        assert_eq!(numbers(&taken), [0, 1, 0, 0, 1]);
        assert_eq!(taken["steps"][1]["code"], "340304001001");
        assert_eq!(taken["steps"][1]["old_name"], "燕山社区居委会");
        let organization = format!("/v1/organizations/{of_daqing}");
        assert_eq!(
            province.get(&organization).await.expect(200).json()["area"],
            "340304001001"
        );
        let name = async |query: &str| {
            let path = format!("/v1/areas/340304001001{query}");
            province.get(&path).await.expect(200).json()["name"].clone()
        };
        assert_eq!(name("").await, "大庆社区居委会");
        assert_eq!(name("?as_of=2022-05-31").await, "燕山社区居委会");
        let again = send(&province, "?on=2022-06-01", list).await.expect(200).json();
        assert_eq!(numbers(&again), [0; 5]);
    });
}

#[apply(both_databases)]
fn a_known_name_at_another_code_has_to_be_confirmed(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let province = api.caller("340000", Role::ProvinceAdmin).await;
        let list = with_communities(["340304001001,village,340304001,大庆社区居委会,行政区划,\n", ""]);
        let tried = send(&province, "?on=2022-06-01&dry_run=true", list.clone())
            .await
            .expect(200)
            .json();
        assert_eq!(
            tried["doubts"],
            json!([{"row": 6, "code": "340304001001", "name": "大庆社区居委会", "known_as": "340304001002",
                "was_named": "燕山社区居委会"}])
        );
        let refused = send(&province, "?on=2022-06-01", list.clone())
            .await
            .expect(422)
            .json();
        assert_eq!(refused["errors"][0]["pointer"], "/rows/6/predecessors");
        assert_eq!(refused["errors"][0]["code"], "known_by_another_code");
        send(&province, "?on=2022-06-01&doubts=2", list.clone())
            .await
            .expect(422);
        send(&province, "?on=2022-06-01&doubts=1", list).await.expect(200);
    });
}

#[apply(both_databases)]
fn predecessors_that_cannot_be_used_are_errors_of_their_rows(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let province = api.caller("340000", Role::ProvinceAdmin).await;
        let mut faults = Vec::new();
        let renamed = |row: String| row.replace("燕山社区居委会", "燕山新社区居委会");
        for cell in [
            "340304001099",
            "340304001002;340304001002",
            "340304001",
            "340304001001",
            "\"340304001002、340304001098，340304001097\"",
        ] {
            let mut text = list(renamed);
            text.push_str(&format!("340304001009,村,340304001,新社区,行政区划,{cell}\n"));
            let refused = send(&province, "?on=2022-06-01&dry_run=true", text)
                .await
                .expect(422)
                .json();
            for error in refused["errors"].as_array().unwrap() {
                assert_eq!(error["pointer"], "/rows/15/predecessors", "{refused}");
                faults.push(error["code"].as_str().unwrap().to_owned());
            }
        }
        assert_eq!(
            faults,
            [
                "unknown_predecessor",
                "predecessor_twice",
                "predecessor_level",
                "predecessor_shared",
                "unknown_predecessor",
                "unknown_predecessor"
            ]
        );
    });
}
