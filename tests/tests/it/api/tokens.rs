//! `/oauth/*` and `/v1/tokens`: who gets in, and who does not any more.

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::TimeDelta;
use qiaojian_domain::access::{Post, Role, Scope};
use qiaojian_tests::Backend;
use qiaojian_tests::api::{Client, Reply, TestApi, with_api};
use rstest_reuse::apply;
use serde_json::{Value, json};

use crate::both_databases;

async fn ask(api: &TestApi, form: &[(&str, &str)]) -> Reply {
    let anonymous = api.anonymous();
    anonymous
        .send(
            anonymous
                .request(reqwest::Method::POST, "/oauth/token")
                .form(form),
        )
        .await
}

#[apply(both_databases)]
fn the_token_endpoint_speaks_rfc_6749(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let (id, secret) = api
            .credentials(
                "340304",
                Post::Federation,
                Role::CountyReporter,
                Role::CountyReporter.scopes(),
            )
            .await;
        let id = id.to_string();
        let given = ask(
            api,
            &[
                ("grant_type", "client_credentials"),
                ("client_id", &id),
                ("client_secret", &secret),
                ("scope", "org:read"),
            ],
        )
        .await
        .expect(200);
        assert_eq!(given.header("cache-control"), Some("no-store"));
        assert_eq!(given.json()["scope"], "org:read");
        assert_eq!(given.json()["expires_in"], 900);
        assert_eq!(given.json()["token_type"], "Bearer");
        for (form, status, error) in [
            (vec![("client_id", id.as_str())], 400, "invalid_request"),
            (
                vec![
                    ("grant_type", "password"),
                    ("client_id", &id),
                    ("client_secret", &secret),
                ],
                400,
                "unsupported_grant_type",
            ),
            (vec![("grant_type", "client_credentials")], 401, "invalid_client"),
            (
                vec![
                    ("grant_type", "client_credentials"),
                    ("client_id", &id),
                    ("client_secret", "qjs_wrong"),
                ],
                401,
                "invalid_client",
            ),
            (
                vec![
                    ("grant_type", "client_credentials"),
                    ("client_id", "nobody"),
                    ("client_secret", &secret),
                ],
                401,
                "invalid_client",
            ),
            (
                vec![
                    ("grant_type", "client_credentials"),
                    ("client_id", &id),
                    ("client_secret", &secret),
                    ("scope", "token:admin"),
                ],
                400,
                "invalid_scope",
            ),
        ] {
            let refused = ask(api, &form).await.expect(status);
            assert_eq!(refused.json()["error"], error, "{form:?}");
        }
        let anonymous = api.anonymous();
        let by_basic = |scheme: &str, form: &[(&str, &str)]| {
            let credentials = STANDARD.encode(format!("{id}:{secret}"));
            let mut form = form.to_vec();
            form.push(("grant_type", "client_credentials"));
            anonymous
                .request(reqwest::Method::POST, "/oauth/token")
                .header("Authorization", format!("{scheme} {credentials}"))
                .form(&form)
        };
        for scheme in ["Basic", "basic", "BASIC"] {
            anonymous.send(by_basic(scheme, &[])).await.expect(200);
        }
        anonymous
            .send(by_basic("Basic", &[("client_id", &id)]))
            .await
            .expect(200);
        for both in [
            vec![("client_id", id.as_str()), ("client_secret", secret.as_str())],
            vec![("client_id", "another")],
        ] {
            let refused = anonymous.send(by_basic("Basic", &both)).await.expect(400);
            assert_eq!(refused.json()["error"], "invalid_request");
        }
    });
}

