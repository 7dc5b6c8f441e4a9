//! Compares the read model, after updating it step by step, with each city loaded from rows, and with a plain count of
//! the rows; and checks that the changes since a programme's baseline add up to today's count.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use qiaojian_domain::area::Level;
use qiaojian_domain::ids::{AreaId, OrganizationId};
use qiaojian_domain::organization::{Status, Verification};

use super::{Check, Report};
use crate::db::AnyConnection;
use crate::figures::{
    Basis, Break, CohortChoice, Counted, Facts, GroupBy, Metric, Place, Question, Stretch, answer, caught_up,
};
use crate::lives::{self, StandingOn};
use crate::{Recorded, StoreResult, Subtree, ledger, programs};

/// Number of updates of the model on its way to the present.
const ANSWERS: i64 = 8;

pub(super) fn figures(conn: &mut AnyConnection, today: NaiveDate) -> StoreResult<Report> {
    let mut report = Report::of(Check::Figures);
    let known = ledger::known(conn)?;
    let model = caught_up(conn, today, known, ANSWERS)?;
    by_city(conn, &mut report, &model, today, known)?;
    let counted = plain_count(conn, &mut report, today, known)?;
    let held = held_count(&model, today);
    let groups: BTreeSet<&Group> = counted.keys().chain(held.keys()).collect();
    for group in groups {
        let number = |of: &BTreeMap<Group, i64>| of.get(group).copied().unwrap_or(0);
        let (rows, model) = (number(&counted), number(&held));
        if rows != model {
            let (city, level) = group;
            report.differs(format!(
                "organizations of the level {level} in {}: {rows} by the rows, {model} by the read model",
                city.as_deref().unwrap_or("no city")
            ));
        }
    }
    for baseline_on in baselines(conn, today, known)? {
        sums_since(conn, &mut report, &model, baseline_on, (today, known))?;
    }
    Ok(report)
}

/// Returns the baselines of programmes up to today.
fn baselines(
    conn: &mut AnyConnection,
    today: NaiveDate,
    known: Recorded,
) -> StoreResult<BTreeSet<NaiveDate>> {
    let programs = programs::known_at(conn, known, i64::MAX)?;
    let days = programs.iter().map(|program| program.baseline_on);
    Ok(days.filter(|day| *day <= today).collect())
}

/// Checks that the count on `since`, in the tree of that day, plus everything added and reopened and minus everything
/// closed since, equals today's count.
fn sums_since(
    conn: &mut AnyConnection,
    report: &mut Report,
    model: &Facts,
    since: NaiveDate,
    (today, known): (NaiveDate, Recorded),
) -> StoreResult<()> {
    let stood = {
        let facts = Facts::load(conn, &Subtree::everything(), since, known)?;
        total(&facts, Metric::Organizations, (since, since))
    };
    let [added, closed, reopened, stands] = [
        Metric::Added,
        Metric::Closed,
        Metric::Reopened,
        Metric::Organizations,
    ]
    .map(|metric| total(model, metric, (since, today)));
    let sum = stood + added - closed + reopened;
    if sum != stands {
        report.differs(format!(
            "organizations: {stood} on {since} + {added} added − {closed} closed + {reopened} established again = {sum}, \
             but {stands} on {today}"
        ));
    }
    Ok(())
}

/// Returns a number of all areas over an interval, in the tree of its last day.
fn total(facts: &Facts, metric: Metric, (from, to): (NaiveDate, NaiveDate)) -> i64 {
    let question = Question {
        metrics: vec![metric],
        within: Subtree::everything(),
        from,
        to,
        as_of: to,
        baseline_on: None,
        cohort: CohortChoice::All,
        group_by: Vec::new(),
    };
    let answer = answer(&question, &Basis::default(), facts);
    answer.totals.iter().map(|figure| figure.numerator).sum()
}

