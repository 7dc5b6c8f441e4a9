//! What was reached is noted once, by whichever worker sees it first, and is told as withdrawn when a correction undoes it.

use chrono::TimeDelta;
use diesel::prelude::*;
use qiaojian_domain::Noun;
use qiaojian_domain::area::{AreaKind, Level};
use qiaojian_domain::clock::{Clock as _, OsEntropy};
use qiaojian_domain::dates::Precision;
use qiaojian_domain::ids::{AreaId, CohortId, OrganizationId, RuleId};
use qiaojian_domain::milestone::MilestoneState;
use qiaojian_domain::organization::{PreciseDate, Status, Verification};
use qiaojian_domain::program::Cohort;
use qiaojian_domain::rule::RuleKind;
use qiaojian_store::areas::NewArea;
use qiaojian_store::db::schema::{milestones as rows, organization_versions};
use qiaojian_store::db::snapshot;
use qiaojian_store::milestones::{self, Asked, Evidence, Milestone};
use qiaojian_store::organizations::{self, Created, NewOrganization};
use qiaojian_store::rules::NewRule;
use qiaojian_store::{Recorded, StoreError, Subtree, areas, ledger, programs, rules};
use qiaojian_tests::Backend;
use qiaojian_tests::fixtures::{beginning, date};
use rstest_reuse::apply;
use uuid::Uuid;

use super::office::{Office, with_office};
use crate::both_databases;
use crate::store::organizations::preparing;

async fn found_with(office: &Office, code: &'static str, established: PreciseDate) -> OrganizationId {
    let id = OrganizationId::generate(office.clock.as_ref(), &OsEntropy);
    let today = office.clock.now().date_in_shanghai();
    office
        .record(move |recording| {
            let area =
                areas::find_anywhere(recording.conn(), code)?.ok_or(StoreError::NotFound(Noun::Area))?;
            let mut facts = preparing();
            facts.name = code.to_owned();
            facts.life.status = Status::Established;
            facts.life.established = Some(established);
            let new = NewOrganization {
                id,
                verification: Verification::Unverified,
                digest: String::new(),
                area,
                parent: None,
                facts,
            };
            let made = organizations::create(recording, &Subtree::everything(), &new, today)?;
            assert!(matches!(made, Created::New(_)));
            Ok(())
        })
        .await
        .unwrap();
    id
}

async fn found(office: &Office, code: &'static str, on: &'static str) -> OrganizationId {
    found_with(office, code, PreciseDate::day(date(on))).await
}

async fn void(office: &Office, id: OrganizationId) {
    office
        .record(move |recording| {
            organizations::void(recording, &Subtree::everything(), id, None, "误录")?;
            Ok(())
        })
        .await
        .unwrap();
}

/// All that is told of 五河县, as known at a moment or now.
async fn told(office: &Office, known: Option<Recorded>) -> (Recorded, Vec<Milestone>) {
    let program = Some(office.program);
    office
        .db
        .read_slow(move |conn| {
            snapshot(conn, |conn| {
                let known = match known {
                    Some(known) => known,
                    None => ledger::known(conn)?,
                };
                let asked = Asked {
                    within: Subtree::rooted_at("340000/340300/340322/"),
                    as_of: date("2022-06-24"),
                    known,
                    basis: "default".to_owned(),
                    program,
                };
                let (_, found) = milestones::standing(conn, &asked)?;
                Ok::<_, StoreError>((known, found))
            })
        })
        .await
        .unwrap()
}

fn states(found: &[Milestone]) -> Vec<(String, MilestoneState)> {
    let word = |one: &Milestone| format!("{} {}", one.kind, one.reached_on);
    found.iter().map(|one| (word(one), one.state)).collect()
}

async fn noted(office: &Office) -> i64 {
    office.read(|conn| rows::table.count().get_result(conn)).await
}

#[apply(both_databases)]
fn each_is_noted_once_whoever_looks_and_however_often(#[case] backend: Backend) {
    with_office(backend, async |office| {
        found(office, "340322100", "2022-05-24").await;
        let (one, other) = (office.worker(), office.worker());
        let first = one.note_milestones().await.unwrap();
        // The city's first township, the county's first, and its only township covered.
        assert_eq!((first.milestones, first.more), (3, false));
        assert_eq!(other.note_milestones().await.unwrap().milestones, 0);
        assert_eq!(one.note_milestones().await.unwrap().milestones, 0);
        assert_eq!(noted(office).await, 3);
        // A second is no first.
        found(office, "340304001", "2022-06-01").await;
        let second = other.note_milestones().await.unwrap();
        assert_eq!(second.milestones, 1, "the other county's first township");
        assert_eq!(one.note_milestones().await.unwrap().milestones, 0);
    });
}

