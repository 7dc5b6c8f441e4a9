//! What an office looks after: terms that end, organizations where nothing happens, and whether they were unveiled together.

use qiaojian_domain::access::Role;
use qiaojian_domain::activity::ActivityKind;
use qiaojian_domain::clock::{Clock as _, OsEntropy};
use qiaojian_domain::ids::{ActivityId, ProgramId};
use qiaojian_domain::organization::PreciseDate;
use qiaojian_store::activities::{self, NewActivity};
use qiaojian_store::{Actor, Recording, StoreError, areas};
use qiaojian_tests::Backend;
use qiaojian_tests::api::{Client, TestApi, with_api};
use qiaojian_tests::fixtures::date;
use rstest_reuse::apply;
use serde_json::{Value, json};

use crate::both_databases;

async fn founded(caller: &Client, area: &str, kind: &str, more: Value) -> String {
    let mut body = json!({"area": area, "kind": kind, "name": format!("{area} {kind}"), "status": "established",
        "established_on": "2021-01-04"});
    for (field, value) in more.as_object().unwrap() {
        body[field] = value.clone();
    }
    let made = caller.post("/v1/organizations", &body).await.expect(201);
    made.json()["id"].as_str().unwrap().to_owned()
}

/// Every item of a list, two to a page, as the fields asked for.
async fn all(caller: &Client, path: &str, fields: &[&str]) -> Vec<String> {
    let joint = if path.contains('?') { '&' } else { '?' };
    let mut next = format!("{path}{joint}limit=2");
    let mut seen = Vec::new();
    loop {
        let page = caller.get(&next).await.expect(200);
        for item in page.json()["items"].as_array().unwrap() {
            let told: Vec<String> = fields.iter().map(|field| item[field].to_string()).collect();
            seen.push(told.join(" ").replace('"', ""));
        }
        match page.header("link") {
            Some(link) => next = link.trim_start_matches('<').split('>').next().unwrap().to_owned(),
            None => return seen,
        }
    }
}

#[apply(both_databases)]
fn renewals_come_in_the_order_of_their_terms(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let city = api.caller("340300", Role::CityReporter).await;
        for (area, ends) in [
            ("340300", "2022-12-21"),
            ("340304", "2022-06-20"),
            ("340304001", "2022-12-22"),
            ("340304002", "2022-06-24"),
            ("340322", "2022-06-21"),
        ] {
            founded(&city, area, "federation", json!({"term_ends_on": ends})).await;
        }
        founded(&city, "340304001", "work_station", json!({})).await;
        let gone = founded(
            &city,
            "340304002",
            "work_station",
            json!({"term_ends_on": "2022-06-01"}),
        )
        .await;
        let close = json!({"on": "2022-06-10", "reason": "撤销"});
        city.post(&format!("/v1/organizations/{gone}/close"), &close)
            .await
            .expect(200);
        let due = "/v1/organizations/renewals";
        let told = ["area", "term_ends_on", "days_left"];
        // Half a year ahead: 2022-12-21 is the last day.
        assert_eq!(
            all(&city, due, &told).await,
            [
                "340304 2022-06-20 -4",
                "340322 2022-06-21 -3",
                "340304002 2022-06-24 0",
                "340300 2022-12-21 180",
            ]
        );
        assert_eq!(
            all(&city, &format!("{due}?within_days=181"), &told).await.len(),
            5
        );
        assert_eq!(
            all(&city, &format!("{due}?within_days=0&area=340304"), &told).await,
            ["340304 2022-06-20 -4", "340304002 2022-06-24 0"]
        );
        let street = api.caller("340304002", Role::TownshipReporter).await;
        assert_eq!(all(&street, due, &told).await, ["340304002 2022-06-24 0"]);
        street.get(&format!("{due}?area=340304")).await.expect(404);
        for odd in ["-1", "3661", "soon"] {
            city.get(&format!("{due}?within_days={odd}")).await.expect(400);
        }
    });
}

