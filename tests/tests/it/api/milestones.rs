//! What areas reach once: `/v1/milestones`.

use qiaojian_domain::access::Role;
use qiaojian_tests::Backend;
use qiaojian_tests::api::{Client, with_api};
use rstest_reuse::apply;
use serde_json::{Value, json};

use crate::both_databases;

async fn found(caller: &Client, area: &str, on: &str) -> Value {
    let body = json!({"area": area, "kind": "federation", "name": format!("{area}侨联"), "status": "established", "established_on": on});
    caller.post("/v1/organizations", &body).await.expect(201).json()
}

/// `kind area level day state` of each.
async fn reached(caller: &Client, query: &str) -> Vec<String> {
    let page = caller
        .get(&format!("/v1/milestones{query}"))
        .await
        .expect(200)
        .json();
    let items = page["items"].as_array().unwrap().clone();
    let word = |item: &Value, name: &str| item[name].as_str().unwrap_or("-").to_owned();
    items
        .iter()
        .map(|item| {
            ["kind", "area", "level", "reached_on", "state"]
                .map(|name| word(item, name))
                .join(" ")
        })
        .collect()
}

#[apply(both_databases)]
fn a_county_reaches_all_three_tiers_and_every_step_on_the_way_is_told_once(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let office = api.caller("340000", Role::ProvinceAdmin).await;
        assert!(reached(&office, "").await.is_empty());
        for (area, on) in [
            ("340304", "2022-02-01"),
            ("340304001", "2022-03-10"),
            ("340304002", "2022-03-31"),
            ("340304001001", "2022-03-31"),
            ("340304001002", "2022-04-20"),
        ] {
            found(&office, area, on).await;
        }
        let told = reached(&office, "").await;
        assert_eq!(
            told,
            [
                "first_at_level 340300 county 2022-02-01 reached",
                "first_at_level 340300 township 2022-03-10 reached",
                "first_at_level 340304 township 2022-03-10 reached",
                "first_at_level 340300 village 2022-03-31 reached",
                "first_at_level 340304 village 2022-03-31 reached",
                "full_coverage 340304 township 2022-03-31 reached",
                "full_coverage 340300 village 2022-04-20 reached",
                "full_coverage 340304 village 2022-04-20 reached",
                "three_tier_full_coverage 340304 - 2022-04-20 reached",
            ]
        );
        assert_eq!(
            reached(&office, "?as_of=2022-03-09").await,
            told[..1],
            "the county's own federation is its city's first, not its own"
        );
        assert_eq!(
            reached(&office, "?from=2022-03-10&to=2022-03-31&area=340304").await,
            [&told[4][..], &told[5]]
        );
        assert_eq!(
            reached(&office, "?kind=full_coverage&level=village").await,
            told[6..8]
        );
        assert!(reached(&office, "?area=341800").await.is_empty());

        let county = api.caller("340304", Role::CountyReporter).await;
        assert_eq!(reached(&county, "").await.len(), 5, "its own, not its city's");
        county.get("/v1/milestones?area=340300").await.expect(404);
        let street = api.caller("340304001", Role::TownshipReporter).await;
        assert!(reached(&street, "").await.is_empty());

        // Pages belong together, and the evidence opens.
        let first = office.get("/v1/milestones?limit=6").await.expect(200).json();
        let cursor = first["next_cursor"].as_str().unwrap();
        let rest = reached(&office, &format!("?limit=6&cursor={cursor}")).await;
        assert_eq!(rest, told[6..]);
        let whole = office
            .get("/v1/milestones?kind=three_tier_full_coverage")
            .await
            .expect(200)
            .json();
        let whole = &whole["items"][0];
        assert_eq!(whole["text"], "禹会区：“三级全覆盖”。");
        assert_eq!(whole["evidence"]["organizations"][0]["name"], "340304001002侨联");
        let figure = office
            .get(whole["evidence"]["figure"].as_str().unwrap())
            .await
            .expect(200)
            .json();
        let parts: Vec<_> = figure["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| (&item["numerator"], &item["denominator"]))
            .collect();
        assert_eq!(
            parts,
            [
                (&json!(1), &json!(1)),
                (&json!(2), &json!(2)),
                (&json!(2), &json!(2))
            ]
        );

        for bad in [
            "?kind=first",
            "?level=hamlet",
            "?from=2022-05-01&to=2022-04-01",
            "?basis=none",
            "?as_of=2022-06-25",
        ] {
            office.get(&format!("/v1/milestones{bad}")).await.expect(400);
        }
    });
}

