//! The fold: one pass over the organizations of a subtree, and one over its areas when a coverage is asked for. Members are chosen by
//! the functions that count, so the two cannot disagree.

use super::basis::{Basis, Due, Life, Nearest, covers};
use super::facts::Facts;
use super::groups::{Groups, Month, Seen};
use super::rows::{Counted, DayNumber, NEVER, Stretch, number_of};
use super::tree::{Place, Tree};
use super::{Answer, CohortChoice, Figure, GroupBy, GroupKey, Metric, Part, Question};
use crate::documents::percent::percent;
use crate::domain::area::{AreaKind, Level};
use crate::domain::establishment::Requirement;
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
    pub life: Life<'a>,
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
    let mut cohorts = Nearest::of(tree, &question.within, &basis.cohorts);
    for (place, id, stretch, breaks) in facts.organizations.within(tree.range(&question.within)) {
        if !stretch.holds_on(as_of) || !basis.trusts(stretch) {
            continue;
        }
        let (cohort, level) = (cohorts.at(place).copied(), tree.level(place));
        let Some(level) = level.filter(|_| basis.takes(question, cohort)) else {
            continue;
        };
        visit(&Row {
            id,
            stretch,
            life: basis.life(stretch, breaks),
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

/// The places that have something of their own, in their order.
#[derive(Debug, Clone, Default)]
pub(super) struct Covered {
    by_organizations: Vec<Place>,
    by_liaison_posts: Vec<Place>,
    /// The counties that were visited.
    by_visits: Vec<Place>,
}

impl Covered {
    /// With the visits, where the metric counts them.
    pub(super) fn for_metric(metric: Metric, basis: &Basis, tree: &Tree) -> Self {
        let mut covered = Self::default();
        if metric == Metric::Visited {
            let places = basis.visited.iter().filter_map(|area| tree.place_of(*area));
            let counties = places.filter_map(|place| tree.at_level(place, Level::County));
            covered.by_visits = counties.collect();
            covered.by_visits.sort_unstable();
        }
        covered
    }

    /// Takes in an organization; they come in the order of places.
    pub(super) fn note(&mut self, row: &Row<'_>, as_of: DayNumber) {
        if covers(row.stretch, row.life, as_of) {
            let places = if row.stretch.kind.is_organization() {
                &mut self.by_organizations
            } else {
                &mut self.by_liaison_posts
            };
            places.push(row.seen.place);
        }
    }

    /// What is asked for areas one after the other.
    pub(super) fn walk(&self) -> CoveredWalk<'_> {
        CoveredWalk {
            by_organizations: Walk(&self.by_organizations),
            by_liaison_posts: Walk(&self.by_liaison_posts),
            by_visits: Walk(&self.by_visits),
        }
    }
}

/// Places in their order, asked for in their order: each is looked at once.
#[derive(Debug, Clone, Copy)]
struct Walk<'a>(&'a [Place]);

impl Walk<'_> {
    fn has(&mut self, place: Place) -> bool {
        while let [first, rest @ ..] = self.0
            && *first < place
        {
            self.0 = rest;
        }
        self.0.first() == Some(&place)
    }
}

/// Whether places have something of their own; they are asked for in their order.
#[derive(Debug, Clone, Copy)]
pub(super) struct CoveredWalk<'a> {
    by_organizations: Walk<'a>,
    by_liaison_posts: Walk<'a>,
    by_visits: Walk<'a>,
}

impl CoveredWalk<'_> {
    fn has_organization(&mut self, place: Place) -> bool {
        self.by_organizations.has(place)
    }

    fn has_anything(&mut self, place: Place) -> bool {
        self.has_organization(place) || self.by_liaison_posts.has(place)
    }
}

/// An area that can be covered, and what its rule asks of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Eligible {
    pub seen: Seen,
    pub required: Option<Requirement>,
    /// From this day on the rule asks it.
    pub asked_since: DayNumber,
    pub counted: Counted,
}

impl Eligible {
    /// Whether it has what its rule asks for; nobody knows, where that cannot be told.
    pub(super) fn fulfils(&self, covered: &mut CoveredWalk<'_>) -> Option<bool> {
        match self.required? {
            Requirement::Organization => Some(covered.has_organization(self.seen.place)),
            Requirement::LiaisonPost => Some(covered.has_anything(self.seen.place)),
            Requirement::Undetermined => None,
        }
    }

