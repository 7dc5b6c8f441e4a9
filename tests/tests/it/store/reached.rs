//! Milestones as they are told, and as the figures of every single day show them.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{Days, NaiveDate};
use qiaojian_domain::area::Level;
use qiaojian_domain::ids::RuleId;
use qiaojian_domain::milestone::MilestoneKind;
use qiaojian_domain::rule::RuleKind;
use qiaojian_store::db::{AnyConnection, snapshot};
use qiaojian_store::figures::{self, Answer, Facts, GroupBy, Held, Metric, Question, ReadModel};
use qiaojian_store::milestones::{self, Memory, Milestone, Present};
use qiaojian_store::rules::NewRule;
use qiaojian_store::{StoreError, StoreResult, Subtree, ledger, rules};
use qiaojian_tests::Backend;
use qiaojian_tests::fixtures::date;
use rstest_reuse::apply;
use uuid::Uuid;

use super::figures::{basis, built, question};
use super::histories::some_day;
use super::organizations::established_on;
use super::plans::statements;
use super::register::{Register, with_forked_register, with_register};
use crate::both_databases;

/// What is reached, by area, kind and level, and the day.
pub type Reached = BTreeMap<(String, MilestoneKind, Option<Level>), NaiveDate>;

/// What a process holds.
#[derive(Clone)]
pub struct Process {
    pub model: Arc<ReadModel>,
    pub memory: Arc<Memory>,
}

impl Process {
    /// With the read model built, and nothing remembered of milestones.
    pub async fn started(register: &Register) -> Self {
        let memory = Arc::default();
        Self {
            model: built(register).await,
            memory,
        }
    }

    /// What is told from memory; none where the ledger of this snapshot has not come so far.
    fn told(
        &self,
        conn: &mut AnyConnection,
        asked: &milestones::Asked,
        may_load: bool,
    ) -> StoreResult<Option<Vec<Milestone>>> {
        let (model, memory) = (&self.model, &self.memory);
        let present = Present {
            model,
            memory,
            may_load,
        };
        Ok(match milestones::standing_now(conn, asked, present)? {
            Some(Held::Answer((_, found))) => Some(found),
            Some(Held::Newer(_)) | None => None,
        })
    }
}

fn asked(conn: &mut AnyConnection, within: &str, as_of: NaiveDate) -> StoreResult<milestones::Asked> {
    Ok(milestones::Asked {
        within: Subtree::rooted_at(within),
        as_of,
        known: ledger::known(conn)?,
        basis: "default".to_owned(),
        program: None,
    })
}

