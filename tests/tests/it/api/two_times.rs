//! Two times on every list of the register: as of a day, and as known at a moment.

use qiaojian_domain::access::Role;
use qiaojian_tests::Backend;
use qiaojian_tests::api::{Client, with_api};
use rstest_reuse::apply;
use serde_json::{Value, json};

use crate::both_databases;

async fn items(caller: &Client, path: &str) -> Vec<Value> {
    let page = caller.get(path).await.expect(200).json();
    page["items"].as_array().unwrap().clone()
}

fn words(items: &[Value], field: &str) -> Vec<String> {
    items
        .iter()
        .map(|item| item[field].as_str().unwrap_or("-").to_owned())
        .collect()
}

/// The ledger's clock.
async fn now(caller: &Client) -> String {
    let answer = caller
        .get("/v1/figures?metric=organizations")
        .await
        .expect(200)
        .json();
    answer["known_at"].as_str().unwrap().to_owned()
}

async fn found(caller: &Client, area: &str, more: Value) -> String {
    let mut body = json!({"area": area, "kind": "federation", "name": format!("{area}侨联"), "status": "established",
        "established_on": "2021-03-01"});
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    let made = caller.post("/v1/organizations", &body).await.expect(201).json();
    made["id"].as_str().unwrap().to_owned()
}

#[apply(both_databases)]
fn programmes_cohorts_and_rules_are_told_as_they_were_known(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let office = api.caller("340000", Role::ProvinceAdmin).await;
        let nothing = now(&office).await;
        let body = json!({"code": "pilot", "title": "试点", "baseline_on": "2021-10-31", "starts_on": "2021-11-01", "target_on": "2022-12-31"});
        let program = office.post("/v1/programs", &body).await.expect(201).json();
        let program = program["id"].as_str().unwrap();
        let cohort = format!("/v1/programs/{program}/cohort");
        let recorded = now(&office).await;
        office
            .post(
                &cohort,
                &json!({"area": "340300", "cohort": "pilot", "from": "2021-11-01"}),
            )
            .await
            .expect(200);
        assert_eq!(
            items(&office, &format!("/v1/programs?known_at={nothing}"))
                .await
                .len(),
            0
        );
        assert_eq!(items(&office, "/v1/programs").await.len(), 1);
        office
            .get(&format!("/v1/programs/{program}?known_at={nothing}"))
            .await
            .expect(404);
        office
            .get(&format!("/v1/programs/{program}?known_at={recorded}"))
            .await
            .expect(200);
        office
            .get(&format!("{cohort}?known_at={nothing}"))
            .await
            .expect(404);
        assert_eq!(
            items(&office, &format!("{cohort}?known_at={recorded}"))
                .await
                .len(),
            0
        );
        assert_eq!(items(&office, &cohort).await.len(), 1);

        let rule = |from: &str, counted_from: &str| {
            json!({"kind": "counting", "name": "default", "scope_area": "340000", "effective_from": from,
                "params": {"counted_from": counted_from}, "source": "x"})
        };
        office
            .post("/v1/rules", &rule("2021-01-01", "approved"))
            .await
            .expect(201);
        let one = now(&office).await;
        office
            .post("/v1/rules", &rule("2022-03-01", "established"))
            .await
            .expect(201);
        office
            .post("/v1/rules", &rule("2022-03-01", "unveiled"))
            .await
            .expect(201);
        let versions = async |query: &str| {
            let rules = items(&office, &format!("/v1/rules{query}")).await;
            rules
                .iter()
                .map(|rule| rule["version"].as_i64().unwrap())
                .collect::<Vec<_>>()
        };
        assert_eq!(versions("").await, [1, 2, 3]);
        assert_eq!(versions("?as_of=2022-02-28").await, [1]);
        assert_eq!(versions("?as_of=2022-03-01").await, [3], "of one day the newest");
        assert_eq!(versions("?as_of=2020-12-31").await, [0_i64; 0]);
        assert_eq!(versions(&format!("?as_of=2022-03-01&known_at={one}")).await, [1]);
        assert_eq!(versions(&format!("?known_at={nothing}")).await, [0_i64; 0]);
    });
}

#[apply(both_databases)]
fn counts_are_told_as_they_were_known(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let county = api.caller("340304", Role::CountyReporter).await;
        let path = "/v1/areas/340304001001/counts";
        let count = |persons: i64| json!({"persons": persons, "counted_on": "2022-05-01", "source": "普查"});
        county.post(path, &count(9)).await.expect(201);
        let first = now(&county).await;
        county.post(path, &count(12)).await.expect(201);
        let persons = |items: &[Value]| {
            items
                .iter()
                .map(|item| item["persons"].as_i64().unwrap())
                .collect::<Vec<_>>()
        };
        assert_eq!(persons(&items(&county, path).await), [12]);
        assert_eq!(
            persons(&items(&county, &format!("{path}?known_at={first}")).await),
            [9]
        );
    });
}

