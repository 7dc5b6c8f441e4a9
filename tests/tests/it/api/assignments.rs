//! `/v1/assignments`: who may do what with one, when, and what the light says.

use chrono::TimeDelta;
use insta::assert_json_snapshot;
use qiaojian_domain::access::{Post, Role};
use qiaojian_tests::Backend;
use qiaojian_tests::api::with_api;
use rstest_reuse::apply;
use serde_json::{Value, json};

use super::tasks::{cities, first, issue, province};
use crate::both_databases;

#[apply(both_databases)]
fn lights_change_with_the_days_and_late_stays_late(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let (_, paths) = issue(api, &cities()).await;
        let mine = first(&paths);
        api.clock.advance(TimeDelta::days(10)); // 2022-07-04, four days after it was due
        let phone = api.caller("340300", Role::CityReporter).await;
        let province = province(api).await;
        let listed = async |query: &str| {
            let page = province
                .get(&format!("/v1/assignments?{query}"))
                .await
                .expect(200)
                .json();
            let word = |item: &Value| {
                format!(
                    "{} {}",
                    item["area"].as_str().unwrap(),
                    item["light"].as_str().unwrap()
                )
            };
            page["items"]
                .as_array()
                .unwrap()
                .iter()
                .map(word)
                .collect::<Vec<_>>()
        };
        assert_eq!(listed("light=red").await, ["340300 red", "341800 red"]);
        phone
            .post(&format!("{mine}/acknowledge"), &json!({"on": "2022-06-25"}))
            .await
            .expect(200);
        phone
            .post(&format!("{mine}/reports"), &json!({"content": "已完成。"}))
            .await
            .expect(200);
        let submitted = phone
            .post(&format!("{mine}/submit"), &json!({}))
            .await
            .expect(200)
            .json();
        assert_eq!(
            (&submitted["light"], &submitted["late"]),
            (&json!("yellow"), &json!(null))
        );
        let accepted = province
            .post(&format!("{mine}/accept"), &json!({}))
            .await
            .expect(200)
            .json();
        assert_eq!(
            (&accepted["light"], &accepted["late"]),
            (&json!("yellow"), &json!(true))
        );
        assert_eq!(listed("light=red,yellow").await, ["340300 yellow", "341800 red"]);
        assert_eq!(listed("light=yellow&area=341800").await, [""; 0]);
        assert_eq!(listed("status=accepted,cancelled").await, ["340300 yellow"]);
    });
}

#[apply(both_databases)]
fn only_the_two_parties_act(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let (_, paths) = issue(api, &json!([{"area": "340304"}])).await;
        let paper = first(&paths);
        let city = api.caller("340300", Role::CityReporter).await;
        let province = province(api).await;
        let county = api.caller("340304", Role::CountyReporter).await;
        let bureau = api
            .caller_with(
                "340304",
                Post::FinanceBureau,
                Role::CountyReporter,
                Role::CountyReporter.scopes(),
            )
            .await;
        // Whoever stands between, another post of the same area, and the issuer itself see it, but do not have it.
        for bystander in [&city, &bureau, &province] {
            bystander.get(paper).await.expect(200);
            let refused = bystander
                .post(&format!("{paper}/acknowledge"), &json!({}))
                .await
                .expect(403);
            assert_eq!(refused.json()["type"], "/problems/not_yours");
        }
        for bystander in [&city, &bureau, &county] {
            let refused = bystander
                .post(&format!("{paper}/cancel"), &json!({"reason": "x"}))
                .await
                .expect(403);
            assert_eq!(refused.json()["type"], "/problems/not_yours");
        }
        let unit = api
            .caller_with(
                "340304",
                Post::Federation,
                Role::MemberUnit,
                Role::MemberUnit.scopes(),
            )
            .await;
        let refused = unit
            .post(&format!("{paper}/cancel"), &json!({"reason": "x"}))
            .await
            .expect(403);
        assert_eq!(refused.json()["type"], "/problems/scope_missing");
        unit.post(&format!("{paper}/acknowledge"), &json!({}))
            .await
            .expect(200);
        province
            .post(&format!("{paper}/cancel"), &json!({"reason": "任务合并"}))
            .await
            .expect(200);
    });
}

#[apply(both_databases)]
fn what_cannot_be_done_now_is_said_with_what_can(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let (_, paths) = issue(api, &cities()).await;
        let mine = first(&paths);
        let phone = api.caller("340300", Role::CityReporter).await;
        let refused = phone
            .post(&format!("{mine}/submit"), &json!({}))
            .await
            .expect(409);
        assert_json_snapshot!(refused.json(), {".instance" => "[request id]"}, @r#"
        {
          "detail": "当前状态为“已交办”，不能进行“报结”操作；可以进行的操作：签收、取消。",
          "instance": "[request id]",
          "status": 409,
          "title": "当前状态不允许此操作",
          "type": "/problems/transition_refused"
        }
        "#);
        let acknowledge = |etag: &'static str, body: Value| {
            let request = phone.request(reqwest::Method::POST, &format!("{mine}/acknowledge"));
            phone.send(request.header("If-Match", etag).json(&body))
        };
        acknowledge("\"7\"", json!({})).await.expect(412);
        acknowledge("7", json!({})).await.expect(400);
        for (body, code) in [
            (json!({"on": "2022-06-25"}), "date_in_future"),
            (json!({"on": "2022-06-23"}), "dates_out_of_order"),
        ] {
            let refused = acknowledge("\"1\"", body).await.expect(422).json();
            assert_eq!(
                (&refused["errors"][0]["pointer"], &refused["errors"][0]["code"]),
                (&json!("/on"), &json!(code))
            );
        }
        acknowledge("\"1\"", json!({"by": "某某"})).await.expect(400);
        acknowledge("\"1\"", json!({})).await.expect(200);
        let again = acknowledge("\"2\"", json!({})).await.expect(200);
        assert_eq!(again.header("etag"), Some("\"2\""), "it changes nothing");
        phone
            .post(&format!("{mine}/reports"), &json!({}))
            .await
            .expect(400);
        let empty = phone
            .post(&format!("{mine}/reports"), &json!({"content": " "}))
            .await
            .expect(422)
            .json();
        assert_eq!(empty["errors"][0]["pointer"], "/content");
        let province = province(api).await;
        province
            .post(&format!("{mine}/cancel"), &json!({}))
            .await
            .expect(400);
        province
            .post(&format!("{mine}/cancel"), &json!({"reason": ""}))
            .await
            .expect(422);
        assert_eq!(phone.get(mine).await.expect(200).header("etag"), Some("\"2\""));
    });
}

#[apply(both_databases)]
fn a_weak_network_reports_once(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let (_, paths) = issue(api, &cities()).await;
        let mine = first(&paths);
        let phone = api.caller("340300", Role::CityReporter).await;
        phone
            .post(&format!("{mine}/acknowledge"), &json!({}))
            .await
            .expect(200);
        let (path, report) = (
            format!("{mine}/reports"),
            json!({"content": "已列入年度重点工作。"}),
        );
        let sent = phone.post_once(&path, "k-1", &report).await.expect(200);
        let again = phone.post_once(&path, "k-1", &report).await.expect(200);
        assert_eq!(
            (sent.json(), sent.header("etag")),
            (again.json(), again.header("etag"))
        );
        assert_eq!(
            phone.get(mine).await.expect(200).json()["reports"]
                .as_array()
                .unwrap()
                .len(),
            1
        );
        let other = json!({"content": "已完成过半。"});
        phone.post_once(&path, "k-1", &other).await.expect(422);
    });
}
