//! The fold: one pass over the organizations of a subtree, and one over its areas when a coverage is asked for. Members are chosen by
//! the functions that count, so the two cannot disagree.

use super::basis::{Basis, Cohorts, Life, covers};
use super::facts::Facts;
use super::groups::{Groups, Month, Seen};
use super::rows::{DayNumber, NEVER, Stretch, number_of};
use super::tree::{Place, Tree};
use super::{Answer, CohortChoice, Figure, GroupBy, GroupKey, Metric, Part, Question};
use crate::documents::percent::percent;
use crate::domain::area::{AreaKind, Level};
use crate::ids::OrganizationId;

/// Answers a question. Groups come in the order of their names, metrics in the order asked.
pub fn answer(question: &Question, basis: &Basis, facts: &Facts) -> Answer {
    let clock = Days::of(question, question.group_by.contains(&GroupBy::Month));
    let totals = Days::of(question, false);
    // Without a cohort asked for, even the sum is one per cohort.
    let by_cohort: &[GroupBy] = match question.cohort {
        CohortChoice::Each => &[GroupBy::Cohort],
        CohortChoice::All | CohortChoice::Only(_) => &[],
    };
    let mut items = (!question.group_by.is_empty())
        .then(|| Breakdown::new(question, &facts.tree, &with_cohort(question, &question.group_by)));
    let mut sums = Breakdown::new(question, &facts.tree, by_cohort);
    let mut covered: Vec<Vec<Place>> = vec![Vec::new(); question.metrics.len()];
    each_organization(question, basis, facts, |row| {
        for (index, metric) in question.metrics.iter().enumerate() {
            if let Some(liaison_too) = metric.covering() {
                if covers(row.stretch, row.life, clock.as_of, liaison_too)
                    && let Some(places) = covered.get_mut(index)
                {
                    places.push(row.seen.place);
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
    for (index, places) in covered.iter().enumerate() {
        if question
            .metrics
            .get(index)
            .is_some_and(|metric| metric.covering().is_some())
        {
            each_area(question, basis, &facts.tree, |seen| {
                let is_covered = places.binary_search(&seen.place).is_ok();
                let parts = [Some(Part::Denominator), is_covered.then_some(Part::Numerator)];
                for part in parts.into_iter().flatten() {
                    if let Some(items) = &mut items {
                        items.add(index, part, seen);
                    }
                    sums.add(index, part, seen);
                }
            });
        }
    }
    Answer {
        items: items.map(|items| items.figures(question)).unwrap_or_default(),
        totals: sums.figures(question),
    }
}

/// Cohorts that are not to be summed are always a group of their own.
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
    /// Before everything when there is none: nothing counted then.
    baseline: DayNumber,
    by_month: bool,
    /// The months of the interval, each with the day on which it is counted, when a state is asked for by month.
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

/// An organization that takes part in the answer.
#[derive(Clone, Copy)]
pub(super) struct Row<'a> {
    pub id: OrganizationId,
    pub stretch: &'a Stretch,
    pub life: Life,
    pub seen: Seen,
}

/// Calls `visit` for each organization of the subtree as it is on `as_of`, in the order of paths.
pub(super) fn each_organization<'a>(
    question: &Question,
    basis: &Basis,
    facts: &'a Facts,
    mut visit: impl FnMut(&Row<'a>),
) {
    let tree = &facts.tree;
    let as_of = number_of(question.as_of);
    let mut cohorts = Cohorts::of(tree, &basis.cohorts);
    for (place, id, stretch) in facts.organizations.within(tree.range(&question.within)) {
        if !stretch.holds_on(as_of) || !basis.trusts(stretch) {
            continue;
        }
        let (cohort, level) = (cohorts.at(place), tree.level(place));
        let Some(level) = level.filter(|_| basis.takes(question, cohort)) else {
            continue;
        };
        visit(&Row {
            id,
            stretch,
            life: basis.life(stretch),
            seen: Seen {
                place,
                level,
                kind: Some(stretch.kind),
                cohort,
                month: None,
            },
        });
    }
}

/// Calls `visit` for each area of the subtree that can be covered, in the order of paths. Statistical and placeholder areas are never
/// eligible, and a park is not a division to be covered.
pub(super) fn each_area(question: &Question, basis: &Basis, tree: &Tree, mut visit: impl FnMut(&Seen)) {
    let mut cohorts = Cohorts::of(tree, &basis.cohorts);
    for place in tree.range(&question.within) {
        let cohort = cohorts.at(place);
        let level = tree.level(place).filter(|level| {
            *level != Level::Park
                && tree.kind(place) == Some(AreaKind::Administrative)
                && basis.takes(question, cohort)
        });
        if let Some(level) = level {
            visit(&Seen {
                place,
                level,
                kind: None,
                cohort,
                month: None,
            });
        }
    }
}

/// Calls `hit` for each number of the metric that the organization counts in.
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
        Metric::Closed => {
            if life.ended_in(days.from, days.to) {
                hit(Part::Numerator, month(life.ended));
            }
        }
        Metric::FiveHaveRate => {
            if life.counts_on(days.as_of) {
                hit(Part::Denominator, None);
                if row.stretch.five_have != NEVER && row.stretch.five_have <= days.as_of {
                    hit(Part::Numerator, None);
                }
            }
        }
        // What these count are areas.
        Metric::OrganizationCoverage | Metric::WorkCoverage => {}
    }
}

/// The counts of every metric by group.
struct Breakdown<'a> {
    groups: Groups<'a>,
    summed: bool,
    /// For each metric, numerator and denominator by group.
    counts: Vec<Vec<(i64, i64)>>,
}

impl<'a> Breakdown<'a> {
    fn new(question: &Question, tree: &'a Tree, keys: &[GroupBy]) -> Self {
        Self {
            groups: Groups::new(tree, keys),
            summed: keys.is_empty(),
            counts: vec![Vec::new(); question.metrics.len()],
        }
    }

    fn add(&mut self, metric: usize, part: Part, seen: &Seen) {
        let group = self.groups.of(seen);
        let Some(counts) = self.counts.get_mut(metric) else {
            return;
        };
        if counts.len() <= group {
            counts.resize(group + 1, (0, 0));
        }
        if let Some((numerator, denominator)) = counts.get_mut(group) {
            match part {
                Part::Numerator => *numerator += 1,
                Part::Denominator => *denominator += 1,
            }
        }
    }

    fn figures(mut self, question: &Question) -> Vec<Figure> {
        let keys: Vec<GroupKey> = (0..self.groups.len())
            .map(|number| self.groups.key(number))
            .collect();
        let mut order: Vec<usize> = (0..keys.len()).collect();
        order.sort_by(|one, other| keys.get(*one).cmp(&keys.get(*other)));
        let mut figures = Vec::new();
        for (metric, counts) in question.metrics.iter().zip(&mut self.counts) {
            counts.resize(keys.len(), (0, 0));
            for number in &order {
                let (Some(counted), Some(key)) = (counts.get(*number), keys.get(*number)) else {
                    continue;
                };
                if self.summed || *counted != (0, 0) {
                    figures.push(figure(*metric, key.clone(), *counted));
                }
            }
        }
        figures
    }
}

fn figure(metric: Metric, group: GroupKey, (numerator, denominator): (i64, i64)) -> Figure {
    let denominator = metric.is_ratio().then_some(denominator);
    #[expect(
        clippy::cast_precision_loss,
        reason = "there are fewer than 2^53 organizations"
    )]
    let value = match denominator {
        Some(denominator) => percent(numerator, denominator),
        None => Some(numerator as f64),
    };
    Figure {
        metric,
        group,
        numerator,
        denominator,
        value,
        undetermined: 0,
    }
}