#[apply(both_databases)]
fn a_new_village_or_another_city_takes_nothing_back(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let office = api.caller("340000", Role::ProvinceAdmin).await;
        found(&office, "340322", "2022-02-01").await;
        found(&office, "340322100", "2022-02-01").await;
        let before = reached(&office, "?area=340322").await;
        assert_eq!(before.len(), 2, "{before:?}");
        let town = json!({"code": "340322101", "name": "新镇", "parent": "340322", "valid_from": "2022-05-01", "kind": "administrative"});
        office.post("/v1/areas", &town).await.expect(201);
        assert_eq!(
            reached(&office, "?area=340322").await,
            before,
            "it was covered while it had one township"
        );
        let turn = json!({"parent": "341800", "on": "2022-06-01", "reason": "区划调整"});
        office.post("/v1/areas/340322/move", &turn).await.expect(200);
        assert_eq!(
            reached(&office, "?area=340322").await,
            before,
            "what it reached elsewhere is its own"
        );
        // The city it came to has its first county organization by it.
        assert_eq!(
            reached(&office, "?area=341800&level=county&kind=first_at_level").await,
            ["first_at_level 341800 county 2022-06-01 reached"]
        );
        assert_eq!(
            reached(&office, "?area=340300&level=county").await,
            ["first_at_level 340300 county 2022-02-01 reached"],
            "and the city it left had"
        );
    });
}

#[apply(both_databases)]
fn a_rule_that_came_into_force_later_counts_from_that_day_on(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let office = api.caller("340000", Role::ProvinceAdmin).await;
        found(&office, "340322", "2022-02-01").await;
        let rule = json!({"kind": "counting", "name": "严格 & 审核", "scope_area": "340000", "effective_from": "2022-03-01",
            "params": {"counted_from": "established"}, "source": "x"});
        office.post("/v1/rules", &rule).await.expect(201);
        let basis = "basis=%E4%B8%A5%E6%A0%BC%20%26%20%E5%AE%A1%E6%A0%B8";
        assert_eq!(
            reached(&office, &format!("?area=340300&{basis}")).await,
            ["first_at_level 340300 county 2022-03-01 reached"]
        );
        let page = office
            .get(&format!("/v1/milestones?area=340300&{basis}"))
            .await
            .expect(200)
            .json();
        let figure = page["items"][0]["evidence"]["figure"].as_str().unwrap();
        let figure = office.get(figure).await.expect(200).json();
        assert_eq!(figure["rules"][0]["name"], "严格 & 审核");
    });
}

#[apply(both_databases)]
fn what_the_tree_alone_completed_names_nobody(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let office = api.caller("340000", Role::ProvinceAdmin).await;
        found(&office, "340304001", "2022-02-01").await;
        let merged = json!({"into": "340304001", "on": "2022-06-01", "reason": "并街道"});
        office
            .post("/v1/areas/340304002/merge", &merged)
            .await
            .expect(200);
        let page = office
            .get("/v1/milestones?area=340304&kind=full_coverage")
            .await
            .expect(200)
            .json();
        let whole = &page["items"][0];
        assert_eq!(
            (&whole["level"], &whole["reached_on"]),
            (&json!("township"), &json!("2022-06-01"))
        );
        assert_eq!(
            (
                &whole["evidence"]["organizations"],
                &whole["evidence"]["organizations_count"]
            ),
            (&json!([]), &json!(0))
        );
    });
}

#[apply(both_databases)]
fn a_figure_is_named_only_where_it_says_the_same(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let office = api.caller("340000", Role::ProvinceAdmin).await;
        found(&office, "340322100", "2022-02-01").await;
        let turn = json!({"parent": "341800", "on": "2022-06-01", "reason": "区划调整"});
        office.post("/v1/areas/340322/move", &turn).await.expect(200);
        let figure = async |caller: &Client| {
            let page = caller.get("/v1/milestones?area=340322").await.expect(200).json();
            page["items"][0]["evidence"]["figure"].clone()
        };
        let city = api.caller("341800", Role::CityReporter).await;
        assert_eq!(
            figure(&city).await,
            Value::Null,
            "it was another city's on that day"
        );
        let link = figure(&office).await;
        office.get(link.as_str().unwrap()).await.expect(200);
        let nearer = json!({"kind": "counting", "name": "default", "scope_area": "340300", "effective_from": "2022-01-01",
            "params": {"counted_from": "unveiled"}, "source": "x"});
        office.post("/v1/rules", &nearer).await.expect(201);
        assert_eq!(
            figure(&office).await,
            Value::Null,
            "its city counted by another rule"
        );
        assert_eq!(
            reached(&office, "?area=340322").await.len(),
            2,
            "the province's rule judges"
        );
    });
}
