//! `/v1/figures` and its members, over HTTP.

use insta::assert_json_snapshot;
use qiaojian_domain::access::Role;
use qiaojian_tests::Backend;
use qiaojian_tests::api::{Client, with_api};
use rstest_reuse::apply;
use serde_json::{Value, json};

use crate::both_databases;

async fn establish(caller: &Client, area: &str, kind: &str, on: &str) -> String {
    let body = json!({"area": area, "kind": kind, "name": format!("{area} {kind}"), "status": "established", "established_on": on});
    caller.post("/v1/organizations", &body).await.expect(201).json()["id"]
        .as_str()
        .unwrap()
        .to_owned()
}

async fn program(admin: &Client) -> String {
    let body = json!({"code": "pilot", "title": "试点", "baseline_on": "2021-10-31", "starts_on": "2021-11-01", "target_on": "2022-12-31"});
    let id = admin.post("/v1/programs", &body).await.expect(201).json()["id"]
        .as_str()
        .unwrap()
        .to_owned();
    for (area, cohort) in [("340300", "pilot"), ("341800", "non_pilot")] {
        let body = json!({"area": area, "cohort": cohort, "from": "2021-10-31"});
        let reply = admin.post(&format!("/v1/programs/{id}/cohort"), &body).await;
        assert!(reply.status < 300, "{}", reply.text);
    }
    id
}

/// Every row behind a figure, over all pages.
async fn open(caller: &Client, link: &Value) -> Vec<Value> {
    let mut rows = Vec::new();
    let mut next = format!("{}&limit=2", link.as_str().unwrap());
    loop {
        let page = caller.get(&next).await.expect(200);
        rows.extend(page.json()["items"].as_array().unwrap().clone());
        match page.header("link") {
            Some(link) => next = link.trim_start_matches('<').split('>').next().unwrap().to_owned(),
            None => return rows,
        }
    }
}

#[apply(both_databases)]
fn a_figure_opens_to_exactly_its_rows(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let admin = api.caller("340000", Role::ProvinceAdmin).await;
        program(&admin).await;
        establish(&admin, "340000", "federation", "1981-01-01").await;
        establish(&admin, "340300", "federation", "1990-01-01").await;
        establish(&admin, "340304", "federation", "2022-03-31").await;
        establish(&admin, "340304001", "federation", "2022-03-31").await;
        establish(&admin, "340304001001", "work_station", "2022-04-01").await;
        establish(&admin, "341800", "federation", "2022-06-01").await;
        let query = "/v1/figures?metric=organizations,added,growth,organization_coverage&cohort=all&group_by=level,city";
        let figures = admin.get(query).await.expect(200).json();
        let all: Vec<Value> = figures["items"]
            .as_array()
            .unwrap()
            .iter()
            .chain(figures["totals"].as_array().unwrap())
            .cloned()
            .collect();
        for figure in &all {
            assert_eq!(
                json!(open(&admin, &figure["members"]).await.len()),
                figure["numerator"],
                "{figure}"
            );
            if !figure["denominator"].is_null() {
                assert_eq!(
                    json!(open(&admin, &figure["denominator_members"]).await.len()),
                    figure["denominator"],
                    "{figure}"
                );
            }
        }
        assert_json_snapshot!(figures["totals"], {"[].members" => "[link]", "[].denominator_members" => "[link]", "[].missing_members" => "[link]"}, @r#"
        [
          {
            "denominator": null,
            "group": {},
            "members": "[link]",
            "members_kind": "organizations",
            "metric": "organizations",
            "numerator": 6,
            "undetermined": 0,
            "value": 6
          },
          {
            "denominator": null,
            "group": {},
            "members": "[link]",
            "members_kind": "organizations",
            "metric": "added",
            "numerator": 4,
            "undetermined": 0,
            "value": 4
          },
          {
            "denominator": 2,
            "denominator_members": "[link]",
            "group": {},
            "members": "[link]",
            "members_kind": "organizations",
            "metric": "growth",
            "numerator": 4,
            "undetermined": 0,
            "value": 200
          },
          {
            "denominator": 13,
            "denominator_members": "[link]",
            "group": {},
            "members": "[link]",
            "members_kind": "areas",
            "metric": "organization_coverage",
            "missing_members": "[link]",
            "numerator": 6,
            "undetermined": 0,
            "value": 46.2
          }
        ]
        "#);

        // Without a cohort pilot and other areas are never summed.
        let each = admin.get("/v1/figures?metric=added").await.expect(200).json();
        let totals: Vec<_> = each["totals"]
            .as_array()
            .unwrap()
            .iter()
            .map(|total| (total["group"]["cohort"].clone(), total["numerator"].clone()))
            .collect();
        assert_eq!(
            totals,
            [(json!("non_pilot"), json!(1)), (json!("pilot"), json!(3))]
        );
    });
}