#[apply(both_databases)]
fn an_access_token_grants_what_was_asked_for_until_its_time_is_over(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let caller = api
            .caller_with(
                "340304",
                Post::Federation,
                Role::CountyReporter,
                [Scope::OrgRead].into(),
            )
            .await;
        caller.get("/v1/organizations").await.expect(200);
        let refused = caller.post("/v1/organizations", &json!({})).await.expect(403);
        assert_eq!(refused.json()["type"], "/problems/scope_missing");
        api.clock.advance(TimeDelta::minutes(15));
        let expired = caller.get("/v1/organizations").await.expect(401);
        assert_eq!(expired.json()["type"], "/problems/token_expired");
        assert_eq!(
            expired.header("www-authenticate"),
            Some("Bearer error=\"invalid_token\"")
        );
        let mut forged = caller.clone();
        forged.token = caller
            .token
            .as_ref()
            .map(|token| format!("{}x", &token[..token.len() - 1]));
        assert_eq!(
            forged.get("/v1/organizations").await.expect(401).json()["type"],
            "/problems/token_unknown"
        );
    });
}

#[apply(both_databases)]
fn a_revocation_is_seen_by_every_replica_within_a_second(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let admin = api.caller("340000", Role::ProvinceAdmin).await;
        let phone = api.caller("340304", Role::CountyReporter).await;
        let elsewhere = phone.at(&api.replica().await);
        for _ in 0..3 {
            phone.get("/v1/organizations").await.expect(200);
            elsewhere.get("/v1/organizations").await.expect(200); // verified and remembered on both
        }
        let revoked_at = Instant::now();
        admin
            .post(&format!("/v1/tokens/{}/revoke", phone.id.unwrap()), &json!({}))
            .await
            .expect(200);
        let here = phone.get("/v1/organizations").await.expect(401);
        assert_eq!(here.json()["type"], "/problems/token_revoked");
        // Asked again and again: the promise is a second, whatever the poll.
        loop {
            let there = elsewhere.get("/v1/organizations").await;
            if there.status == 401 {
                assert_eq!(there.json()["type"], "/problems/token_revoked");
                break;
            }
            assert!(
                revoked_at.elapsed() < Duration::from_secs(1),
                "the other replica still answers {}",
                there.status
            );
        }
        admin.get("/v1/organizations").await.expect(200);
    });
}

#[apply(both_databases)]
fn an_admin_issues_lists_rotates_and_revokes(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let admin = api.caller("340300", Role::ProvinceAdmin).await;
        let body = json!({"label": "大庆街道 1 号手机", "area": "340304001", "role": "township_reporter", "expires_in_days": 30});
        let issued = admin.post_once("/v1/tokens", "issue-1", &body).await.expect(201);
        assert_eq!(issued.header("cache-control"), Some("no-store"));
        let again = admin.post_once("/v1/tokens", "issue-1", &body).await.expect(201);
        assert_eq!(
            issued.json(),
            again.json(),
            "a repetition under the same key shows the same secret"
        );
        let (id, secret) = (
            issued.json()["client_id"].clone(),
            issued.json()["client_secret"].clone(),
        );
        let form = |secret: &Value| {
            [
                ("grant_type", "client_credentials".to_owned()),
                ("client_id", id.as_str().unwrap().to_owned()),
                ("client_secret", secret.as_str().unwrap().to_owned()),
            ]
        };
        let get_token = async |secret: &Value| {
            let form = form(secret);
            let form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
            ask(api, &form).await
        };
        get_token(&secret).await.expect(200);
        let path = format!("/v1/tokens/{}", id.as_str().unwrap());
        let shown = admin.get(&path).await.expect(200);
        assert!(!shown.text.contains("secret") && !shown.text.contains(secret.as_str().unwrap()));
        assert_eq!(shown.json()["status"], "active");
        assert_eq!(shown.json()["last_used_at"], "2022-06-24T08:36:00.000000Z");

        let rotated = admin
            .post(&format!("{path}/rotate"), &json!({}))
            .await
            .expect(200);
        get_token(&secret).await.expect(401);
        get_token(&rotated.json()["client_secret"]).await.expect(200);

        admin
            .post(&format!("{path}/revoke"), &json!({}))
            .await
            .expect(200);
        admin
            .post(&format!("{path}/revoke"), &json!({}))
            .await
            .expect(200);
        get_token(&rotated.json()["client_secret"]).await.expect(401);
        admin
            .post(&format!("{path}/rotate"), &json!({}))
            .await
            .expect(409);
        let listed = admin.get("/v1/tokens?status=revoked").await.expect(200);
        assert_eq!(listed.json()["items"].as_array().unwrap().len(), 1);

        // Neither beyond the area, nor beyond the role, nor beyond what the issuer holds.
        admin
            .post(
                "/v1/tokens",
                &json!({"label": "x", "area": "341800", "role": "reader"}),
            )
            .await
            .expect(422);
        for body in [
            json!({"label": "x", "area": "340304", "role": "reader", "scopes": ["org:write"]}),
            json!({"label": "x", "area": "340304", "role": "reader", "scopes": []}),
            json!({"label": " ", "area": "340304", "role": "reader"}),
            json!({"label": "x", "area": "340304", "role": "reader", "expires_in_days": 0}),
        ] {
            admin.post("/v1/tokens", &body).await.expect(422);
        }
        let weak = api
            .caller_with(
                "340300",
                Post::Federation,
                Role::ProvinceAdmin,
                [Scope::TokenAdmin].into(),
            )
            .await;
        weak.post(
            "/v1/tokens",
            &json!({"label": "x", "area": "340304", "role": "reader"}),
        )
        .await
        .expect(422);
    });
}

