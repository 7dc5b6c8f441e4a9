//! `GET /v1/organizations/template` and `/export`: what a spreadsheet gets, and gives back unchanged.

use std::sync::Mutex;

use qiaojian_domain::access::Role;
use qiaojian_sheets::Sheet;
use qiaojian_tests::Backend;
use qiaojian_tests::api::{Client, with_api};
use reqwest::Method;
use rstest_reuse::apply;
use serde_json::{Value, json};

use super::import::{all, counts, send};
use crate::both_databases;

const EXPORT: &str = "/v1/organizations/export";

async fn download(caller: &Client, path: &str) -> Vec<u8> {
    let reply = caller.request(Method::GET, path).send().await.unwrap();
    assert_eq!(reply.status().as_u16(), 200, "{path}");
    let disposition = reply.headers()["content-disposition"]
        .to_str()
        .unwrap()
        .to_owned();
    assert!(
        disposition.starts_with("attachment; filename=\"organizations-"),
        "{disposition}"
    );
    reply.bytes().await.unwrap().to_vec()
}

/// Organizations whose names a spreadsheet would spoil, with everything that may be recorded.
async fn register(caller: &Client) -> Vec<Value> {
    let names = [
        "=1+1",
        "'quoted",
        "-x",
        "a,b",
        "\"c\"",
        "@d",
        "+e",
        "第一、第二",
        "'=f",
        "00123",
    ];
    for (number, name) in names.iter().enumerate() {
        let one = json!({"area": "340304001", "host": "university", "kind": "work_station", "name": name,
            "note": format!(" 前后有空格\n第二行 {number}\u{a0}")});
        caller.post("/v1/organizations", &one).await.expect(201);
    }
    let whole = json!({"area": "340304", "kind": "federation", "name": "禹会区侨联", "status": "established",
        "approval": {"post": "party_committee", "doc_no": "皖侨〔2022〕7号", "on": "2021-11-01", "precision": "month"},
        "established_on": "2022-01-21", "established_precision": "ten_day", "unveiled_on": "2022-03-01", "unveiled_precision": "day",
        "reopenings": [{"closed_on": "2022-02-05", "closed_precision": "day", "reopened_on": "2022-02-11", "reopened_precision": "ten_day"}],
        "basis": "replace_one", "replaces": "街道侨务工作站", "has_office": true, "affiliation": "区委", "quota_posts": 3, "posts_filled": 2,
        "five_have": {"organization": {"have": true}, "team": {"have": false, "on": "2022-03-01"},
            "funding": {"have": true, "on": "2022-03-02", "doc_no": "文；号"}, "venue": {"have": true, "doc_no": "7号"}},
        "standing_rules": {"learning": "2022-03-01", "service": "2022-04-01"}, "term_ends_on": "2027-01-31"});
    let whole = caller.post("/v1/organizations", &whole).await.expect(201).json();
    let below =
        json!({"area": "340304001001", "kind": "liaison_post", "name": "联络员", "parent": whole["id"]});
    caller.post("/v1/organizations", &below).await.expect(201);
    all(caller).await
}

#[apply(both_databases)]
fn what_is_exported_is_imported_unchanged(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let county = api.caller("340304", Role::CountyReporter).await;
        register(&county).await;
        let gone = json!({"area": "340304002", "kind": "federation", "name": "旧侨联", "status": "established", "established_on": "2020-01-01"});
        let gone = county.post("/v1/organizations", &gone).await.expect(201).json();
        let close = format!("/v1/organizations/{}/close", gone["id"].as_str().unwrap());
        county
            .post(&close, &json!({"on": "2021-01-01", "reason": "撤销"}))
            .await
            .expect(200);
        for format in ["csv", "xlsx"] {
            let file = download(&county, &format!("{EXPORT}?format={format}")).await;
            for query in ["?dry_run=true", ""] {
                let reply = send(&county, query, file.clone()).await.expect(200).json();
                assert_eq!(counts(&reply), [13, 0, 13, 0], "{format} {reply}");
            }
        }
        let text = String::from_utf8(download(&county, EXPORT).await).unwrap();
        assert!(text.starts_with("\u{feff}编号 id,*地区代码 area,地区名称 area_name,"));
        for guarded in [
            ",'=1+1,",
            ",'-x,",
            ",'@d,",
            ",'+e,",
            ",''=f,",
            ",'quoted,",
            ",大庆街道,",
            "已撤销",
        ] {
            assert!(text.contains(guarded), "{guarded}: {text}");
        }
    });
}

