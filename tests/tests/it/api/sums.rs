//! Sums that hold whatever becomes of areas and organizations: what stood + added − closed + reopened = what stands.

use diesel::RunQueryDsl;
use qiaojian_domain::access::Role;
use qiaojian_store::StoreError;
use qiaojian_store::check::{Check, Report, run};
use qiaojian_store::db::{Db, snapshot};
use qiaojian_tests::Backend;
use qiaojian_tests::api::{Client, TestApi, with_api};
use qiaojian_tests::fixtures::date;
use rstest_reuse::apply;
use serde_json::json;

use crate::both_databases;

const TODAY: &str = "2022-06-24";

async fn establish(caller: &Client, area: &str, on: &str) -> String {
    let body = json!({"area": area, "kind": "work_sub_station", "name": format!("{area}侨联工作分站"),
        "status": "established", "established_on": on});
    caller.post("/v1/organizations", &body).await.expect(201).json()["id"]
        .as_str()
        .unwrap()
        .to_owned()
}

/// The numbers since the programme's baseline, and what stood then.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
struct Sums {
    baseline: i64,
    added: i64,
    closed: i64,
    reopened: i64,
    organizations: i64,
}

async fn sums(caller: &Client, as_of: &str) -> Sums {
    let query =
        format!("/v1/figures?metric=organizations,added,closed,reopened,growth&cohort=all&as_of={as_of}");
    let told = caller.get(&query).await.expect(200).json();
    let number = |metric: &str, field: &str| {
        let totals = told["totals"].as_array().unwrap();
        let figure = totals.iter().find(|figure| figure["metric"] == metric).unwrap();
        figure[field].as_i64().unwrap()
    };
    Sums {
        baseline: number("growth", "denominator"),
        added: number("added", "numerator"),
        closed: number("closed", "numerator"),
        reopened: number("reopened", "numerator"),
        organizations: number("organizations", "numerator"),
    }
}

async fn checked(db: &Db) -> Report {
    let today = date(TODAY);
    db.read_slow(move |conn| snapshot(conn, |conn| run(conn, Check::Figures, today)))
        .await
        .unwrap()
}

async fn with_programme(api: &TestApi) -> Client {
    let office = api.caller("340000", Role::ProvinceAdmin).await;
    let program = json!({"code": "pilot", "title": "试点", "baseline_on": "2021-10-31", "starts_on": "2021-11-01",
        "target_on": "2022-12-31"});
    office.post("/v1/programs", &program).await.expect(201);
    office
}

#[apply(both_databases)]
fn closing_a_village_changes_no_sum_above_it(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let office = with_programme(api).await;
        let old = establish(&office, "340304001001", "2021-01-04").await;
        let young = establish(&office, "340304001002", "2022-03-01").await;
        establish(&office, "341802001001", "2022-03-01").await;
        for id in [&old, &young] {
            let close = json!({"on": "2022-06-20", "reason": "撤销"});
            office
                .post(&format!("/v1/organizations/{id}/close"), &close)
                .await
                .expect(200);
        }
        let before = sums(&office, TODAY).await;
        let expected = Sums {
            baseline: 1,
            added: 2,
            closed: 2,
            reopened: 0,
            organizations: 1,
        };
        assert_eq!(before, expected);
        for village in ["340304001001", "340304001002"] {
            let close = json!({"on": "2022-06-21", "reason": "撤销"});
            office
                .post(&format!("/v1/areas/{village}/close"), &close)
                .await
                .expect(200);
        }
        assert_eq!(sums(&office, TODAY).await, before);
        let street = api.caller("340304001", Role::TownshipReporter).await;
        assert_eq!(
            sums(&street, TODAY).await,
            Sums {
                added: 1,
                organizations: 0,
                ..expected
            },
            "they count at the street, the nearest area above that stands"
        );
        let report = checked(&api.db).await;
        assert!(report.is_clean(), "{report:?}");

        // As it was before: what stood in a closed area is in no figure.
        api.db
            .write(|tx| {
                let forgotten = "UPDATE area_versions SET ended = (1 = 0) WHERE ended";
                diesel::sql_query(forgotten).execute(tx.conn)?;
                Ok::<_, StoreError>(())
            })
            .await
            .unwrap();
        let report = checked(&api.db).await;
        assert!(
            report
                .first
                .iter()
                .any(|line| line.contains("= 2, but 1 on 2022-06-24")),
            "{report:?}"
        );
    });
}

#[apply(both_databases)]
fn what_is_established_again_is_told_apart_from_what_was_added(#[case] backend: Backend) {
    with_api(backend, async |api| {
        let office = with_programme(api).await;
        let id = establish(&office, "340304001001", "2021-01-04").await;
        let turn = |verb: &str, on: &str| {
            let (path, body) = (
                format!("/v1/organizations/{id}/{verb}"),
                json!({"on": on, "reason": "工作需要"}),
            );
            let office = &office;
            async move { office.post(&path, &body).await.expect(200) }
        };
        turn("close", "2021-06-01").await;
        let told = |baseline, closed, reopened, organizations| Sums {
            baseline,
            added: 0,
            closed,
            reopened,
            organizations,
        };
        assert_eq!(sums(&office, TODAY).await, told(0, 0, 0, 0));
        turn("reopen", "2022-03-01").await;
        assert_eq!(sums(&office, TODAY).await, told(0, 0, 1, 1));
        assert_eq!(sums(&office, "2021-05-31").await.organizations, 1);
        turn("close", "2022-05-01").await;
        assert_eq!(sums(&office, TODAY).await, told(0, 1, 1, 0));
        let report = checked(&api.db).await;
        assert!(report.is_clean(), "{report:?}");
    });
}
