//! Milestones as they are told, and as the figures of every single day show them.

use std::collections::BTreeMap;

use chrono::{Days, NaiveDate};
use qiaojian_shared::db::snapshot;
use qiaojian_shared::domain::area::Level;
use qiaojian_shared::domain::milestone::MilestoneKind;
use qiaojian_shared::figures::{self, Answer, Facts, GroupBy, Metric, Question};
use qiaojian_shared::milestones;
use qiaojian_shared::store::{StoreError, Subtree, ledger};

use super::figures::{basis, question};
use super::histories::some_day;
use super::register::Register;

/// What is reached, by area, kind and level, and the day.
pub type Reached = BTreeMap<(String, MilestoneKind, Option<Level>), NaiveDate>;

pub async fn milestones_told(register: &Register) -> Reached {
    let today = register.today();
    let found = register
        .read(move |conn| {
            snapshot(conn, |conn| {
                let asked = milestones::Asked {
                    within: Subtree::rooted_at("340000/"),
                    as_of: today,
                    known: ledger::known(conn)?,
                    basis: "default".to_owned(),
                    program: None,
                };
                Ok::<_, StoreError>(milestones::standing(conn, &asked, None)?.1)
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
