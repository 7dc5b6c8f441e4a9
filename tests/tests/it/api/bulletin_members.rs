//! `/v1/bulletins/{id}/members`: every number of a bulletin opens, to each reader as far as it may see.

use qiaojian_domain::access::{Post, Role, Scope};
use qiaojian_tests::Backend;
use qiaojian_tests::api::{Client, with_api};
use rstest_reuse::apply;
use serde_json::{Value, json};

use super::bulletins::{campaign, published};
use crate::both_databases;

async fn found(caller: &Client, area: &str, on: &str) -> Value {
    let body = json!({"area": area, "kind": "federation", "name": format!("{area}侨联"), "status": "established", "established_on": on});
    caller.post("/v1/organizations", &body).await.expect(201).json()
}

/// The places of all whole numbers of the figures that rows stand behind.
fn numbers(value: &Value, place: &str, found: &mut Vec<(String, i64)>) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields
                .iter()
                .filter(|(name, _)| !["value", "rules", "format"].contains(&name.as_str()))
            {
                numbers(field, &format!("{place}/{name}"), found);
            }
        }
        Value::Array(rows) => {
            for (number, row) in rows.iter().enumerate() {
                numbers(row, &format!("{place}/{number}"), found);
            }
        }
        other => found.extend(other.as_i64().map(|number| (place.to_owned(), number))),
    }
}

/// The codes of the areas of the rows behind a number, and how many are withheld.
async fn behind(reader: &Client, bulletin: &str, figure: &str) -> (Vec<String>, i64) {
    let page = reader
        .get(&format!("{bulletin}/members?limit=200&figure={figure}"))
        .await
        .expect(200)
        .json();
    let items = page["items"].as_array().unwrap().iter();
    let areas: Vec<String> = items
        .map(|row| row["area"].as_str().unwrap().to_owned())
        .collect();
    let withheld = page["withheld"].as_i64().unwrap();
    let rows = i64::try_from(areas.len()).unwrap();
    assert_eq!(page["number"], rows + withheld, "{figure}");
    (areas, withheld)
}

#[apply(both_databases)]
fn every_number_opens_and_what_is_not_the_readers_is_withheld(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let program = campaign(api).await;
        let office = api.caller("340000", Role::ProvinceAdmin).await;
        for (area, on) in [
            ("340300", "2021-01-01"),
            ("340304", "2022-05-20"),
            ("340304001", "2022-04-20"),
            ("341800", "2022-05-03"),
            ("341802", "2022-05-05"),
        ] {
            found(&office, area, on).await;
        }
        let bulletin = published(&office, program, "2022-05").await;
        // What is recorded, corrected and moved afterwards is not in it.
        let late = found(&office, "340322", "2022-05-06").await;
        let path = format!("/v1/organizations/{}?reason=x", late["id"].as_str().unwrap());
        office.delete(&path, Some("\"1\"")).await.expect(204);
        let turn = json!({"parent": "341800", "on": "2022-06-01", "reason": "区划调整"});
        office.post("/v1/areas/340304/move", &turn).await.expect(200);

        let figures = office.get(&bulletin).await.expect(200).json()["figures"].clone();
        let mut all = Vec::new();
        numbers(&figures, "", &mut all);
        assert!(all.len() > 20, "{all:?}");
        let pilot = api.caller("340300", Role::CityReporter).await;
        for (figure, number) in &all {
            let (rows, withheld) = behind(&office, &bulletin, figure).await;
            assert_eq!(
                (i64::try_from(rows.len()).unwrap(), withheld),
                (*number, 0),
                "{figure}"
            );
            let (own, withheld) = behind(&pilot, &bulletin, figure).await;
            assert!(
                own.iter().all(|code| code.starts_with("3403")),
                "{figure}: {own:?}"
            );
            let outside = rows.iter().filter(|code| !code.starts_with("3403")).count();
            assert_eq!(withheld, i64::try_from(outside).unwrap(), "{figure}");
        }
        let (own, withheld) = behind(&pilot, &bulletin, "/totals/organizations").await;
        assert_eq!((own.len(), withheld), (3, 2), "禹会区 was 蚌埠's on that day");

        // The bulletin is addressed to a city above the county: the county does not read it.
        let county = api.caller("340304", Role::CountyReporter).await;
        county
            .get(&format!("{bulletin}/members?figure=/totals/organizations"))
            .await
            .expect(404);
        let other = api.caller("341800", Role::CityReporter).await;
        other
            .get(&format!("{bulletin}/members?figure=/totals/organizations"))
            .await
            .expect(404);
        for bad in [
            "",
            "?figure=",
            "?figure=/as_of",
            "?figure=/totals/growth/value",
            "?figure=/cities/7/organizations",
            "?figure=/cities",
        ] {
            office.get(&format!("{bulletin}/members{bad}")).await.expect(400);
        }
        let blind = api
            .caller_with(
                "340300",
                Post::Federation,
                Role::CityReporter,
                [Scope::BulletinRead].into(),
            )
            .await;
        let (rows, withheld) = behind(&blind, &bulletin, "/totals/organizations").await;
        assert_eq!((rows.len(), withheld), (0, 5), "it may not read organizations");
    });
}

#[apply(both_databases)]
fn the_rows_come_in_pages(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let program = campaign(api).await;
        let office = api.caller("340000", Role::ProvinceAdmin).await;
        for area in ["340300", "340304", "340304001", "340322"] {
            found(&office, area, "2022-05-20").await;
        }
        let bulletin = published(&office, program, "2022-05").await;
        let path = format!("{bulletin}/members?figure=/added_in_period/total&limit=3");
        let first = office.get(&path).await.expect(200).json();
        let cursor = first["next_cursor"].as_str().unwrap();
        let rest = office
            .get(&format!("{path}&cursor={cursor}"))
            .await
            .expect(200)
            .json();
        assert_eq!(first["items"].as_array().unwrap().len(), 3);
        assert_eq!(rest["items"].as_array().unwrap().len(), 1);
        assert_eq!((&rest["number"], &rest["next_cursor"]), (&json!(4), &Value::Null));
        office
            .get(&format!(
                "{bulletin}/members?figure=/totals/organizations&limit=3&cursor={cursor}"
            ))
            .await
            .expect(400);
    });
}