/// Something happened in an area, and touched others.
pub async fn happened(api: &TestApi, area: &'static str, touched: &'static [&'static str], on: &'static str) {
    let admin = api.caller("340000", Role::ProvinceAdmin).await;
    let programs = admin.get("/v1/programs").await.expect(200).json();
    let program = match programs["items"][0]["id"].as_str() {
        Some(id) => id.to_owned(),
        None => {
            let body = json!({"code": "x", "title": "x", "baseline_on": "2021-10-31", "starts_on": "2021-11-01",
                "target_on": "2022-12-31"});
            admin.post("/v1/programs", &body).await.expect(201).json()["id"]
                .as_str()
                .unwrap()
                .to_owned()
        }
    };
    let program: ProgramId = program.parse().unwrap();
    let id = ActivityId::generate(api.clock.as_ref(), &OsEntropy);
    assert!(api.clock.today() > date(on));
    api.db
        .write(move |tx| {
            let actor = Actor::system("test");
            let mut recording = Recording::begin(tx, &actor)?;
            let mut of =
                |code| Ok::<_, StoreError>(areas::find_anywhere(recording.conn(), code)?.unwrap().area_id);
            let areas = touched.iter().map(|code| of(code)).collect::<Result<_, _>>()?;
            let new = NewActivity {
                id,
                digest: "x".to_owned(),
                kind: ActivityKind::Research,
                program,
                area: of(area)?,
                areas,
                on: PreciseDate::day(date(on)),
                posts: Vec::new(),
                chair_post: None,
                doc_no: None,
                quantity: None,
                year: None,
                category: None,
                note: None,
            };
            activities::create(&mut recording, &new)
        })
        .await
        .unwrap();
}

#[apply(both_databases)]
fn dormant_is_where_nothing_happened_for_a_year(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let city = api.caller("340300", Role::CityReporter).await;
        for area in ["340300", "340304", "340304001", "340304002", "340322"] {
            founded(&city, area, "federation", json!({})).await;
        }
        founded(
            &city,
            "340304001",
            "work_station",
            json!({"established_on": "2021-06-24"}),
        )
        .await;
        founded(
            &city,
            "340304002",
            "work_station",
            json!({"established_on": "2021-06-25"}),
        )
        .await;
        // June counts from its last day, which is within the year.
        let june = json!({"established_on": "2021-06-01", "established_precision": "month"});
        founded(&city, "340304-P01", "federation", june).await;
        // Back since May, after a life long before.
        let back = json!({"established_on": "2020-01-01", "reopenings": [{"closed_on": "2020-02-01", "reopened_on": "2022-05-01"}]});
        founded(&city, "340304001001", "work_sub_station", back).await;
        happened(api, "340300", &["340304"], "2021-06-25").await;
        happened(api, "340304002", &[], "2021-06-24").await;
        happened(api, "340322", &[], "2020-05-01").await;
        happened(api, "340322", &[], "2022-06-01").await;
        let (dormant, told) = (
            "/v1/organizations/dormant",
            ["area", "kind", "finding", "last_activity_on"],
        );
        assert_eq!(
            all(&city, dormant, &told).await,
            ["340304002 federation dormant 2021-06-24"],
            "where nothing was ever recorded, nobody knows"
        );
        // Two in one area come in the order of their ids, which is anybody's.
        let both = format!("{dormant}?finding=dormant,unknown");
        let mut silent = all(&city, &both, &told).await;
        silent.sort();
        assert_eq!(
            silent,
            [
                "340304001 federation unknown null",
                "340304001 work_station unknown null",
                "340304002 federation dormant 2021-06-24",
            ]
        );
        let unknown = format!("{dormant}?finding=unknown");
        assert_eq!(all(&city, &unknown, &told).await.len(), 2);
        city.get(&format!("{dormant}?finding=asleep")).await.expect(400);
        let before = format!("{dormant}?as_of=2022-05-31&area=340322");
        assert_eq!(
            all(&city, &before, &told).await,
            ["340322 federation dormant 2020-05-01"]
        );
        let before = format!("{dormant}?as_of=2022-06-24&area=340304002");
        assert_eq!(all(&city, &before, &told).await.len(), 1);
        let street = api.caller("340304002", Role::TownshipReporter).await;
        assert_eq!(
            all(&street, dormant, &told).await,
            ["340304002 federation dormant 2021-06-24"]
        );
        city.get(&format!("{dormant}?as_of=2022-06-25")).await.expect(400);
        street.get(&format!("{dormant}?area=340304")).await.expect(404);
    });
}