#[apply(both_databases)]
fn a_client_can_give_up_its_own_credentials(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let (id, secret) = api
            .credentials("340304", Post::Federation, Role::Reader, Role::Reader.scopes())
            .await;
        let anonymous = api.anonymous();
        let id = id.to_string();
        let give_up = async |token: Option<&str>| {
            let mut form = vec![("client_id", id.as_str()), ("client_secret", &secret)];
            form.extend(token.map(|token| ("token", token)));
            let request = anonymous
                .request(reqwest::Method::POST, "/oauth/revoke")
                .form(&form);
            anonymous.send(request).await
        };
        let get_access = async || {
            let form = [
                ("grant_type", "client_credentials"),
                ("client_id", id.as_str()),
                ("client_secret", &secret),
            ];
            ask(api, &form).await
        };
        let access = async || {
            let given = get_access().await.expect(200).json();
            let mut client = api.anonymous();
            client.token = given["access_token"].as_str().map(str::to_owned);
            client
        };
        let (one, other) = (access().await, access().await);
        let elsewhere = one.at(&api.replica().await);
        for client in [&one, &other, &elsewhere] {
            client.get("/v1/me").await.expect(200);
        }
        // Without a token, or with what is none of its own, nothing happens.
        let refused = give_up(None).await.expect(400).json();
        assert_eq!(refused["error"], "invalid_request");
        let stranger = api.caller("340304", Role::Reader).await;
        for token in ["any", stranger.token.as_deref().unwrap()] {
            give_up(Some(token)).await.expect(200);
        }
        for client in [&one, &other, &stranger] {
            client.get("/v1/me").await.expect(200);
        }
        // An access token ends alone, at once here and within a second elsewhere.
        give_up(one.token.as_deref()).await.expect(200);
        give_up(one.token.as_deref()).await.expect(200);
        assert_eq!(
            one.get("/v1/me").await.expect(401).json()["type"],
            "/problems/token_revoked"
        );
        ends_within_a_second(&elsewhere).await;
        other.get("/v1/me").await.expect(200);
        // With its secret the client gives itself up, and all its access tokens.
        give_up(Some(&secret)).await.expect(200);
        other.get("/v1/me").await.expect(401);
        get_access().await.expect(401);
    });
}

