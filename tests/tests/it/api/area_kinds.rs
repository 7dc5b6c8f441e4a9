//! What an area's row stands for, and since when: a zone of the statistics bureau is asked for nothing.

use qiaojian_domain::access::Role;
use qiaojian_tests::Backend;
use qiaojian_tests::api::{Client, with_api};
use rstest_reuse::apply;
use serde_json::{Value, json};

use crate::both_databases;

/// Counties of 蚌埠 that are there to be covered.
async fn counties(caller: &Client, times: &str) -> i64 {
    let query = format!("metric=organization_coverage&area=340300&cohort=all&group_by=level&{times}");
    let answer = caller
        .get(&format!("/v1/figures?{query}"))
        .await
        .expect(200)
        .json();
    let items = answer["items"].as_array().unwrap();
    let of_counties = items.iter().find(|item| item["group"]["level"] == "county");
    of_counties.map_or(0, |item| item["denominator"].as_i64().unwrap())
}

async fn rekind(caller: &Client, code: &str, kind: &str, on: &str) -> Value {
    let body = json!({"kind": kind, "on": on, "reason": "国务院批复"});
    let reply = caller.post(&format!("/v1/areas/{code}/rekind"), &body).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    reply.json()
}

#[apply(both_databases)]
fn a_county_becomes_a_zone_from_a_day_on_and_no_earlier_figure_changes(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let office = api.caller("340000", Role::ProvinceAdmin).await;
        let before = office
            .get("/v1/figures?metric=organizations")
            .await
            .expect(200)
            .json();
        let known_before = before["known_at"].as_str().unwrap();
        let shown = rekind(&office, "340322", "statistical", "2022-05-01").await;
        assert_eq!(
            (&shown["kind"], &shown["valid_from"]),
            (&json!("statistical"), &json!("2022-05-01"))
        );
        assert_eq!(counties(&office, "to=2022-04-30").await, 2);
        assert_eq!(counties(&office, "to=2022-05-01").await, 1);
        assert_eq!(
            counties(&office, &format!("to=2022-05-01&known_at={known_before}")).await,
            2
        );

        // It becomes a county again, and a report that comes late leaves that alone.
        rekind(&office, "340322", "administrative", "2022-06-10").await;
        rekind(&office, "340322", "placeholder", "2022-05-20").await;
        for (day, kind) in [
            ("2022-04-30", "administrative"),
            ("2022-05-19", "statistical"),
            ("2022-05-20", "placeholder"),
            ("2022-06-09", "placeholder"),
            ("2022-06-10", "administrative"),
        ] {
            let area = office
                .get(&format!("/v1/areas/340322?as_of={day}"))
                .await
                .expect(200)
                .json();
            assert_eq!(area["kind"], kind, "{day}");
        }
        assert_eq!(counties(&office, "").await, 2);
    });
}

#[apply(both_databases)]
fn what_cannot_be_is_refused_and_changes_nothing(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let office = api.caller("340000", Role::ProvinceAdmin).await;
        let refused = [
            (
                "340322",
                json!({"kind": "administrative", "on": "2022-05-01", "reason": "x"}),
                422,
                "nothing_changed",
            ),
            (
                "340322",
                json!({"kind": "statistical", "on": "2022-06-25", "reason": "x"}),
                422,
                "date_in_future",
            ),
            (
                "340322",
                json!({"kind": "statistical", "on": "2022-05-01", "reason": " "}),
                422,
                "empty",
            ),
            (
                "340000",
                json!({"kind": "statistical", "on": "2022-05-01", "reason": "x"}),
                422,
                "kind_not_possible",
            ),
            (
                "340304-P01",
                json!({"kind": "placeholder", "on": "2022-05-01", "reason": "x"}),
                422,
                "kind_not_possible",
            ),
        ];
        for (code, body, status, why) in refused {
            let reply = office
                .post(&format!("/v1/areas/{code}/rekind"), &body)
                .await
                .expect(status)
                .json();
            assert_eq!(reply["errors"][0]["code"], why, "{body}");
        }
        let body = json!({"kind": "zone", "on": "2022-05-01", "reason": "x"});
        office.post("/v1/areas/340322/rekind", &body).await.expect(400);
        let county = api.caller("340304", Role::CountyReporter).await;
        let body = json!({"kind": "statistical", "on": "2022-05-01", "reason": "x"});
        county.post("/v1/areas/340304/rekind", &body).await.expect(403);
        assert_eq!(counties(&office, "").await, 2);
    });
}