#[apply(both_databases)]
fn a_later_correction_does_not_change_what_was_known(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let admin = api.caller("340000", Role::ProvinceAdmin).await;
        program(&admin).await;
        let id = establish(&admin, "340304", "federation", "2022-03-31").await;
        establish(&admin, "340304001", "federation", "2022-03-31").await;
        let query = "/v1/figures?metric=added&cohort=all&to=2022-04-30";
        let before = admin.get(query).await.expect(200).json();
        let link = before["totals"][0]["members"].clone();
        let opened = open(&admin, &link).await;
        admin
            .patch(
                &format!("/v1/organizations/{id}"),
                Some("\"1\""),
                &json!({"established_on": "2022-05-05", "reason": "误填"}),
            )
            .await
            .expect(200);
        let after = admin.get(query).await.expect(200).json();
        assert_eq!(
            (
                &before["totals"][0]["numerator"],
                &after["totals"][0]["numerator"]
            ),
            (&json!(2), &json!(1))
        );
        let known = before["known_at"].as_str().unwrap();
        let again = admin.get(&format!("{query}&known_at={known}")).await.expect(200);
        assert_eq!(again.json(), before);
        assert_eq!(open(&admin, &link).await, opened);
        let clamped = admin
            .get(&format!("{query}&known_at=2050-01-01T00:00:00Z"))
            .await
            .expect(200)
            .json();
        assert_eq!(clamped["known_at"], after["known_at"]);
    });
}

#[apply(both_databases)]
fn a_caller_counts_only_its_own_subtree_and_bad_questions_are_refused(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let admin = api.caller("340000", Role::ProvinceAdmin).await;
        program(&admin).await;
        establish(&admin, "340304", "federation", "2022-03-31").await;
        establish(&admin, "341800", "federation", "2022-03-31").await;
        let county = api.caller("340304", Role::CountyReporter).await;
        let own = county
            .get("/v1/figures?metric=organizations&cohort=all")
            .await
            .expect(200)
            .json();
        assert_eq!(
            (&own["scope"]["area"], &own["totals"][0]["numerator"]),
            (&json!("340304"), &json!(1))
        );
        for area in ["340000", "340300", "341800", "999999"] {
            county
                .get(&format!("/v1/figures?metric=organizations&area={area}"))
                .await
                .expect(404);
            county
                .get(&format!("/v1/figures/members?metric=organizations&area={area}"))
                .await
                .expect(404);
        }
        for query in [
            "metric=happiness",
            "metric=added&group_by=zodiac",
            "metric=added&basis=nobody",
            "metric=added&from=2022-06-02&to=2022-06-01",
            "metric=added&to=2022-06-25",
            "metric=growth&group_by=month",
            "metric=added&cohort=both",
            "metric=",
            "area=340304",
        ] {
            county.get(&format!("/v1/figures?{query}")).await.expect(400);
        }
        let program = "/v1/figures?metric=added&program=0190a000-0000-7000-8000-000000000000";
        county.get(program).await.expect(404);
    });
}

#[apply(both_databases)]
fn what_cannot_be_asked_is_refused_before_anything_is_counted(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let admin = api.caller("340000", Role::ProvinceAdmin).await;
        program(&admin).await;
        let many = "organization_coverage,".repeat(2900);
        for query in [
            "metric=added,added",
            "metric=added&group_by=level,level",
            &format!("metric={many}"),
            "metric=added&from=-10000-01-01",
            "metric=added&as_of=2022-01-31&to=2022-02-28",
            "metric=added&to=2022-06-25",
            "metric=added&basis=%00",
            "metric=added&basis=",
            "metric=added&basis=default,default",
            "metric=added&basis=default,nobody",
            "metric=added&basis=a,b,c,d,e,f",
        ] {
            let refused = admin.get(&format!("/v1/figures?{query}")).await;
            assert_eq!(refused.status, 400, "{query:.60}: {:.200}", refused.text);
        }
        let past = admin
            .get("/v1/figures?metric=organizations&as_of=2022-01-31&cohort=all")
            .await
            .expect(200)
            .json();
        assert_eq!(past["scope"]["to"], "2022-01-31", "to follows as_of");
    });
}

#[apply(both_databases)]
fn an_answer_at_a_past_moment_does_not_know_a_later_programme(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let admin = api.caller("340000", Role::ProvinceAdmin).await;
        establish(&admin, "340304", "federation", "2022-03-31").await;
        let question = "/v1/figures?metric=added&cohort=all&to=2022-06-24";
        let now = admin.get(question).await.expect(200).json();
        let moment = now["known_at"].as_str().unwrap().to_owned();
        let then = format!("{question}&known_at={moment}");
        let before = admin.get(&then).await.expect(200).json();
        assert_eq!(before, now);
        program(&admin).await;
        assert_eq!(admin.get(&then).await.expect(200).json(), before);
        let known = admin.get(question).await.expect(200).json();
        assert_eq!(known["scope"]["from"], "2021-10-31");
    });
}

#[apply(both_databases)]
fn a_basis_of_some_cohorts_narrows_both_parts_of_a_coverage(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let admin = api.caller("340000", Role::ProvinceAdmin).await;
        program(&admin).await;
        establish(&admin, "341802", "federation", "2022-03-31").await;
        let params = json!({"counted_from": "established", "cohorts": ["pilot"]});
        super::rules::add_rule(api, 1, "only_pilots", params).await;
        let covered = admin
            .get("/v1/figures?metric=organization_coverage&cohort=all&group_by=city&basis=only_pilots")
            .await
            .expect(200)
            .json();
        let cities: Vec<&Value> = covered["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| &item["group"]["city"])
            .collect();
        assert_eq!(cities, ["340300"]);
    });
}