    /// The numbers of the metric that the area counts in.
    pub(super) fn parts(
        &self,
        metric: Metric,
        covered: &mut CoveredWalk<'_>,
    ) -> impl Iterator<Item = Part> + use<> {
        let place = self.seen.place;
        let (counts, part_of_whole) = match metric {
            Metric::OrganizationCoverage => (true, Some(covered.has_organization(place))),
            Metric::WorkCoverage => (true, Some(covered.has_anything(place))),
            Metric::Fulfilment => (self.required.is_some(), self.fulfils(covered)),
            // How many, not of how many.
            Metric::Visited => {
                let is_visited = self.seen.level == Level::County && covered.by_visits.has(place);
                return [is_visited.then_some(Part::Numerator), None]
                    .into_iter()
                    .flatten();
            }
            _ => (false, None),
        };
        let parts = match (counts, part_of_whole) {
            (false, _) => [None, None],
            (true, None) => [Some(Part::Undetermined), None],
            (true, Some(false)) => [Some(Part::Denominator), None],
            (true, Some(true)) => [Some(Part::Denominator), Some(Part::Numerator)],
        };
        parts.into_iter().flatten()
    }
}

/// Calls `visit` for each area of the subtree that can be covered, in the order of paths. Statistical and placeholder areas are never
/// eligible, and a park is not a division to be covered.
pub(super) fn each_area(question: &Question, basis: &Basis, facts: &Facts, mut visit: impl FnMut(&Eligible)) {
    let tree = &facts.tree;
    let as_of = number_of(question.as_of);
    let mut cohorts = Nearest::of(tree, &question.within, &basis.cohorts);
    let mut rules = Nearest::of(tree, &question.within, &basis.establishment);
    for place in tree.range(&question.within) {
        let cohort = cohorts.at(place).copied();
        let level = tree.level(place).filter(|level| {
            *level != Level::Park
                && tree.kind(place) == Some(AreaKind::Administrative)
                && basis.takes(question, cohort)
        });
        let rule = rules.at(place);
        let Some(level) = level else { continue };
        let counted = rule.map_or_else(Counted::default, |_| facts.counts.on(place, as_of));
        visit(&Eligible {
            seen: Seen {
                place,
                level,
                kind: None,
                cohort,
                month: None,
            },
            required: rule.and_then(|rule| rule.params.requires(level, counted.persons, counted.households)),
            asked_since: rule.map_or(NEVER, |rule| number_of(rule.since)),
            counted,
        });
    }
}

impl Due {
    /// The numbers it counts in.
    pub(super) fn parts(&self) -> impl Iterator<Item = Part> + use<> {
        let on_time = self.on_time.then_some(Part::Numerator);
        [Some(Part::Denominator), on_time].into_iter().flatten()
    }
}

/// Calls `visit` for each assignment that fell due in the subtree, in the order of paths.
pub(super) fn each_due(
    question: &Question,
    basis: &Basis,
    facts: &Facts,
    mut visit: impl FnMut(&Due, &Seen),
) {
    let tree = &facts.tree;
    let range = tree.range(&question.within);
    let mut due: Vec<(Place, &Due)> = basis
        .due
        .iter()
        .filter_map(|due| Some((tree.place_of(due.area)?, due)))
        .filter(|(place, _)| range.contains(place))
        .collect();
    due.sort_by_key(|(place, due)| (*place, due.id));
    let mut cohorts = Nearest::of(tree, &question.within, &basis.cohorts);
    for (place, due) in due {
        let cohort = cohorts.at(place).copied();
        if let Some(level) = tree.level(place).filter(|_| basis.takes(question, cohort)) {
            visit(
                due,
                &Seen {
                    place,
                    level,
                    kind: None,
                    cohort,
                    month: None,
                },
            );
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
            // One that was closed twice is one in all, and one in each of the months.
            let mut last = None;
            for ended in life.endings_in(days.from, days.to) {
                let month = month(ended);
                if last.replace(month) != Some(month) {
                    hit(Part::Numerator, month);
                }
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
        // What these count are no organizations.
        Metric::OrganizationCoverage
        | Metric::WorkCoverage
        | Metric::Fulfilment
        | Metric::OnTimeRate
        | Metric::Visited => {}
    }
}

/// The numbers of one figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Tally {
    numerator: i64,
    denominator: i64,
    undetermined: i64,
}

/// The counts of every metric by group.
struct Breakdown<'a> {
    groups: Groups<'a>,
    summed: bool,
    /// For each metric, its numbers by group.
    counts: Vec<Vec<Tally>>,
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
            counts.resize(group + 1, Tally::default());
        }
        if let Some(tally) = counts.get_mut(group) {
            match part {
                Part::Numerator => tally.numerator += 1,
                Part::Denominator => tally.denominator += 1,
                Part::Undetermined => tally.undetermined += 1,
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
            counts.resize(keys.len(), Tally::default());
            for number in &order {
                let (Some(counted), Some(key)) = (counts.get(*number), keys.get(*number)) else {
                    continue;
                };
                if self.summed || *counted != Tally::default() {
                    figures.push(figure(*metric, key.clone(), *counted));
                }
            }
        }
        figures
    }
}

fn figure(metric: Metric, group: GroupKey, tally: Tally) -> Figure {
    let Tally {
        numerator,
        denominator,
        undetermined,
    } = tally;
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
        undetermined,
    }
}