#[apply(both_databases)]
fn a_correction_withdraws_what_was_noted_and_deletes_nothing(#[case] backend: Backend) {
    with_office(backend, async |office| {
        let id = found(office, "340322100", "2022-05-24").await;
        let worker = office.worker();
        worker.note_milestones().await.unwrap();
        let (before, reached) = told(office, None).await;
        let as_reached = [
            ("first_at_level 2022-05-24".to_owned(), MilestoneState::Reached),
            ("full_coverage 2022-05-24".to_owned(), MilestoneState::Reached),
        ];
        assert_eq!(states(&reached), as_reached);
        assert!(reached.iter().all(|one| one.noted.is_some()));

        void(office, id).await;
        worker.note_milestones().await.unwrap();
        let (_, after) = told(office, None).await;
        let as_withdrawn = as_reached
            .clone()
            .map(|(what, _)| (what, MilestoneState::Withdrawn));
        assert_eq!(states(&after), as_withdrawn);
        let Evidence::Noted(named, 1) = &after[0].evidence else {
            panic!("{:?}", after[0].evidence)
        };
        assert_eq!((named[0].id, &named[0].name[..]), (id, "340322100"));
        let (_, replayed) = told(office, Some(before)).await;
        assert_eq!(replayed, reached, "what was known then is told as it was");

        // Founded a day earlier after all: reached on that day, and the other day stays withdrawn.
        found(office, "340322100", "2022-05-23").await;
        worker.note_milestones().await.unwrap();
        let (_, now) = told(office, None).await;
        let all: Vec<_> = [
            ("2022-05-23", MilestoneState::Reached),
            ("2022-05-24", MilestoneState::Withdrawn),
        ]
        .iter()
        .flat_map(|(day, state)| {
            ["first_at_level", "full_coverage"].map(|kind| (format!("{kind} {day}"), *state))
        })
        .collect();
        assert_eq!(states(&now), all);
    });
}

#[apply(both_databases)]
fn a_date_that_counts_from_its_last_day_is_reached_when_that_day_comes(#[case] backend: Backend) {
    with_office(backend, async |office| {
        let worker = office.worker();
        worker.note_milestones().await.unwrap();
        let late_june = PreciseDate {
            on: date("2022-06-21"),
            precision: Precision::TenDay,
        };
        found_with(office, "340322100", late_june).await;
        assert_eq!(
            worker.note_milestones().await.unwrap().milestones,
            0,
            "6月下旬 counts from 30 June"
        );
        office.advance(TimeDelta::days(6));
        assert_eq!(worker.note_milestones().await.unwrap().milestones, 3);
    });
}

#[apply(both_databases)]
fn a_rule_that_counts_pilots_only_is_judged_by_the_only_programme(#[case] backend: Backend) {
    with_office(backend, async |office| {
        let (program, province) = (office.program, office.province);
        office
            .record(move |recording| {
                let city = areas::find_anywhere(recording.conn(), "340300")?
                    .ok_or(StoreError::NotFound(Noun::Area))?;
                let cohort = CohortId(Uuid::from_u128(1));
                programs::set_cohort(
                    recording,
                    cohort,
                    program,
                    city.area_id,
                    Cohort::Pilot,
                    date("2022-05-01"),
                )?;
                let rule = NewRule {
                    id: RuleId(Uuid::from_u128(1)),
                    kind: RuleKind::Counting,
                    name: "default".to_owned(),
                    scope_area: province,
                    effective_from: date("2021-11-01"),
                    params: serde_json::json!({"counted_from": "established", "cohorts": ["pilot"]}),
                    source: "x".to_owned(),
                };
                rules::create(recording, &rule)?;
                Ok(())
            })
            .await
            .unwrap();
        found(office, "340322100", "2022-03-01").await;
        found(office, "341802001", "2022-03-01").await;
        let worker = office.worker();
        // The city's and the county's first, and all of the county's townships, on the day the city became a pilot; 宣城 is none.
        assert_eq!(worker.note_milestones().await.unwrap().milestones, 3);
        let (_, reached) = told(office, None).await;
        assert_eq!(
            states(&reached),
            ["first_at_level", "full_coverage"]
                .map(|kind| (format!("{kind} 2022-05-01"), MilestoneState::Reached))
        );
        assert!(reached[0].noted.is_some());
    });
}

#[apply(both_databases)]
fn a_province_that_cannot_be_read_keeps_no_other_waiting(#[case] backend: Backend) {
    with_office(backend, async |office| {
        let (clock, beginning) = (office.clock.clone(), beginning());
        office
            .record(move |recording| {
                for (code, name) in [("110000", "北京市"), ("320000", "江苏省")] {
                    let new = NewArea {
                        id: AreaId::generate(clock.as_ref(), &OsEntropy),
                        code: code.to_owned(),
                        name: name.to_owned(),
                        level: Level::Province,
                        kind: AreaKind::Administrative,
                        parent: None,
                        valid_from: beginning,
                    };
                    areas::create(recording, &new)?;
                }
                Ok(())
            })
            .await
            .unwrap();
        let worker = office.worker();
        while worker.note_milestones().await.unwrap().more {}
        found(office, "340322100", "2022-05-24").await;
        let broken = found(office, "110000", "2022-01-01").await;
        office
            .record(move |recording| {
                diesel::update(
                    organization_versions::table.filter(organization_versions::organization_id.eq(broken)),
                )
                .set(organization_versions::five_have.eq("nonsense"))
                .execute(recording.conn())?;
                Ok(())
            })
            .await
            .unwrap();
        for _ in 0..4 {
            let _ = worker.note_milestones().await;
        }
        assert!(
            worker.note_milestones().await.is_err(),
            "it is tried again and again"
        );
        assert_eq!(noted(office).await, 3, "and 安徽 had its turn");
        // What comes meanwhile has its turn too.
        found(office, "341802", "2022-06-01").await;
        for _ in 0..3 {
            let _ = worker.note_milestones().await;
        }
        assert!(noted(office).await > 3);
    });
}