#[apply(both_databases)]
fn who_was_not_unveiled_together_is_listed_and_not_refused(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let county = api.caller("340304", Role::CountyReporter).await;
        let late_march = json!({"established_on": "2022-03-21", "established_precision": "ten_day",
            "unveiled_on": "2022-03-21", "unveiled_precision": "ten_day"});
        let above = founded(&county, "340304", "federation", late_march).await;
        let under = |unveiled: &str| json!({"established_on": "2022-03-01", "parent": above, "unveiled_on": unveiled});
        founded(&county, "340304001", "federation", under("2022-03-25")).await;
        founded(&county, "340304002", "federation", under("2022-03-20")).await;
        founded(
            &county,
            "340304001001",
            "work_sub_station",
            json!({"parent": above}),
        )
        .await;
        founded(
            &county,
            "340304-P01",
            "federation",
            json!({"unveiled_on": "2022-03-25"}),
        )
        .await;
        let preparing = json!({"area": "340304001002", "kind": "work_sub_station", "name": "x"});
        county.post("/v1/organizations", &preparing).await.expect(201);
        let (path, told) = (
            "/v1/organizations/unveilings",
            ["area", "finding", "parent_unveiled_on", "unveiled_together"],
        );
        assert_eq!(
            all(&county, path, &told).await,
            ["340304002 apart 2022-03-21 1"],
            "a missing date may just not be recorded"
        );
        assert_eq!(
            all(&county, &format!("{path}?finding=unknown"), &told).await,
            ["340304001001 unknown 2022-03-21 0"]
        );
        // The register follows what happens since the baseline: what is older nobody knows.
        let program = json!({"code": "x", "title": "试点", "baseline_on": "2021-01-03", "starts_on": "2021-11-01",
            "target_on": "2022-12-31"});
        let admin = api.caller("340000", Role::ProvinceAdmin).await;
        admin.post("/v1/programs", &program).await.expect(201);
        let old = json!({"established_on": "2021-01-03"});
        let old = founded(&county, "340304001", "work_station", old).await;
        let under_old = json!({"parent": old, "unveiled_on": "2022-03-25"});
        founded(&county, "340304-P01", "work_station", under_old).await;
        assert_eq!(
            all(&county, &format!("{path}?finding=unknown"), &told).await,
            ["340304-P01 unknown null 3", "340304001 unknown null 0",]
        );
        assert_eq!(
            all(&county, path, &told).await,
            [
                "340304001001 not_unveiled 2022-03-21 0",
                "340304002 apart 2022-03-21 1",
            ]
        );
        assert_eq!(
            all(
                &county,
                &format!("{path}?finding=together,alone,apart,not_unveiled"),
                &told
            )
            .await,
            [
                "340304 alone null 1",
                "340304-P01 alone null 3",
                "340304001 together 2022-03-21 3",
                "340304001001 not_unveiled 2022-03-21 0",
                "340304002 apart 2022-03-21 1",
            ]
        );
        // Who does not see the one above is told nothing of it.
        let street = api.caller("340304002", Role::TownshipReporter).await;
        assert_eq!(all(&street, path, &told).await, Vec::<String>::new());
        assert_eq!(
            all(&street, &format!("{path}?finding=alone"), &told).await,
            ["340304002 alone null 1"]
        );
        county.get(&format!("{path}?finding=late")).await.expect(400);
        street.get(&format!("{path}?area=340304")).await.expect(404);
    });
}
