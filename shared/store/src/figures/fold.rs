//! The fold: one pass over the organizations of a subtree, and one over its areas if a coverage metric is requested.
//! Members are selected by the same functions that count, so the two cannot disagree.

use super::basis::Basis;
use super::breakdown::Breakdown;
use super::facts::Facts;
use super::groups::{Month, Seen};
use super::rows::{DayNumber, NEVER, number_of};
use super::taking_part::{Covered, Row, each_area, each_due, each_organization, of_whole};
use super::{Answer, CohortChoice, GroupBy, Metric, Part, Question};

/// Answers a question. Groups are ordered by name, metrics as requested.
pub fn answer(question: &Question, basis: &Basis, facts: &Facts) -> Answer {
    let clock = Days::of(question, question.group_by.contains(&GroupBy::Month));
    let totals = Days::of(question, false);
    // Without a requested cohort, the totals are also per cohort.
    let by_cohort: &[GroupBy] = match question.cohort {
        CohortChoice::Each => &[GroupBy::Cohort],
        CohortChoice::All | CohortChoice::Only(_) => &[],
    };
    let mut items = (!question.group_by.is_empty())
        .then(|| Breakdown::new(question, &facts.tree, &with_cohort(question, &question.group_by)));
    let mut sums = Breakdown::new(question, &facts.tree, by_cohort);
    let mut covered: Vec<Covered> = question
        .metrics
        .iter()
        .map(|metric| Covered::for_metric(*metric, basis, &facts.tree))
        .collect();
    each_organization(question, basis, facts, |row| {
        for (index, metric) in question.metrics.iter().enumerate() {
            if metric.counts_areas() {
                if let Some(places) = covered.get_mut(index) {
                    places.note(row, clock.as_of);
                }
                continue;
            }
            if let Some(items) = &mut items {
                hits(*metric, &clock, row, |part, month| {
                    items.add(index, part, &Seen { month, ..row.seen });
                });
            }
            hits(*metric, &totals, row, |part, month| {
                sums.add(index, part, &Seen { month, ..row.seen });
            });
        }
    });
    for (index, (metric, covered)) in question.metrics.iter().zip(&covered).enumerate() {
        if *metric == Metric::OnTimeRate {
            each_due(question, basis, facts, |due, seen| {
                for part in due.parts() {
                    if let Some(items) = &mut items {
                        items.add(index, part, seen);
                    }
                    sums.add(index, part, seen);
                }
            });
        }
        if metric.counts_areas() {
            let mut covered = covered.walk();
            each_area(question, basis, facts, |area| {
                for part in area.parts(*metric, &mut covered) {
                    if let Some(items) = &mut items {
                        items.add(index, part, &area.seen);
                    }
                    sums.add(index, part, &area.seen);
                }
            });
        }
    }
    Answer {
        items: items.map(|items| items.figures(question)).unwrap_or_default(),
        totals: sums.figures(question),
    }
}

/// Cohorts that must not be summed are always a group key.
fn with_cohort(question: &Question, group_by: &[GroupBy]) -> Vec<GroupBy> {
    let mut keys = group_by.to_vec();
    if question.cohort == CohortChoice::Each && !keys.contains(&GroupBy::Cohort) {
        keys.push(GroupBy::Cohort);
    }
    keys
}

/// The days of a question as numbers.
pub(super) struct Days {
    from: DayNumber,
    to: DayNumber,
    as_of: DayNumber,
    /// The minimum if there is no baseline: nothing counted then.
    baseline: DayNumber,
    by_month: bool,
    /// The months of the interval, each with the day of its count, if a state metric is grouped by month.
    months: Vec<(Month, DayNumber)>,
}

impl Days {
    pub(super) fn of(question: &Question, by_month: bool) -> Self {
        let mut months = Vec::new();
        if by_month && let Some(first) = question.from.succ_opt() {
            let mut month = Month::of(first);
            while let Some(last) = month.last_day().filter(|_| month <= Month::of(question.to)) {
                months.push((month, number_of(last.min(question.to))));
                month = month.next();
            }
        }
        Self {
            from: number_of(question.from),
            to: number_of(question.to),
            as_of: number_of(question.as_of),
            baseline: question.baseline_on.map_or(DayNumber::MIN, number_of),
            by_month,
            months,
        }
    }
}

/// Calls `hit` once for each month that contains one of these days. The days must be in order.
fn each_month(on: impl Iterator<Item = DayNumber>, mut hit: impl FnMut(Part, Option<Month>)) {
    let mut last = None;
    for month in on.map(Month::of_number) {
        if last.replace(month) != Some(month) {
            hit(Part::Numerator, month);
        }
    }
}

/// Calls `hit` for each number of the metric in which the organization counts.
pub(super) fn hits(metric: Metric, days: &Days, row: &Row<'_>, mut hit: impl FnMut(Part, Option<Month>)) {
    if !row.stretch.kind.is_organization() {
        return;
    }
    let life = row.life;
    let month = |day| days.by_month.then(|| Month::of_number(day)).flatten();
    match metric {
        Metric::Organizations if days.by_month => {
            for (month, day) in &days.months {
                if life.counts_on(*day) {
                    hit(Part::Numerator, Some(*month));
                }
            }
        }
        Metric::Organizations => {
            if life.counts_on(days.as_of) {
                hit(Part::Numerator, None);
            }
        }
        Metric::Added | Metric::Growth => {
            if life.began_in(days.from, days.to) {
                hit(Part::Numerator, month(life.began));
            }
            if metric == Metric::Growth && life.counts_on(days.baseline) {
                hit(Part::Denominator, None);
            }
        }
        // An organization that was closed or re-established twice counts once in total, and once in each of the months.
        Metric::Closed if days.by_month => each_month(life.endings_in(days.from, days.to), hit),
        Metric::Reopened if days.by_month => each_month(life.resumptions_in(days.from, days.to), hit),
        Metric::Closed => {
            if life.between(days.from, days.to).closed {
                hit(Part::Numerator, None);
            }
        }
        Metric::Reopened => {
            if life.between(days.from, days.to).reopened {
                hit(Part::Numerator, None);
            }
        }
        Metric::FiveHaveRate => {
            if life.counts_on(days.as_of) {
                let has_all = row.stretch.five_have != NEVER && row.stretch.five_have <= days.as_of;
                for part in of_whole(has_all).into_iter().flatten() {
                    hit(part, None);
                }
            }
        }
        // These do not count organizations.
        Metric::OrganizationCoverage
        | Metric::WorkCoverage
        | Metric::Fulfilment
        | Metric::OnTimeRate
        | Metric::Visited => {}
    }
}