/// Asks again and again until it is refused: the promise is a second, whatever the poll.
async fn ends_within_a_second(client: &Client) {
    let since = Instant::now();
    loop {
        let reply = client.get("/v1/me").await;
        if reply.status == 401 {
            assert_eq!(reply.json()["type"], "/problems/token_revoked");
            return;
        }
        assert!(
            since.elapsed() < Duration::from_secs(1),
            "still answered {}",
            reply.status
        );
    }
}

#[apply(both_databases)]
fn a_new_secret_ends_what_was_given_for_the_old_one(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let admin = api.caller("340000", Role::ProvinceAdmin).await;
        let phone = api.caller("340304", Role::CountyReporter).await;
        let elsewhere = phone.at(&api.replica().await);
        phone.get("/v1/me").await.expect(200);
        elsewhere.get("/v1/me").await.expect(200);
        let path = format!("/v1/tokens/{}", phone.id.unwrap());
        let rotated = admin
            .post(&format!("{path}/rotate"), &json!({}))
            .await
            .expect(200)
            .json();
        assert_eq!(
            phone.get("/v1/me").await.expect(401).json()["type"],
            "/problems/token_revoked"
        );
        ends_within_a_second(&elsewhere).await;
        let id = phone.id.unwrap().to_string();
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", id.as_str()),
            ("client_secret", rotated["client_secret"].as_str().unwrap()),
        ];
        let mut anew = api.anonymous();
        let given = ask(api, &form).await.expect(200).json();
        anew.token = given["access_token"].as_str().map(str::to_owned);
        let me = anew.get("/v1/me").await.expect(200).json();
        assert_eq!(
            (&me["client_id"], &me["area"], &me["area_name"], &me["post"]),
            (
                &json!(id),
                &json!("340304"),
                &json!("禹会区"),
                &json!("federation")
            )
        );
        api.anonymous().get("/v1/me").await.expect(401);
    });
}

#[apply(both_databases)]
fn what_a_token_grants_lives_no_longer_and_may_do_no_more(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let admin = api.caller("340000", Role::ProvinceAdmin).await;
        let body = |days: Option<i64>| json!({"label": "x", "area": "340300", "role": "province_admin", "expires_in_days": days});
        let city = admin.post("/v1/tokens", &body(Some(20))).await.expect(201).json();
        let as_client = async |made: &Value| {
            let form = [
                ("grant_type", "client_credentials"),
                ("client_id", made["client_id"].as_str().unwrap()),
                ("client_secret", made["client_secret"].as_str().unwrap()),
            ];
            let given = ask(api, &form).await.expect(200).json();
            let mut client = api.anonymous();
            client.token = given["access_token"].as_str().map(str::to_owned);
            client
        };
        let city_admin = as_client(&city).await;
        let refused = city_admin
            .post("/v1/tokens", &body(Some(21)))
            .await
            .expect(422)
            .json();
        assert_eq!(refused["errors"][0]["code"], "beyond_own", "{refused}");
        let child = city_admin
            .post("/v1/tokens", &body(None))
            .await
            .expect(201)
            .json();
        assert_eq!(
            child["expires_at"], city["expires_at"],
            "as long as whoever granted it"
        );
        assert_eq!(child["created_by"], city["client_id"]);
        let grandchild = as_client(&child)
            .await
            .post("/v1/tokens", &body(Some(1)))
            .await
            .expect(201)
            .json();
        // The city's own list does not name the province's token.
        let own = city_admin
            .get(&format!("/v1/tokens/{}", city["client_id"].as_str().unwrap()))
            .await
            .expect(200)
            .json();
        assert_eq!(own["created_by"], Value::Null);
        let issued = admin
            .get(&format!(
                "/v1/tokens?created_by={}",
                city["client_id"].as_str().unwrap()
            ))
            .await
            .expect(200)
            .json();
        assert_eq!(issued["items"].as_array().unwrap().len(), 1);

        // Who may do less neither revokes nor renews it.
        let weak = api
            .caller_with(
                "340300",
                Post::Federation,
                Role::ProvinceAdmin,
                [Scope::TokenAdmin].into(),
            )
            .await;
        let path = format!("/v1/tokens/{}", city["client_id"].as_str().unwrap());
        for verb in ["revoke", "renew"] {
            let refused = weak
                .post(&format!("{path}/{verb}"), &json!({}))
                .await
                .expect(409)
                .json();
            assert_eq!(refused["type"], "/problems/token_beyond", "{verb}");
        }
        let revoked = admin
            .post(&format!("{path}/revoke?descendants=true"), &json!({}))
            .await
            .expect(200)
            .json();
        assert_eq!(
            (&revoked["status"], &revoked["descendants_revoked"]),
            (&json!("revoked"), &json!(2))
        );
        let last = format!("/v1/tokens/{}", grandchild["client_id"].as_str().unwrap());
        assert_eq!(admin.get(&last).await.expect(200).json()["status"], "revoked");
    });
}

