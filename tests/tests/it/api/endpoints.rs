//! `/v1/endpoints` and `/v1/deliveries`: where a post receives, and what was sent there.

use qiaojian_domain::access::Role;
use qiaojian_tests::Backend;
use qiaojian_tests::api::with_api;
use rstest_reuse::apply;
use serde_json::json;

use super::bulletins::{campaign, published};
use crate::both_databases;

#[apply(both_databases)]
fn a_city_says_where_it_receives_stops_and_gives_it_up(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let city = api.caller("340300", Role::CityReporter).await;
        let body = json!({"area": "340300", "channel": "email", "address": "qiaolian@bengbu.example"});
        let set = city.post("/v1/endpoints", &body).await.expect(201);
        let location = set.header("location").unwrap().to_owned();
        let shown = set.json();
        assert_eq!(
            (&shown["post"], &shown["status"], &shown["on_uncertain"]),
            (&json!("federation"), &json!("active"), &json!("resend"))
        );
        // No channel that is served needs one.
        let mut with_secret = body.clone();
        with_secret["secret"] = json!("口令-1234");
        let refused = city.post("/v1/endpoints", &with_secret).await.expect(400).json();
        assert_eq!(refused["errors"][0]["pointer"], "/secret");

        let paused = city
            .post(&format!("{location}/pause"), &json!({"reason": "邮箱迁移中"}))
            .await
            .expect(200)
            .json();
        assert_eq!(
            (&paused["status"], &paused["status_reason"]),
            (&json!("paused"), &json!("邮箱迁移中"))
        );
        let active = city
            .post(&format!("{location}/resume"), &json!({}))
            .await
            .expect(200);
        assert_eq!(active.json()["status"], "active");
        assert_eq!(active.json().get("status_reason"), None);
        city.delete(&format!("{location}?reason=不再使用"), None)
            .await
            .expect(428);
        city.delete(&format!("{location}?reason=不再使用"), Some("\"1\""))
            .await
            .expect(412);
        city.delete(&format!("{location}?reason="), active.header("etag"))
            .await
            .expect(400);
        city.delete(&format!("{location}?reason=不再使用"), active.header("etag"))
            .await
            .expect(204);
        assert_eq!(city.get(&location).await.expect(200).json()["status"], "disabled");
    });
}

#[apply(both_databases)]
fn an_endpoint_that_cannot_receive_is_refused_by_field(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let city = api.caller("340300", Role::CityReporter).await;
        for (body, pointer, code) in [
            (
                json!({"area": "340300", "channel": "webhook", "address": "https://example.org/x"}),
                "/channel",
                "channel_not_served",
            ),
            (
                json!({"area": "340300", "channel": "wecom", "address": "x"}),
                "/channel",
                "channel_not_served",
            ),
            (
                json!({"area": "340300", "channel": "email"}),
                "/address",
                "bad_address",
            ),
            (
                json!({"area": "340300", "channel": "email", "address": "蚌埠市侨联"}),
                "/address",
                "bad_address",
            ),
            (
                json!({"area": "340300", "channel": "email", "address": "a@b@c"}),
                "/address",
                "bad_address",
            ),
            (
                json!({"area": "340300", "channel": "email", "address": "a@b.example\r\nBcc: x@y.example"}),
                "/address",
                "bad_address",
            ),
            (
                json!({"area": "340300", "channel": "email", "address": "张三 <zhang@b.example>"}),
                "/address",
                "display_name",
            ),
            (
                json!({"area": "340300", "channel": "email", "address": "a..b@b.example"}),
                "/address",
                "bad_address",
            ),
            (
                json!({"area": "340300", "channel": "file", "address": "/etc/passwd"}),
                "/address",
                "no_address_wanted",
            ),
            (
                json!({"area": "341800", "channel": "inbox"}),
                "/area",
                "unknown_area",
            ),
            (
                json!({"area": "999999", "channel": "inbox"}),
                "/area",
                "unknown_area",
            ),
        ] {
            let refused = city.post("/v1/endpoints", &body).await.expect(422);
            let error = &refused.json()["errors"][0];
            assert_eq!(
                (&error["pointer"], &error["code"]),
                (&json!(pointer), &json!(code)),
                "{}",
                refused.text
            );
        }
        city.post("/v1/endpoints", &json!({"area": "340300", "channel": "pigeon"}))
            .await
            .expect(400);
        assert_eq!(
            city.get("/v1/endpoints").await.expect(200).json()["items"],
            json!([])
        );
    });
}