#[apply(both_databases)]
fn what_falls_due_is_told_of_a_day_and_as_it_was_known(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let office = api.caller("340000", Role::ProvinceAdmin).await;
        let old = api.caller("340300", Role::CityReporter).await;
        let id = found(
            &office,
            "340322",
            json!({"term_ends_on": "2022-08-01", "unveiled_on": "2021-03-01"}),
        )
        .await;
        found(
            &office,
            "340322100",
            json!({"parent": id, "unveiled_on": "2021-05-01", "term_ends_on": "2024-01-01"}),
        )
        .await;
        let known = now(&office).await;
        // The term was another one, and the township's plaque came with the county's.
        let county = office.get(&format!("/v1/organizations/{id}")).await.expect(200);
        let etag = county.header("etag").unwrap().to_owned();
        office
            .patch(
                &format!("/v1/organizations/{id}"),
                Some(&etag),
                &json!({"term_ends_on": "2025-08-01", "reason": "误录"}),
            )
            .await
            .expect(200);
        let turn = json!({"parent": "341800", "on": "2022-06-01", "reason": "区划调整"});
        office.post("/v1/areas/340322/move", &turn).await.expect(200);

        let renewals = "/v1/organizations/renewals";
        assert_eq!(words(&items(&office, renewals).await, "area"), [""; 0]);
        let then = items(&office, &format!("{renewals}?known_at={known}")).await;
        assert_eq!(
            (words(&then, "area"), &then[0]["days_left"]),
            (vec!["340322".to_owned()], &json!(38))
        );
        office
            .get(&format!("{renewals}?as_of=2022-06-25"))
            .await
            .expect(400);
        let ahead = format!("{renewals}?as_of=2022-05-31&within_days=3000");
        assert_eq!(
            words(&items(&old, &ahead).await, "area"),
            ["340322100", "340322"],
            "they were its own on that day"
        );
        assert_eq!(
            words(
                &items(&old, &format!("{renewals}?within_days=3000")).await,
                "area"
            ),
            [""; 0]
        );

        let unveilings = "/v1/organizations/unveilings";
        assert_eq!(words(&items(&office, unveilings).await, "finding"), ["apart"]);
        assert_eq!(words(&items(&old, unveilings).await, "finding"), [""; 0]);
        let then = items(&old, &format!("{unveilings}?as_of=2022-05-31")).await;
        assert_eq!(
            (words(&then, "finding"), words(&then, "parent_unveiled_on")),
            (vec!["apart".to_owned()], vec!["2021-03-01".to_owned()])
        );
        assert_eq!(then[0]["unveiled_together"], 1);

        let dormant = "/v1/organizations/dormant";
        assert_eq!(
            items(&office, &format!("{dormant}?finding=unknown&known_at={known}"))
                .await
                .len(),
            2
        );
        let before = "2022-01-01T00:00:00Z";
        let nothing = items(&office, &format!("{dormant}?known_at={before}")).await;
        assert_eq!(nothing.len(), 0, "nothing was recorded yet");
    });
}

#[apply(both_databases)]
fn before_the_register_began_every_list_is_empty_and_every_figure_is_of_nothing(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let county = api.caller("340304", Role::CountyReporter).await;
        found(&county, "340304", json!({})).await;
        let then = "known_at=2000-01-01T00:00:00Z";
        for list in [
            "areas",
            "organizations",
            "organizations/renewals",
            "organizations/dormant",
            "organizations/unveilings",
            "gaps",
            "milestones",
            "rules",
            "programs",
            "figures/members?metric=organizations",
        ] {
            for area in ["", "&area=340304"] {
                let path = match list.split_once('?') {
                    Some((path, query)) => format!("/v1/{path}?{query}&{then}{area}"),
                    None if area.is_empty() || !["rules", "programs", "areas"].contains(&list) => {
                        format!("/v1/{list}?{then}{area}")
                    }
                    None => continue,
                };
                assert_eq!(items(&county, &path).await, Vec::<Value>::new(), "{path}");
            }
        }
        for area in ["", "&area=340304"] {
            let figures = county
                .get(&format!(
                    "/v1/figures?metric=organizations,organization_coverage&cohort=all&{then}{area}"
                ))
                .await
                .expect(200)
                .json();
            let totals = figures["totals"].as_array().unwrap();
            assert!(
                totals.iter().all(|total| total["value"] != json!(1)),
                "{totals:?}"
            );
        }
        let table = county
            .get(&format!("/v1/organizations/export?{then}"))
            .await
            .expect(200);
        assert_eq!(table.text.trim_end().lines().count(), 1, "the header alone");
    });
}
