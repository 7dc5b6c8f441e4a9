//! The cut-off of a period (截止): what comes later is recorded, and not in the period's figures.

use chrono::TimeDelta;
use qiaojian_domain::access::Role;
use qiaojian_tests::Backend;
use qiaojian_tests::api::{Client, with_api};
use rstest_reuse::apply;
use serde_json::{Value, json};

use super::bulletins::{campaign, of_month};
use crate::both_databases;

async fn found(caller: &Client, area: &str, on: &str) {
    let body = json!({"area": area, "kind": "federation", "name": format!("{area}侨联"), "status": "established", "established_on": on});
    caller.post("/v1/organizations", &body).await.expect(201);
}

fn closing(scope: &str, days: i64) -> Value {
    json!({"kind": "reporting", "name": "default", "scope_area": scope, "effective_from": "2021-11-01",
        "params": {"cut_off_days": days}, "source": "省侨联关于定期报送试点进展的通知"})
}

async fn added(caller: &Client, question: &str) -> (Value, Value) {
    let path = format!("/v1/figures?metric=added&cohort=all&{question}");
    let answer = caller.get(&path).await.expect(200).json();
    (answer["totals"][0]["numerator"].clone(), answer["scope"].clone())
}

#[apply(both_databases)]
fn what_comes_after_the_cut_off_is_not_in_the_period(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let office = api.caller("340000", Role::ProvinceAdmin).await;
        let program = campaign(api).await;
        let day = |count| TimeDelta::days(count);
        found(&office, "340304", "2022-06-03").await;
        office.post("/v1/rules", &closing("340000", 6)).await.expect(201);
        // 2022-06-24, 16:36 in Shanghai: the month is open.
        let (number, scope) = added(&office, "period=2022-06").await;
        assert_eq!(
            (number, &scope["closed_at"]),
            (json!(1), &json!("2022-07-06T16:00:00.000000Z"))
        );
        assert_eq!(
            (&scope["from"], &scope["to"]),
            (&json!("2022-05-31"), &json!("2022-06-24"))
        );

        api.clock.advance(day(10));
        let office = api.caller("340000", Role::ProvinceAdmin).await;
        found(&office, "340322", "2022-06-05").await;
        assert_eq!(
            added(&office, "period=2022-06").await.0,
            2,
            "late in June, and in time"
        );
        api.clock.advance(day(5));
        let office = api.caller("340000", Role::ProvinceAdmin).await;
        found(&office, "340304001", "2022-06-06").await;
        let (number, scope) = added(&office, "period=2022-06").await;
        assert_eq!(
            (number, &scope["to"]),
            (json!(2), &json!("2022-06-30")),
            "the third came too late"
        );
        assert_eq!(
            added(&office, "from=2022-05-31&to=2022-06-30").await.0,
            3,
            "and is in the register"
        );

        let answer = office
            .get("/v1/figures?metric=added&cohort=all&period=2022-06")
            .await
            .expect(200)
            .json();
        let members = answer["totals"][0]["members"].as_str().unwrap();
        let rows = office.get(members).await.expect(200).json();
        assert_eq!(rows["items"].as_array().unwrap().len(), 2);

        // The bulletin of the month says the same, whenever it is composed.
        let composed = office
            .post("/v1/bulletins", &of_month(program, "2022-06"))
            .await
            .expect(201)
            .json();
        assert_eq!(composed["figures"]["added_in_period"]["total"], 2);
        assert_eq!(composed["figures"]["totals"]["organizations"], 2);

        // A nearer rule binds its area alone.
        office.post("/v1/rules", &closing("340304", 30)).await.expect(201);
        assert_eq!(added(&office, "area=340304&period=2022-06").await.0, 2);
        assert_eq!(added(&office, "area=340300&period=2022-06").await.0, 2);
        let gaps = office.get("/v1/gaps?period=2022-06").await.expect(200).json();
        assert_eq!(gaps["items"], json!([]));
        let reached = office
            .get("/v1/milestones?period=2022-06&level=township")
            .await
            .expect(200)
            .json();
        assert_eq!(reached["items"], json!([]), "the township's came too late");
    });
}

#[apply(both_databases)]
fn a_period_tells_what_was_reached_in_it(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let office = api.caller("340000", Role::ProvinceAdmin).await;
        found(&office, "340304", "2022-04-10").await;
        found(&office, "340322", "2022-05-10").await;
        found(&office, "340322100", "2022-06-10").await;
        let days = async |query: &str| {
            let page = office
                .get(&format!("/v1/milestones?area=340300&kind=first_at_level&{query}"))
                .await
                .expect(200)
                .json();
            let items = page["items"].as_array().unwrap().clone();
            items
                .iter()
                .map(|one| one["reached_on"].as_str().unwrap().to_owned())
                .collect::<Vec<_>>()
        };
        assert!(days("period=2022-05").await.is_empty());
        assert_eq!(days("period=2022-06").await, ["2022-06-10"; 2]);
        assert_eq!(days("period=2022-Q2").await.len(), 3);
        assert_eq!(days("").await.len(), 3);
    });
}

#[apply(both_databases)]
fn a_period_that_closed_before_anything_was_recorded_is_open(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let office = api.caller("340000", Role::ProvinceAdmin).await;
        office.post("/v1/rules", &closing("340000", 3)).await.expect(201);
        found(&office, "340304", "2022-04-10").await;
        // The areas came in June: nothing was known at the end of April's reporting.
        let (number, scope) = added(&office, "period=2022-04").await;
        assert_eq!((number, scope.get("closed_at")), (json!(1), None));

        // Areas and organizations were known then, the programme was not.
        api.clock.advance(TimeDelta::days(20));
        let office = api.caller("340000", Role::ProvinceAdmin).await;
        found(&office, "340322", "2022-06-10").await;
        assert_eq!(added(&office, "period=2022-06").await.0, 0, "it came too late");
        let program = campaign(api).await;
        let asked = format!("period=2022-06&program={program}");
        let (number, scope) = added(&office, &asked).await;
        assert_eq!(
            (number, scope.get("closed_at")),
            (json!(1), None),
            "all of the programme is late"
        );
        let composed = office
            .post("/v1/bulletins", &of_month(program, "2022-06"))
            .await
            .expect(201)
            .json();
        assert_eq!(
            composed["figures"]["added_in_period"]["total"], 1,
            "the bulletin says the same"
        );
    });
}

#[apply(both_databases)]
fn without_a_rule_a_period_is_its_days_and_what_cannot_be_is_refused(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let office = api.caller("340000", Role::ProvinceAdmin).await;
        found(&office, "340304", "2022-05-31").await;
        let (number, scope) = added(&office, "period=2022-05").await;
        assert_eq!((number, scope.get("closed_at")), (json!(1), None));
        assert_eq!(added(&office, "period=2022-Q2").await.0, 1);
        assert_eq!(added(&office, "period=2022-04").await.0, 0);
        for bad in [
            "period=2022-07",
            "period=May",
            "period=2022-05&to=2022-05-31",
            "period=2022-05&known_at=2022-06-01T00:00:00Z",
        ] {
            office
                .get(&format!("/v1/figures?metric=added&{bad}"))
                .await
                .expect(400);
        }
        office
            .post("/v1/rules", &closing("340000", 367))
            .await
            .expect(422);
        office.post("/v1/rules", &closing("340000", -1)).await.expect(400);
        let mut named = closing("340000", 3);
        named["name"] = json!("monthly");
        office.post("/v1/rules", &named).await.expect(422);
    });
}
