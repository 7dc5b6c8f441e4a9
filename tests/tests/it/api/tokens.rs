//! `/oauth/*` and `/v1/tokens`: who gets in, and who does not any more.

use std::time::{Duration, Instant};

use chrono::TimeDelta;
use qiaojian_shared::domain::access::{Post, Role, Scope};
use qiaojian_tests::api::{Reply, TestApi, with_api};
use serde_json::{Value, json};

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

#[test]
fn the_token_endpoint_speaks_rfc_6749() {
    with_api(async |api| {
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
        let basic = anonymous
            .request(reqwest::Method::POST, "/oauth/token")
            .basic_auth(&id, Some(&secret))
            .form(&[("grant_type", "client_credentials")]);
        anonymous.send(basic).await.expect(200);
    });
}

#[test]
fn an_access_token_grants_what_was_asked_for_until_its_time_is_over() {
    with_api(async |api| {
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

#[test]
fn a_revocation_is_seen_by_every_replica_within_a_second() {
    with_api(async |api| {
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

#[test]
fn an_admin_issues_lists_rotates_and_revokes() {
    with_api(async |api| {
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

#[test]
fn a_client_can_give_up_its_own_credentials() {
    with_api(async |api| {
        let (id, secret) = api
            .credentials("340304", Post::Federation, Role::Reader, Role::Reader.scopes())
            .await;
        let anonymous = api.anonymous();
        let form = [
            ("token", "any"),
            ("client_id", &id.to_string()),
            ("client_secret", &secret),
        ];
        anonymous
            .send(
                anonymous
                    .request(reqwest::Method::POST, "/oauth/revoke")
                    .form(&form),
            )
            .await
            .expect(200);
        ask(
            api,
            &[
                ("grant_type", "client_credentials"),
                ("client_id", &id.to_string()),
                ("client_secret", &secret),
            ],
        )
        .await
        .expect(401);
    });
}

#[test]
fn a_secret_is_rotated_only_by_who_may_do_what_it_opens() {
    with_api(async |api| {
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