#[apply(both_databases)]
fn an_endpoint_is_its_areas_and_the_id_makes_it_once(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let city = api.caller("340300", Role::CityReporter).await;
        let own = json!({"id": "0190a000-0000-7000-8000-000000000001", "area": "340304", "channel": "file"});
        let set = city.post("/v1/endpoints", &own).await.expect(201);
        assert_eq!(
            city.post("/v1/endpoints", &own).await.expect(200).json(),
            set.json()
        );
        let location = set.header("location").unwrap();
        let county = api.caller("340304", Role::CountyReporter).await;
        county.get(location).await.expect(403);
        let other = api.caller("341800", Role::CityReporter).await;
        other.get(location).await.expect(404);
        other
            .post(&format!("{location}/pause"), &json!({}))
            .await
            .expect(404);
        other
            .post(&format!("{location}/resume"), &json!({}))
            .await
            .expect(404);
        other
            .delete(&format!("{location}?reason=x"), Some("\"1\""))
            .await
            .expect(404);
        assert_eq!(
            other.get("/v1/endpoints").await.expect(200).json()["items"],
            json!([])
        );
        other.get("/v1/endpoints?area=340300").await.expect(404);
    });
}

#[apply(both_databases)]
fn publishing_queues_one_delivery_an_endpoint(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let program = campaign(api).await;
        let city = api.caller("340300", Role::CityReporter).await;
        for body in [
            json!({"area": "340300", "channel": "file"}),
            json!({"area": "340300", "channel": "email", "address": "qiaolian@bengbu.example"}),
            json!({"area": "340300", "post": "finance_bureau", "channel": "file"}),
        ] {
            city.post("/v1/endpoints", &body).await.expect(201);
        }
        let office = api.caller("340000", Role::Supervisor).await;
        let bulletin = published(&office, program, "2022-05").await;
        let id = bulletin.rsplit('/').next().unwrap();
        let all = office
            .get(&format!("/v1/deliveries?bulletin={id}"))
            .await
            .expect(200)
            .json();
        assert_eq!(all["items"].as_array().unwrap().len(), 2);
        let mailed = office
            .get("/v1/deliveries?channel=email&state=queued,sent&area=340300")
            .await
            .expect(200)
            .json();
        let delivery = &mailed["items"][0];
        assert_eq!(
            (&delivery["state"], &delivery["area"], &delivery["serial"]),
            (&json!("queued"), &json!("340300"), &json!(1))
        );
        let path = format!("/v1/deliveries/{}", delivery["id"].as_str().unwrap());
        assert_eq!(office.get(&path).await.expect(200).json()["attempts"], json!([]));
        assert_eq!(
            office.get("/v1/deliveries?state=dead").await.expect(200).json()["items"],
            json!([])
        );
        city.get("/v1/deliveries").await.expect(403);
        let elsewhere = api.caller("341800", Role::Supervisor).await;
        elsewhere.get(&path).await.expect(404);
        assert_eq!(
            elsewhere.get("/v1/deliveries").await.expect(200).json()["items"],
            json!([])
        );
        office.get("/v1/deliveries?state=lost").await.expect(400);
    });
}

#[apply(both_databases)]
fn the_same_mailbox_is_one_endpoint_of_a_post(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let city = api.caller("340300", Role::CityReporter).await;
        let mail = |address: &str| json!({"area": "340300", "channel": "email", "address": address});
        let first = city
            .post("/v1/endpoints", &mail("qiaolian@bengbu.example"))
            .await
            .expect(201);
        for same in [
            "qiaolian@bengbu.example",
            "Qiaolian@BENGBU.example",
            " ｑｉａｏｌｉａｎ＠bengbu.example",
            "qiaolian@bengbu.example\u{200B}",
        ] {
            let refused = city.post("/v1/endpoints", &mail(same)).await.expect(409);
            assert_eq!(refused.json()["type"], "/problems/endpoint_exists", "{same}");
        }
        let inbox = json!({"area": "340300", "channel": "inbox"});
        city.post("/v1/endpoints", &inbox).await.expect(201);
        city.post("/v1/endpoints", &inbox).await.expect(409);
        // Another mailbox, another post, another area.
        city.post("/v1/endpoints", &mail("other@bengbu.example"))
            .await
            .expect(201);
        for (area, post) in [("340300", "finance_bureau"), ("340304", "federation")] {
            let body =
                json!({"area": area, "post": post, "channel": "email", "address": "qiaolian@bengbu.example"});
            city.post("/v1/endpoints", &body).await.expect(201);
        }
        // A paused one still takes notices; one that was given up does not, and cannot come back beside the new one.
        let location = first.header("location").unwrap();
        city.post(&format!("{location}/pause"), &json!({}))
            .await
            .expect(200);
        city.post("/v1/endpoints", &mail("qiaolian@bengbu.example"))
            .await
            .expect(409);
        city.delete(&format!("{location}?reason=x"), Some("\"2\""))
            .await
            .expect(204);
        city.post("/v1/endpoints", &mail("QIAOLIAN@bengbu.example"))
            .await
            .expect(201);
        let back = city
            .post(&format!("{location}/resume"), &json!({}))
            .await
            .expect(409);
        assert_eq!(back.json()["type"], "/problems/endpoint_exists");
    });
}
