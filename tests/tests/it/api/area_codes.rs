//! Codes in time: which is which on two days, what an old one is called today, and which fit.

use qiaojian_domain::access::Role;
use qiaojian_tests::Backend;
use qiaojian_tests::api::{Client, Reply, with_api};
use reqwest::Method;
use rstest_reuse::apply;
use serde_json::{Value, json};

use crate::both_databases;

async fn turn(caller: &Client, code: &str, verb: &str, body: Value) {
    let reply = caller.post(&format!("/v1/areas/{code}/{verb}"), &body).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
}

/// The county gets another code and another name, one street goes into the other, one village is closed, a town is new.
async fn a_year(office: &Client) {
    let on = "2022-05-01";
    for (code, verb, body) in [
        (
            "340304001",
            "merge",
            json!({"into": "340304002", "on": on, "reason": "撤并"}),
        ),
        ("340304001001", "close", json!({"on": on, "reason": "撤销"})),
        (
            "340304",
            "rename",
            json!({"code": "340305", "name": "禹会新区", "on": on, "reason": "换码"}),
        ),
        (
            "340322100",
            "split",
            json!({"into": [{"code": "340322101", "name": "新镇"}], "on": on, "reason": "分设"}),
        ),
    ] {
        turn(office, code, verb, body).await;
    }
}

#[apply(both_databases)]
fn an_old_code_is_told_with_the_new_one_and_what_became_of_it(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let office = api.caller("340000", Role::ProvinceAdmin).await;
        let county = api.caller("340304", Role::CountyReporter).await;
        a_year(&office).await;
        let told = async |caller: &Client, query: &str| -> Vec<String> {
            let path = format!("/v1/areas/correspondence{query}");
            let page = caller.get(&path).await.expect(200).json();
            let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
            let items = page["items"].as_array().unwrap().iter();
            items
                .map(|item| {
                    let changes: Vec<String> = item["changes"].as_array().unwrap().iter().map(text).collect();
                    let codes = (text(&item["old_code"]), text(&item["new_code"]));
                    format!("{} {} {}", codes.0, codes.1, changes.join("+"))
                })
                .collect()
        };
        let all = [
            "340304 340305 recoded+renamed",
            "340304001 340304002 merged",
            "340304001001 - closed",
            "340304001002 340304001002 moved",
            "340322100 340322101 split",
        ];
        let query = "?from=2022-04-30&to=2022-05-01";
        assert_eq!(told(&office, query).await, all);
        assert_eq!(told(&county, query).await, all[..4]);
        assert_eq!(told(&office, "?from=2022-05-01&to=2022-06-01").await, [""; 0]);
        let first = office
            .get(&format!("/v1/areas/correspondence{query}&limit=2"))
            .await
            .expect(200)
            .json();
        let cursor = first["next_cursor"].as_str().unwrap();
        assert_eq!(
            told(&office, &format!("{query}&limit=2&cursor={cursor}")).await,
            all[2..4]
        );
        for query in [
            "?from=2022-05-01&to=2022-05-01",
            "?from=2022-05-01&to=2999-01-01",
            "",
        ] {
            office
                .get(&format!("/v1/areas/correspondence{query}"))
                .await
                .expect(400);
        }
    });
}

#[apply(both_databases)]
fn an_old_code_names_todays_to_whom_it_belongs(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let office = api.caller("340000", Role::ProvinceAdmin).await;
        let other = api.caller("341800", Role::CityReporter).await;
        a_year(&office).await;
        let fault = |reply: Reply| {
            let reply = reply.expect(404).json();
            assert_eq!(reply["type"], "/problems/not_found");
            let error = reply["errors"][0].clone();
            (
                error["code"].clone(),
                error["detail"].as_str().unwrap_or_default().to_owned(),
            )
        };
        for (code, kind, names) in [
            ("340304", "area_recoded", "340305"),
            ("340304001", "area_merged", "340304002"),
            ("340304001001", "area_closed", "2022-05-01"),
        ] {
            let (told, detail) = fault(office.get(&format!("/v1/areas/{code}")).await);
            assert_eq!(told, kind);
            assert!(detail.contains(names), "{detail}");
            let (foreign, _) = fault(other.get(&format!("/v1/areas/{code}")).await);
            assert_eq!(foreign, Value::Null, "{code}");
        }
        let found = async |q: &str| -> Vec<String> {
            let page = office.get(&format!("/v1/areas?q={q}")).await.expect(200).json();
            let items = page["items"].as_array().unwrap().iter();
            items
                .map(|item| item["code"].as_str().unwrap().to_owned())
                .collect()
        };
        assert_eq!(found("340304").await, ["340305"]);
        assert_eq!(found("340305").await, ["340305"]);
        assert_eq!(found("禹会区").await, ["340305"]);
        assert_eq!(found("禹会新区").await, ["340305"]);
    });
}

#[apply(both_databases)]
fn a_new_code_fits_the_area_above(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let office = api.caller("340000", Role::ProvinceAdmin).await;
        let on = "2022-05-01";
        let code_of = async |path: &str, body: Value| {
            let refused = office.post(path, &body).await.expect(422).json();
            refused["errors"][0]["code"].as_str().unwrap().to_owned()
        };
        for (path, body) in [
            (
                "/v1/areas",
                json!({"code": "340322101", "name": "新镇", "parent": "340304", "valid_from": on}),
            ),
            (
                "/v1/areas/340304001/rename",
                json!({"code": "340322101", "on": on, "reason": "x"}),
            ),
            (
                "/v1/areas/340304/move",
                json!({"parent": "341800", "code": "340305", "on": on, "reason": "x"}),
            ),
        ] {
            assert_eq!(code_of(path, body).await, "code_of_another_parent", "{path}");
        }
        let moved = json!({"parent": "341800", "code": "341803", "on": on, "reason": "x"});
        turn(&office, "340304", "move", moved).await;
    });
}

#[apply(both_databases)]
fn a_list_that_ends_above_the_villages_is_no_list_and_a_blank_one_has_the_columns(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let office = api.caller("340000", Role::ProvinceAdmin).await;
        let send = async |text: String| {
            let request = office.request(Method::POST, "/v1/areas/import?on=2022-06-01&dry_run=true");
            office
                .send(request.header("Content-Type", "text/csv").body(text))
                .await
                .expect(422)
                .json()["errors"]
                .clone()
        };
        let blank = office.get("/v1/areas/template?format=csv").await.expect(200).text;
        let header = blank.trim_end().to_owned();
        let counties = "340000,省,,安徽省,行政区划,,\n340300,市,340000,蚌埠市,行政区划,,\n340304,县,340300,禹会区,行政区划,,\n";
        let cut = send(format!("{header}\n{counties}")).await;
        assert_eq!(cut[0]["code"], "list_cut_short", "{cut}");
        let streets = "340304001,乡镇,340304,大庆街道,行政区划,,\n";
        let cut = send(format!("{header}\n{counties}{streets}")).await;
        assert_eq!(cut[0]["code"], "list_cut_short", "{cut}");
        let wrong = "340322001,乡镇,340304,某街道,行政区划,,\n";
        let wrong = send(format!("{header}\n{counties}{wrong}")).await;
        assert_eq!(
            (&wrong[0]["pointer"], &wrong[0]["code"]),
            (&json!("/rows/5/code"), &json!("code_of_another_parent"))
        );
        office.get("/v1/areas/template").await.expect(200);
    });
}