/// What a process tells of an area on a day, and what the rows say.
pub async fn held_and_rows(
    register: &Register,
    process: &Process,
    (within, as_of): (&'static str, NaiveDate),
) -> (Option<Vec<Milestone>>, Vec<Milestone>) {
    let process = process.clone();
    register
        .read(move |conn| {
            snapshot(conn, |conn| {
                let asked = asked(conn, within, as_of)?;
                let held = process.told(conn, &asked, true)?;
                Ok::<_, StoreError>((held, milestones::standing(conn, &asked)?.1))
            })
        })
        .await
        .unwrap()
}

pub async fn milestones_told(register: &Register) -> Reached {
    let today = register.today();
    let found = register
        .read(move |conn| {
            snapshot(conn, |conn| {
                let asked = asked(conn, "340000/", today)?;
                Ok::<_, StoreError>(milestones::standing(conn, &asked)?.1)
            })
        })
        .await
        .unwrap();
    found
        .into_iter()
        .map(|one| ((one.code, one.kind, one.level), one.reached_on))
        .collect()
}

/// The same, from the figures of each single day: the first on which a count is not 0, or a coverage is full.
pub async fn milestones_by_days(register: &Register) -> Reached {
    let mut reached = Reached::new();
    let mut day = some_day(0) - Days::new(1);
    while day <= register.today() {
        let answer = register
            .read(move |conn| {
                let known = ledger::known(conn)?;
                let asked = Question {
                    metrics: vec![Metric::Organizations, Metric::OrganizationCoverage],
                    group_by: vec![GroupBy::City, GroupBy::County, GroupBy::Level],
                    ..question(day)
                };
                let facts = Facts::load(conn, &asked.within, day, known)?;
                let basis = basis(conn, day, known)?;
                Ok(figures::answer(&asked, &basis, &facts))
            })
            .await
            .unwrap();
        for goal in reached_on_a_day(&answer) {
            reached.entry(goal).or_insert(day);
        }
        day = day + Days::new(1);
    }
    reached
}

fn reached_on_a_day(answer: &Answer) -> Vec<(String, MilestoneKind, Option<Level>)> {
    let mut sums: BTreeMap<(String, Level, Metric, Level), (i64, i64)> = BTreeMap::new();
    for figure in &answer.items {
        let word = |key| figure.group.get(&key).cloned().flatten();
        let level: Level = word(GroupBy::Level).unwrap().parse().unwrap();
        let roots = [
            (Some("340000".to_owned()), Level::Province),
            (word(GroupBy::City), Level::City),
            (word(GroupBy::County), Level::County),
        ];
        for (code, root) in roots.into_iter().filter_map(|(code, root)| Some((code?, root))) {
            let sum = sums.entry((code, root, figure.metric, level)).or_default();
            sum.0 += figure.numerator;
            sum.1 += figure.denominator.unwrap_or(0);
        }
    }
    let is_full = |code: &str, root: Level, level: Level| {
        let sum = sums.get(&(code.to_owned(), root, Metric::OrganizationCoverage, level));
        sum.is_some_and(|(covered, all)| covered == all)
    };
    let mut goals = Vec::new();
    for ((code, root, metric, level), (count, _)) in &sums {
        let goal = |kind, level| (code.clone(), kind, level);
        if *metric == Metric::Organizations {
            let is_own = (*root, *level) == (Level::County, Level::County);
            if *root != Level::Province && !is_own && *count > 0 {
                goals.push(goal(MilestoneKind::FirstAtLevel, Some(*level)));
            }
            continue;
        }
        if level != root && is_full(code, *root, *level) {
            goals.push(goal(MilestoneKind::FullCoverage, Some(*level)));
        }
        let tiers = [Level::County, Level::Township, Level::Village];
        if *root == Level::County && tiers.iter().all(|tier| is_full(code, *root, *tier)) {
            goals.push(goal(MilestoneKind::ThreeTierFullCoverage, None));
        }
    }
    goals
}

/// Acts of the random histories.
const CITY: &str = "340300";
const COUNTY: &str = "340304";
const STREET: &str = "340304001";

/// Records an organization that was established on a day.
async fn establish(register: &Register, number: u128, area: &'static str, on: u16) {
    let facts = established_on(some_day(on));
    register.create(number, area, facts).await.unwrap();
}

/// From 2022-03-01 on the same is counted by another version of the rule: what comes before is an earlier era.
async fn an_era_ends(register: &Register) {
    let province = register.area("340000").await.area_id;
    let new = NewRule {
        id: RuleId(Uuid::from_u128(1)),
        kind: RuleKind::Counting,
        name: "default".to_owned(),
        scope_area: province,
        effective_from: date("2022-03-01"),
        params: serde_json::json!({"counted_from": "established"}),
        source: "方案".to_owned(),
    };
    register
        .write(move |recording| rules::create(recording, &new))
        .await
        .unwrap();
}

/// The day on which the county of 禹会 first has a township organization.
fn first_township(found: &[Milestone]) -> Option<NaiveDate> {
    let one = found
        .iter()
        .find(|one| one.code == "340304" && one.kind == MilestoneKind::FirstAtLevel);
    one.map(|one| one.reached_on)
}

const COUNTY_PATH: &str = "340000/340300/340304/";

#[apply(both_databases)]
fn a_correction_in_an_earlier_era_is_seen_by_the_next_answer(#[case] backend: Backend) {
    with_register(backend, async |register| {
        an_era_ends(register).await;
        establish(register, 1, STREET, 100).await;
        let process = Process::started(register).await;
        let on = (COUNTY_PATH, register.today());
        let (held, rows) = held_and_rows(register, &process, on).await;
        assert_eq!(held.as_ref(), Some(&rows));
        assert_eq!(first_township(&rows), Some(some_day(100)));

        for day in [90, 120, 200] {
            let facts = established_on(some_day(day));
            register.correct(1, facts, Some("更正")).await.unwrap();
            let (held, rows) = held_and_rows(register, &process, on).await;
            assert_eq!(first_township(&held.unwrap()), Some(some_day(day)));
            assert_eq!(first_township(&rows), Some(some_day(day)));
        }
    });
}

#[apply(both_databases)]
fn what_is_known_of_earlier_eras_is_not_read_again(#[case] backend: Backend) {
    with_register(backend, async |register| {
        an_era_ends(register).await;
        establish(register, 1, STREET, 100).await;
        let process = Process::started(register).await;
        let today = register.today();
        let asker = process.clone();
        let (unheld, told) = register
            .read(move |conn| {
                snapshot(conn, |conn| {
                    let asked = asked(conn, COUNTY_PATH, today)?;
                    let unheld = asker.told(conn, &asked, false)?;
                    Ok::<_, StoreError>((unheld, asker.told(conn, &asked, true)?))
                })
            })
            .await
            .unwrap();
        assert_eq!(unheld, None, "it is not held yet");

        let (again, sent) = register
            .read(move |conn| {
                let asked = asked(conn, COUNTY_PATH, today)?;
                let mut again = None;
                let sent = statements(conn, |conn| again = process.told(conn, &asked, false).unwrap());
                Ok((again, sent))
            })
            .await
            .unwrap();
        assert_eq!(again, told);
        assert!(again.is_some_and(|found| !found.is_empty()));
        let of_organizations = sent
            .iter()
            .filter(|statement| statement.contains("organization_versions"));
        assert_eq!(of_organizations.count(), 0, "{sent:?}");
    });
}

#[apply(both_databases)]
fn remembered_eras_are_dropped_when_the_ledger_went_another_way(#[case] backend: Backend) {
    let before = async |register: &Register| {
        an_era_ends(register).await;
        establish(register, 1, CITY, 50).await;
    };
    with_forked_register(backend, before, async |lost, kept| {
        let (behind, even) = (Process::started(lost).await, Process::started(lost).await);
        let on = ("340000/", lost.today());
        establish(lost, 2, STREET, 100).await;
        for process in [&behind, &even] {
            let (held, rows) = held_and_rows(lost, process, on).await;
            assert_eq!(held, Some(rows));
        }

        let (held, _) = held_and_rows(kept, &behind, on).await;
        assert_eq!(held, None, "the ledger has not come so far");
        let here = kept.read(|conn| Ok(ledger::known(conn)?)).await.unwrap();
        behind.memory.forget_beyond(here.seq);
        behind.model.forget(kept.today());
        let (held, rows) = held_and_rows(kept, &behind, on).await;
        assert_eq!(held, Some(rows));

        // The same number of ticks, then more of them.
        for (which, place, day) in [(4, COUNTY, 100), (5, STREET, 110)] {
            establish(kept, which, place, day).await;
            let (held, rows) = held_and_rows(kept, &even, on).await;
            assert_eq!(held, Some(rows), "{which}");
        }
    });
}
