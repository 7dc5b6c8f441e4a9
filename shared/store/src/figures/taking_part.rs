//! Selects the organizations, areas and assignments of a subtree that are part of an answer, in path order.

use qiaojian_domain::area::{AreaKind, Level};
use qiaojian_domain::establishment::Requirement;
use qiaojian_domain::ids::OrganizationId;

use super::basis::{Basis, Due, Life, Nearest, covers};
use super::by_place::Counted;
use super::facts::Facts;
use super::groups::Seen;
use super::rows::{DayNumber, NEVER, Stretch, number_of};
use super::tree::{Place, Tree};
use super::{Metric, Part, Question};

/// An organization that is part of the answer.
#[derive(Clone, Copy)]
pub(super) struct Row<'a> {
    pub id: OrganizationId,
    pub stretch: &'a Stretch,
    pub life: Life<'a>,
    pub seen: Seen,
}

/// Calls `visit` for each organization of the subtree as of `as_of`, in path order.
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

/// The places that are covered, in order.
#[derive(Debug, Clone, Default)]
pub(super) struct Covered {
    by_organizations: Vec<Place>,
    by_liaison_posts: Vec<Place>,
    /// The counties that were visited.
    by_visits: Vec<Place>,
}

impl Covered {
    /// Creates an empty set, with the visits if the metric counts them.
    pub(super) fn for_metric(metric: Metric, basis: &Basis, tree: &Tree) -> Self {
        let mut covered = Self::default();
        if metric == Metric::Visited {
            let places = basis.visited.iter().filter_map(|area| tree.home_of(*area));
            let counties = places.filter_map(|place| tree.at_level(place, Level::County));
            covered.by_visits = counties.collect();
            covered.by_visits.sort_unstable();
        }
        covered
    }

    /// Adds an organization. Organizations must be added in order of places.
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

    /// Returns a cursor for lookups in order of places.
    pub(super) fn walk(&self) -> CoveredWalk<'_> {
        CoveredWalk {
            by_organizations: Walk(&self.by_organizations),
            by_liaison_posts: Walk(&self.by_liaison_posts),
            by_visits: Walk(&self.by_visits),
        }
    }
}

/// A cursor over ordered places: lookups must be in order, and each place is examined once.
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

/// Looks up whether places are covered. Lookups must be in order of places.
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

/// An area that can be covered, with what its rule requires.
#[derive(Debug, Clone, Copy)]
pub(super) struct Eligible {
    pub seen: Seen,
    pub required: Option<Requirement>,
    /// The first day on which the rule requires it.
    pub asked_since: DayNumber,
    pub counted: Counted,
}

impl Eligible {
    /// Returns whether it has what its rule requires; `None` if this cannot be determined.
    pub(super) fn fulfils(&self, covered: &mut CoveredWalk<'_>) -> Option<bool> {
        match self.required? {
            Requirement::Organization => Some(covered.has_organization(self.seen.place)),
            Requirement::LiaisonPost => Some(covered.has_anything(self.seen.place)),
            // An organization satisfies every possible requirement.
            Requirement::Undetermined => covered.has_organization(self.seen.place).then_some(true),
        }
    }

    /// Returns the numbers of the metric in which the area counts.
    pub(super) fn parts(
        &self,
        metric: Metric,
        covered: &mut CoveredWalk<'_>,
    ) -> impl Iterator<Item = Part> + use<> {
        let place = self.seen.place;
        let parts = match metric {
            Metric::OrganizationCoverage => of_whole(covered.has_organization(place)),
            Metric::WorkCoverage => of_whole(covered.has_anything(place)),
            Metric::Fulfilment if self.required.is_none() => [Some(Part::Unruled), None],
            Metric::Fulfilment => self
                .fulfils(covered)
                .map_or([Some(Part::Undetermined), None], of_whole),
            // A count, not a ratio.
            Metric::Visited => {
                let is_visited = self.seen.level == Level::County && covered.by_visits.has(place);
                [is_visited.then_some(Part::Numerator), None]
            }
            _ => [None, None],
        };
        parts.into_iter().flatten()
    }
}

/// Returns the numbers of a ratio in which something counts.
pub(super) fn of_whole(is_part: bool) -> [Option<Part>; 2] {
    let part = if is_part { Part::Numerator } else { Part::Missing };
    [Some(Part::Denominator), Some(part)]
}

/// Calls `visit` for each area of the subtree that can be covered, in path order. Statistical and placeholder areas and
/// parks are never eligible.
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
        let asking = rules.at(place);
        let Some(level) = level else { continue };
        let asked = asking.and_then(|asking| asking.of(level));
        let counted = asked.map_or_else(Counted::default, |_| facts.counts.on(place, as_of));
        visit(&Eligible {
            seen: Seen {
                place,
                level,
                kind: None,
                cohort,
                month: None,
            },
            required: asked.map(|(asks, _)| asks.requires(counted.persons, counted.households)),
            asked_since: asked.map_or(NEVER, |(_, since)| number_of(since)),
            counted,
        });
    }
}

impl Due {
    /// Returns the numbers in which it counts.
    pub(super) fn parts(&self) -> impl Iterator<Item = Part> + use<> {
        of_whole(self.on_time).into_iter().flatten()
    }
}

/// Calls `visit` for each assignment of the subtree that fell due, in path order.
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
        .filter_map(|due| Some((tree.home_of(due.area)?, due)))
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
