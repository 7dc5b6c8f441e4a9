//! `/v1/notices`: a city's inbox.

use qiaojian_shared::domain::access::{Post, Role};
use qiaojian_tests::api::with_api;
use serde_json::json;

use super::bulletins::{campaign, published};

#[test]
fn the_addressee_finds_it_reads_it_and_says_so_once() {
    with_api(async |api| {
        let program = campaign(api).await;
        let office = api.caller("340000", Role::Supervisor).await;
        let bulletin = published(&office, program, "2022-05").await;
        let pilot = api.caller("340300", Role::CityReporter).await;

        let inbox = pilot
            .get("/v1/notices?unacknowledged=true")
            .await
            .expect(200)
            .json();
        let line = &inbox["items"][0];
        assert_eq!(line["period"], "2022-05");
        assert_eq!(line["serial"], 1);
        assert_eq!(line["acknowledged_at"], json!(null));
        assert_eq!(
            bulletin,
            format!("/v1/bulletins/{}", line["bulletin"].as_str().unwrap())
        );
        assert_eq!(line.get("parts"), None);
        let with_parts = pilot.get("/v1/notices?parts=true").await.expect(200).json();
        assert_eq!(
            with_parts["items"][0]["parts"]["common"]["cities"][0]["city"]["name"],
            "蚌埠市"
        );

        let path = format!("/v1/notices/{}", line["id"].as_str().unwrap());
        let notice = pilot.get(&path).await.expect(200).json();
        assert_eq!(notice["parts"]["own"]["figures"]["city"]["name"], "蚌埠市");
        assert_eq!(notice["undeliverable_reason"], "no_endpoint");
        let page = pilot
            .get(notice["documents"]["html"].as_str().unwrap())
            .await
            .expect(200);
        assert!(
            page.text.contains("蚌埠市侨联：") && page.text.contains("演示数据"),
            "{}",
            page.text
        );
        pilot
            .get(notice["documents"]["txt"].as_str().unwrap())
            .await
            .expect(200);
        assert_eq!(
            pilot
                .get(notice["documents"]["json"].as_str().unwrap())
                .await
                .expect(200)
                .json(),
            notice
        );

        let read = pilot
            .post(&format!("{path}/acknowledge"), &json!({}))
            .await
            .expect(200);
        assert_eq!(read.header("etag"), Some("\"2\""));
        let again = pilot
            .post(&format!("{path}/acknowledge"), &json!({}))
            .await
            .expect(200);
        assert_eq!(read.json(), again.json());
        let open = pilot.get("/v1/notices?unacknowledged=true").await.expect(200);
        assert_eq!(open.json()["items"], json!([]));
        assert_eq!(pilot.get(&path).await.json(), read.json());
    });
}

#[test]
fn others_read_no_notice_and_nobody_acknowledges_for_another() {
    with_api(async |api| {
        let program = campaign(api).await;
        let office = api.caller("340000", Role::Supervisor).await;
        published(&office, program, "2022-05").await;
        let all = office.get("/v1/notices?area=340300").await.expect(200).json();
        let path = format!("/v1/notices/{}", all["items"][0]["id"].as_str().unwrap());
        office
            .post(&format!("{path}/acknowledge"), &json!({}))
            .await
            .expect(403);
        let other_post = api
            .caller_with(
                "340300",
                Post::OrganizationDept,
                Role::MemberUnit,
                Role::MemberUnit.scopes(),
            )
            .await;
        other_post.get(&path).await.expect(200);
        other_post
            .post(&format!("{path}/acknowledge"), &json!({}))
            .await
            .expect(403);

        let other_city = api.caller("341800", Role::CityReporter).await;
        let county = api.caller("340304", Role::CountyReporter).await;
        for stranger in [&other_city, &county] {
            for form in ["", ".html", ".json", ".txt"] {
                stranger.get(&format!("{path}{form}")).await.expect(404);
            }
            stranger
                .post(&format!("{path}/acknowledge"), &json!({}))
                .await
                .expect(404);
            assert_eq!(
                stranger.get("/v1/notices").await.expect(200).json()["items"],
                json!([])
            );
            stranger.get("/v1/notices?area=340300").await.expect(404);
        }
        let mute = api
            .caller_with("340300", Post::Federation, Role::Reader, [].into())
            .await;
        mute.get("/v1/notices").await.expect(403);
        office.get("/v1/notices?read=true").await.expect(400);
    });
}
