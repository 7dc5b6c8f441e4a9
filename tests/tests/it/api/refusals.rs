//! Odd requests are answered in words, and harmless ones are taken.

use chrono::TimeDelta;
use qiaojian_domain::access::Role;
use qiaojian_tests::Backend;
use qiaojian_tests::api::with_api;
use reqwest::Method;
use rstest_reuse::apply;
use serde_json::json;

use crate::both_databases;

#[apply(both_databases)]
fn what_is_searched_for_and_every_parameter_has_a_longest_length(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let office = api.caller("340000", Role::ProvinceAdmin).await;
        let long = "q=".to_owned() + &"a".repeat(60_000);
        for path in ["/v1/areas", "/v1/organizations", "/v1/organizations/export"] {
            let refused = office.get(&format!("{path}?{long}")).await.expect(400).json();
            assert_eq!(refused["errors"][0]["pointer"], "q", "{path} {refused}");
            let refused = office
                .get(&format!("{path}?q={}", "a".repeat(101)))
                .await
                .expect(400)
                .json();
            assert_eq!(refused["errors"][0]["pointer"], "q", "{path} {refused}");
            office
                .get(&format!("{path}?q={}", "%E4%BE%A8".repeat(100)))
                .await
                .expect(200);
            let refused = office.get(&format!("{path}?q=%FF%FE")).await.expect(400).json();
            assert!(
                refused["errors"][0]["detail"].as_str().unwrap().contains("UTF-8"),
                "{refused}"
            );
        }
        office
            .get(&format!("/v1/milestones?basis={}", "x".repeat(5_000)))
            .await
            .expect(400);
    });
}

#[apply(both_databases)]
fn names_are_what_a_reader_sees(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let county = api.caller("340304", Role::CountyReporter).await;
        let named = |name: &str| json!({"area": "340304001", "kind": "federation", "name": name});
        for unseen in [
            "\u{200b}",
            "\u{3164}",
            "侨\u{202e}联",
            "侨\n联",
            "侨联\u{e0041}",
            "侨联\u{fdd0}",
            "侨联\u{2060}",
        ] {
            let refused = county
                .post("/v1/organizations", &named(unseen))
                .await
                .expect(422)
                .json();
            assert_eq!(
                (&refused["errors"][0]["pointer"], &refused["errors"][0]["code"]),
                (&json!("/name"), &json!("unseen_character")),
                "{unseen:?}"
            );
        }
        // A note may have lines.
        let mut body = named("大庆街道侨联");
        body["note"] = json!("第一行\n第二行");
        county.post("/v1/organizations", &body).await.expect(201);
        let admin = api.caller("340000", Role::ProvinceAdmin).await;
        let token = json!({"label": "手机\u{200b}", "area": "340304", "role": "reader"});
        admin.post("/v1/tokens", &token).await.expect(422);
        let area = json!({"code": "340304003", "name": "\u{3164}", "parent": "340304", "valid_from": "2022-05-01",
            "kind": "administrative"});
        admin.post("/v1/areas", &area).await.expect(422);
    });
}

#[apply(both_databases)]
fn a_clock_that_was_set_while_it_ran_writes_nothing(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let county = api.caller("340304", Role::CountyReporter).await;
        let body = json!({"area": "340304001", "kind": "federation", "name": "大庆街道侨联"});
        let anonymous = api.anonymous();
        anonymous.get("/readyz").await.expect(200);
        api.clock.step(TimeDelta::minutes(6));
        let refused = county.post("/v1/organizations", &body).await.expect(503).json();
        assert_eq!(refused["type"], "/problems/clock_in_doubt");
        assert!(
            refused["detail"].as_str().unwrap().contains("qiaojian resume"),
            "{refused}"
        );
        county.get("/v1/organizations").await.expect(200);
        anonymous.get("/readyz").await.expect(503);
        api.clock.step(TimeDelta::minutes(-6));
        county.post("/v1/organizations", &body).await.expect(201);
        anonymous.get("/readyz").await.expect(200);
    });
}

#[apply(both_databases)]
fn headers_are_read_as_http_means_them(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let county = api.caller("340304", Role::CountyReporter).await;
        let text = json!({"area": "340304001", "kind": "federation", "name": "大庆街道侨联"}).to_string();
        let post = |content_type: &str| {
            county
                .request(Method::POST, "/v1/organizations")
                .header("Content-Type", content_type)
                .body(text.clone())
        };
        let zipped = post("application/json").header("Content-Encoding", "gzip");
        let refused = county.send(zipped).await.expect(415).json();
        assert_eq!(refused["type"], "/problems/encoded_body");
        county.send(post("text/plain")).await.expect(415);
        let odd = reqwest::header::HeaderValue::from_bytes(b"\xe4").unwrap();
        let odd = county
            .request(Method::POST, "/v1/organizations")
            .header("Content-Type", odd);
        county.send(odd.body(text.clone())).await.expect(415);
        let made = county
            .send(post("Application/JSON; charset=utf-8"))
            .await
            .expect(201)
            .json();
        let path = format!("/v1/organizations/{}", made["id"].as_str().unwrap());
        let patch = |tag: &str, note: &str| {
            county
                .request(Method::PATCH, &path)
                .header("If-Match", tag)
                .json(&json!({"note": note, "reason": "补充"}))
        };
        county.send(patch("W/\"1\"", "a")).await.expect(200);
        county.send(patch("\"1\", \"2\"", "b")).await.expect(200);
        county.send(patch("\"2\"", "c")).await.expect(412);
        county.send(patch("3", "c")).await.expect(400);
    });
}