/// The contents of one place: its area, its counts, and its organizations.
type Held = (AreaId, Counted, Vec<Life>);

/// A stretch of an organization, with its breaks.
type Life = (OrganizationId, Stretch, Vec<Break>);

/// Compares the model with each city loaded separately from rows, so that only one of them is in memory at a time.
fn by_city(
    conn: &mut AnyConnection,
    report: &mut Report,
    model: &Facts,
    today: NaiveDate,
    known: Recorded,
) -> StoreResult<()> {
    let tree = &model.tree;
    let cities = tree.all().filter(|place| tree.level(*place) == Some(Level::City));
    for city in cities {
        let within = Subtree::rooted_at(&tree.path(city));
        let rows = Facts::load(conn, &within, today, known)?;
        let held = held_within(model, &within, today);
        let loaded = held_within(&rows, &within, today);
        if held.len() != loaded.len() {
            report.differs(format!(
                "{}: {} areas by the rows, {} by the read model",
                tree.code(city),
                loaded.len(),
                held.len()
            ));
            continue;
        }
        for (place, (held, loaded)) in tree.range(&within).zip(held.iter().zip(&loaded)) {
            if held != loaded {
                report.differs(format!(
                    "{}: the read model differs from the rows",
                    tree.code(place)
                ));
            }
        }
    }
    Ok(())
}

fn held_within(facts: &Facts, within: &Subtree, today: NaiveDate) -> Vec<Held> {
    let places = facts.tree.range(within);
    let mut stretches: BTreeMap<Place, Vec<Life>> = BTreeMap::new();
    for (place, id, stretch, breaks) in facts.organizations.within(places.clone()) {
        let known = (id, *stretch, breaks.to_vec());
        stretches.entry(place).or_default().push(known);
    }
    places
        .filter_map(|place| {
            let area = facts.tree.id(place)?;
            let counted = facts.counted_on(place, today);
            Some((area, counted, stretches.remove(&place).unwrap_or_default()))
        })
        .collect()
}

/// The code of a city, and a level of areas.
type Group = (Option<String>, Level);

/// Counts the organizations that count today by city and level, using the model.
fn held_count(model: &Facts, today: NaiveDate) -> BTreeMap<Group, i64> {
    let question = Question {
        metrics: vec![Metric::Organizations],
        within: Subtree::everything(),
        from: today,
        to: today,
        as_of: today,
        baseline_on: None,
        cohort: CohortChoice::All,
        group_by: vec![GroupBy::City, GroupBy::Level],
    };
    let counted = answer(&question, &Basis::default(), model);
    counted
        .items
        .into_iter()
        .filter(|figure| figure.numerator != 0)
        .filter_map(|mut figure| {
            let level = figure.group.remove(&GroupBy::Level)??.parse().ok()?;
            let city = figure.group.remove(&GroupBy::City)?;
            Some(((city, level), figure.numerator))
        })
        .collect()
}

/// Counts the same from the rows, one by one.
fn plain_count(
    conn: &mut AnyConnection,
    report: &mut Report,
    today: NaiveDate,
    known: Recorded,
) -> StoreResult<BTreeMap<Group, i64>> {
    let mut counted = BTreeMap::new();
    let mut after = None;
    loop {
        let rows = lives::standing_on(conn, today, known, after)?;
        let Some(last) = rows.last() else {
            return Ok(counted);
        };
        after = Some(last.id);
        report.looked_at(rows.len());
        for row in rows.iter().filter(|row| counts(row)) {
            *counted.entry((city_of(&row.path), row.level)).or_insert(0) += 1;
        }
    }
}

fn counts(row: &StandingOn) -> bool {
    row.status == Status::Established
        && row.kind.is_organization()
        && row.verification != Verification::Rejected
}

fn city_of(path: &str) -> Option<String> {
    path.split_terminator('/')
        .find(|code| Level::of_code(code) == Some(Level::City))
        .map(str::to_owned)
}