#[apply(both_databases)]
fn an_empty_register_becomes_the_same(#[case] backend: Backend) {
    let (files, registered) = (Mutex::new(Vec::new()), Mutex::new(Vec::new()));
    let without_times = |mut one: Value| {
        for name in ["created_at", "updated_at", "valid_from"] {
            one.as_object_mut().unwrap().remove(name);
        }
        one
    };
    with_api(backend, async |api| {
        let county = api.caller("340304", Role::CountyReporter).await;
        let listed = register(&county).await;
        let csv = download(&county, &format!("{EXPORT}?format=csv")).await;
        let xlsx = download(&county, &format!("{EXPORT}?format=xlsx")).await;
        *files.lock().unwrap() = vec![csv, xlsx];
        *registered.lock().unwrap() = listed;
    });
    let (files, before) = (files.into_inner().unwrap(), registered.into_inner().unwrap());
    // What people would not see in a spreadsheet is not kept: spaces around a text.
    let trimmed = |mut one: Value| {
        if let Some(note) = one["note"].as_str() {
            one["note"] = note.trim_matches([' ', '\u{a0}']).into();
        }
        one
    };
    let before: Vec<Value> = before.into_iter().map(without_times).map(trimmed).collect();
    for (file, into) in files
        .iter()
        .flat_map(|file| Backend::ALL.map(|into| (file, into)))
    {
        with_api(into, async |api| {
            let county = api.caller("340304", Role::CountyReporter).await;
            let reply = send(&county, "", file.clone()).await.expect(200).json();
            assert_eq!(counts(&reply), [12, 12, 0, 0], "{reply}");
            let after: Vec<Value> = all(&county).await.into_iter().map(without_times).collect();
            assert_eq!(after, before);
        });
    }
}

#[apply(both_databases)]
fn an_export_shows_what_the_caller_asked_for_and_sees(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let province = api.caller("340000", Role::ProvinceAdmin).await;
        for (area, name, on) in [
            ("340300", "蚌埠市侨联", "2021-01-01"),
            ("341800", "宣城市侨联", "2022-05-01"),
            ("340304", "禹会区侨联", "2022-06-01"),
        ] {
            let one = json!({"area": area, "kind": "federation", "name": name, "status": "established", "established_on": on});
            province.post("/v1/organizations", &one).await.expect(201);
        }
        let names = async |caller: &Client, query: &str| -> Vec<String> {
            let sheet = Sheet::read(&download(caller, &format!("{EXPORT}{query}")).await).unwrap();
            let name = |row: &qiaojian_sheets::SheetRow| {
                row.cells
                    .iter()
                    .find(|(at, _)| *at == 4)
                    .unwrap()
                    .1
                    .text()
                    .to_owned()
            };
            sheet.rows.iter().map(name).collect()
        };
        assert_eq!(
            names(&province, "").await,
            ["蚌埠市侨联", "禹会区侨联", "宣城市侨联"]
        );
        assert_eq!(
            names(&province, "?level=city&format=xlsx").await,
            ["蚌埠市侨联", "宣城市侨联"]
        );
        assert_eq!(
            names(&province, "?as_of=2022-05-15").await,
            ["蚌埠市侨联", "宣城市侨联"]
        );
        assert_eq!(
            names(
                &province,
                "?q=禹会&kind=federation&status=established&verification=verified"
            )
            .await,
            ["禹会区侨联"]
        );
        let city = api.caller("340300", Role::CityReporter).await;
        assert_eq!(names(&city, "").await, ["蚌埠市侨联", "禹会区侨联"]);
        city.get(&format!("{EXPORT}?area=341800")).await.expect(404);
        city.get(&format!("{EXPORT}?format=ods")).await.expect(400);
        city.get(&format!("{EXPORT}?limit=3")).await.expect(400);
        let reply = city.get(EXPORT).await.expect(200);
        let known_at = reply.header("x-known-at").unwrap().to_owned();
        let later = json!({"area": "340322", "kind": "federation", "name": "五河县侨联"});
        city.post("/v1/organizations", &later).await.expect(201);
        assert_eq!(names(&city, "").await.len(), 3);
        assert_eq!(
            names(&city, &format!("?known_at={known_at}")).await.len(),
            2,
            "as it was known then"
        );
    });
}

#[apply(both_databases)]
fn the_template_can_be_filled_in(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let county = api.caller("340304", Role::CountyReporter).await;
        for format in ["csv", "xlsx"] {
            let file = download(&county, &format!("/v1/organizations/template?format={format}")).await;
            let sheet = Sheet::read(&file).unwrap();
            assert_eq!(
                &sheet.header[..3],
                ["编号 id", "*地区代码 area", "地区名称 area_name"]
            );
            assert!(sheet.rows.is_empty());
            let reply = send(&county, "", file).await.expect(200).json();
            assert_eq!(counts(&reply), [0, 0, 0, 0]);
        }
        api.anonymous()
            .get("/v1/organizations/template")
            .await
            .expect(401);
    });
}
