//! `GET /v1/figures`: what was done on time, and which counties were visited.

use chrono::TimeDelta;
use qiaojian_domain::access::{Post, Role, Scope};
use qiaojian_tests::Backend;
use qiaojian_tests::api::{Client, with_api};
use rstest_reuse::apply;
use serde_json::{Value, json};

use super::due::happened;
use super::tasks::{cities, issue};
use crate::both_databases;

async fn figures(caller: &Client, query: &str) -> Value {
    let answer = caller.get(&format!("/v1/figures?cohort=all&{query}")).await;
    answer.expect(200).json()
}

/// The numbers of the first total.
fn numbers(answer: &Value) -> (i64, Option<i64>, Value) {
    let total = &answer["totals"][0];
    let number = |name: &str| total[name].as_i64();
    (
        number("numerator").unwrap(),
        number("denominator"),
        total["value"].clone(),
    )
}

/// How many rows a link of the first total opens, each checked to say what it should.
async fn opened(caller: &Client, answer: &Value, link: &str) -> Vec<Value> {
    let link = answer["totals"][0][link].as_str().unwrap();
    let page = caller.get(link).await.expect(200).json();
    page["items"].as_array().unwrap().clone()
}

#[apply(both_databases)]
fn what_was_submitted_by_its_day_is_on_time(#[case] backend: Backend) {
    with_api(backend, async |api| {
        // Due on 2022-06-30; today is 2022-06-24.
        let (_, given) = issue(api, &cities()).await;
        let act = async |path: &str, area: &str, verb: &str, body: Value| {
            let phone = api.caller(area, Role::CityReporter).await;
            phone.post(&format!("{path}/{verb}"), &body).await.expect(200);
        };
        let done = async |path: &str, area: &str| {
            act(path, area, "acknowledge", json!({})).await;
            act(path, area, "reports", json!({"content": "已完成。"})).await;
            act(path, area, "submit", json!({})).await;
        };
        done(&given[0], "340300").await;
        let province = api.caller("340000", Role::ProvinceAdmin).await;
        let not_yet = figures(&province, "metric=on_time_rate").await;
        assert_eq!(
            numbers(&not_yet),
            (0, Some(0), Value::Null),
            "nothing has fallen due"
        );

        api.clock.advance(TimeDelta::days(10)); // 2022-07-04
        done(&given[1], "341800").await;
        let province = api.caller("340000", Role::ProvinceAdmin).await;
        let week = "metric=on_time_rate&from=2022-06-29&to=2022-07-04";
        let answer = figures(&province, week).await;
        assert_eq!(numbers(&answer), (1, Some(2), json!(50)));
        assert_eq!(answer["totals"][0]["members_kind"], "assignments");
        let all = opened(&province, &answer, "denominator_members").await;
        assert_eq!(all.len(), 2);
        let on_time = opened(&province, &answer, "members").await;
        assert_eq!(on_time.len(), 1);
        assert_eq!(
            (
                &on_time[0]["area"],
                &on_time[0]["due_on"],
                &on_time[0]["submitted_on"]
            ),
            (&json!("340300"), &json!("2022-06-30"), &json!("2022-06-24"))
        );
        assert!(given[0].ends_with(on_time[0]["id"].as_str().unwrap()));
        let by_city = figures(&province, &format!("{week}&group_by=city")).await;
        assert_eq!(by_city["items"].as_array().unwrap().len(), 2);
        // After the day itself nothing fell due; and 341800 was late, by its own reckoning too.
        let later = "metric=on_time_rate&from=2022-06-30&to=2022-07-04";
        assert_eq!(numbers(&figures(&province, later).await).1, Some(0));
        let city = api.caller("341800", Role::CityReporter).await;
        assert_eq!(numbers(&figures(&city, week).await), (0, Some(1), json!(0)));

        // What was returned is not done; what was taken back was never asked.
        province
            .post(&format!("{}/return", given[0]), &json!({"reason": "请补充材料"}))
            .await
            .expect(200);
        assert_eq!(numbers(&figures(&province, week).await), (0, Some(2), json!(0)));
        let known = answer["known_at"].as_str().unwrap();
        let as_known = figures(&province, &format!("{week}&known_at={known}")).await;
        assert_eq!(as_known["totals"], answer["totals"]);
        province
            .post(&format!("{}/cancel", given[0]), &json!({"reason": "任务合并"}))
            .await
            .expect(200);
        assert_eq!(numbers(&figures(&province, week).await).1, Some(1));

        let scopes = [Scope::OrgRead].into_iter().collect();
        let narrow = api
            .caller_with("340000", Post::Federation, Role::Reader, scopes)
            .await;
        let refused = narrow.get(&format!("/v1/figures?{week}")).await.expect(403);
        assert!(refused.text.contains("task:read"), "{}", refused.text);
        let refused = narrow.get(answer["totals"][0]["members"].as_str().unwrap()).await;
        refused.expect(403);
        province
            .get(&format!("/v1/figures?{week}&group_by=kind"))
            .await
            .expect(400);
    });
}

#[apply(both_databases)]
fn a_county_that_was_visited_is_counted_once(#[case] backend: Backend) {
    with_api(backend, async |api| {
        happened(api, "340300", &["340304", "340322"], "2022-03-01").await;
        // A street belongs to its county, a city to none.
        happened(api, "340304", &["340304001", "341800"], "2022-05-01").await;
        let province = api.caller("340000", Role::ProvinceAdmin).await;
        let answer = figures(&province, "metric=visited&from=2022-01-31").await;
        assert_eq!(numbers(&answer), (2, None, json!(2)));
        let counties = opened(&province, &answer, "members").await;
        let codes: Vec<&str> = counties.iter().map(|one| one["area"].as_str().unwrap()).collect();
        assert_eq!(codes, ["340304", "340322"]);
        for (query, expected) in [
            ("from=2022-01-31&to=2022-02-28", 0),
            ("from=2022-03-01", 1),
            ("from=2022-02-28&to=2022-03-01", 2),
            ("from=2022-02-28&area=340322", 1),
            ("from=2022-02-28&area=341800", 0),
        ] {
            let answer = figures(&province, &format!("metric=visited&{query}")).await;
            assert_eq!(numbers(&answer).0, expected, "{query}");
        }
        let county = api.caller("340322", Role::CountyReporter).await;
        let own = figures(
            &county,
            "metric=visited,organization_coverage&from=2022-01-31&group_by=level",
        )
        .await;
        assert_eq!(own["items"][0]["numerator"], 1, "whoever visited");
    });
}