#[apply(both_databases)]
fn an_expired_client_is_told_so_and_renewed_under_its_id(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let admin = api.caller("340000", Role::ProvinceAdmin).await;
        let body = json!({"label": "x", "area": "340304", "role": "county_reporter", "expires_in_days": 1});
        let made = admin.post("/v1/tokens", &body).await.expect(201).json();
        api.clock.advance(TimeDelta::days(1));
        let get_access = async |secret: &str| {
            let form = [
                ("grant_type", "client_credentials"),
                ("client_id", made["client_id"].as_str().unwrap()),
                ("client_secret", secret),
            ];
            ask(api, &form).await
        };
        let secret = made["client_secret"].as_str().unwrap();
        let told = get_access(secret).await.expect(401).json();
        assert!(
            told["error_description"].as_str().unwrap().contains("expired"),
            "{told}"
        );
        let wrong = get_access("qjs_wrong").await.expect(401).json();
        assert!(
            !wrong["error_description"].as_str().unwrap().contains("expired"),
            "{wrong}"
        );
        let admin = api.caller("340000", Role::ProvinceAdmin).await;
        let path = format!("/v1/tokens/{}/renew", made["client_id"].as_str().unwrap());
        admin
            .post(&path, &json!({"expires_in_days": 731}))
            .await
            .expect(422);
        let renewed = admin
            .post(&path, &json!({"expires_in_days": 2}))
            .await
            .expect(200)
            .json();
        assert_eq!(
            (&renewed["id"], &renewed["status"]),
            (&made["client_id"], &json!("active"))
        );
        get_access(secret).await.expect(200);
    });
}

#[apply(both_databases)]
fn a_secret_is_rotated_only_by_who_may_do_what_it_opens(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let (full, _) = api
            .credentials(
                "340300",
                Post::Federation,
                Role::ProvinceAdmin,
                Role::ProvinceAdmin.scopes(),
            )
            .await;
        let weak = api
            .caller_with(
                "340300",
                Post::Federation,
                Role::ProvinceAdmin,
                [Scope::TokenAdmin].into(),
            )
            .await;
        let path = format!("/v1/tokens/{full}");
        let refused = weak.post(&format!("{path}/rotate"), &json!({})).await.expect(409);
        assert_eq!(refused.json()["type"], "/problems/token_beyond");

        // Two admins who read the same version: the second must not kill the secret the first has just handed out.
        let admin = api.caller("340000", Role::ProvinceAdmin).await;
        let etag = admin
            .get(&path)
            .await
            .expect(200)
            .header("etag")
            .unwrap()
            .to_owned();
        for (verb, status) in [("rotate", 200), ("rotate", 412), ("revoke", 412)] {
            let request = admin
                .request(reqwest::Method::POST, &format!("{path}/{verb}"))
                .header("If-Match", &etag)
                .json(&json!({}));
            admin.send(request).await.expect(status);
        }
    });
}
