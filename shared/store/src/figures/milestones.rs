//! Milestones: the first day on which a goal was reached; each is reached at most once.

mod past;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::ops::Range;

use qiaojian_domain::area::{AreaKind, Level};
use qiaojian_domain::ids::{AreaId, OrganizationId};
use qiaojian_domain::milestone::MilestoneKind;
use qiaojian_domain::organization::Host;

pub use past::{After, Changed, PastEra};

use super::basis::{Basis, Nearest};
use super::by_place::Organizations;
use super::facts::Facts;
use super::rows::{DayNumber, day_of, number_of};
use super::tree::{Place, Tree};
use crate::Subtree;

/// A period in which neither the tree nor the rules changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Era {
    pub from: chrono::NaiveDate,
    /// Its last day.
    pub to: chrono::NaiveDate,
}

/// A goal: its kind, the area, and the level (`None` if it spans several levels).
pub type Goal = (MilestoneKind, AreaId, Option<Level>);

/// A reached goal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reached {
    pub goal: Goal,
    /// The day on which it was reached.
    pub(super) on: DayNumber,
    /// The organizations that reached it, by area and id: they count there from that day on.
    pub by: Vec<OrganizationId>,
}

impl Reached {
    /// Returns the day on which it was reached.
    pub fn day(&self) -> Option<chrono::NaiveDate> {
        day_of(self.on)
    }
}

/// Returns the goals that the areas of `within` reached in an era, each with its earliest day. `facts` are those of the
/// era's last day.
pub fn reached(facts: &Facts, basis: &Basis, within: &Subtree, era: Era) -> Vec<Reached> {
    let spans = spans((&facts.tree, &facts.organizations), basis, within, era);
    reached_by((&facts.tree, basis), within, &spans)
}

/// Like [`reached`], for known spans.
fn reached_by((tree, basis): (&Tree, &Basis), within: &Subtree, spans: &[Span]) -> Vec<Reached> {
    let places = tree.range(within);
    let mut found = firsts(tree, &places, spans);
    found.extend(coverages((tree, basis), within, &places, spans));
    found
}

/// A period in which an organization counts in one place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Span {
    place: Place,
    level: Level,
    id: OrganizationId,
    /// False for organizations hosted by a university or an enterprise, which do not cover their area.
    covers: bool,
    from: DayNumber,
    /// The first day on which it no longer counts.
    to: DayNumber,
    /// The day since which it counts there, possibly before the era.
    since: DayNumber,
}

/// Returns the periods of the era in which organizations count, by place, and within a place by organization. Liaison
/// posts are excluded.
fn spans(
    (tree, organizations): (&Tree, &Organizations),
    basis: &Basis,
    within: &Subtree,
    era: Era,
) -> Vec<Span> {
    let mut cohorts = Nearest::of(tree, within, &basis.cohorts);
    let (first, end) = (number_of(era.from), number_of(era.to).saturating_add(1));
    let mut spans = Vec::new();
    for (place, id, stretch, breaks) in organizations.within(tree.range(within)) {
        if !stretch.kind.is_organization() || !basis.trusts(stretch) {
            continue;
        }
        if !basis.counts_cohort(cohorts.at(place).copied()) {
            continue;
        }
        let Some(level) = tree.level(place) else { continue };
        let life = basis.life(stretch, breaks);
        let since = life.began.max(stretch.from);
        let mut span = Span {
            place,
            level,
            id,
            covers: stretch.host == Host::Area,
            from: since.max(first),
            to: end,
            since,
        };
        let last = life.ended.min(stretch.to).min(end);
        for (closed, reopened) in breaks
            .iter()
            .map(|time| (time.from, time.to))
            .chain([(last, last)])
        {
            span.to = closed.min(last);
            if span.from < span.to {
                spans.push(span);
            }
            span.from = span.from.max(reopened);
            span.since = reopened;
        }
    }
    spans
}

fn is_root(kind: MilestoneKind, tree: &Tree, places: &Range<Place>, place: Place) -> bool {
    places.contains(&place) && tree.level(place).is_some_and(|level| kind.is_of(level))
}

/// Returns the first organization at each level of each city and county.
fn firsts(tree: &Tree, places: &Range<Place>, spans: &[Span]) -> Vec<Reached> {
    let kind = MilestoneKind::FirstAtLevel;
    let mut found: BTreeMap<(Place, Level), (DayNumber, Vec<OrganizationId>)> = BTreeMap::new();
    for span in spans {
        let roots = tree.upwards(span.place);
        for root in roots.filter(|root| is_root(kind, tree, places, *root)) {
            // A county's own federation is not a first within the county.
            if root == span.place && !kind.may_be_about(span.level, span.level) {
                continue;
            }
            let (on, by) = found
                .entry((root, span.level))
                .or_insert_with(|| (span.from, Vec::new()));
            if span.from < *on {
                *on = span.from;
                by.clear();
            }
            if span.from == *on {
                by.push(span.id);
            }
        }
    }
    let found = found.into_iter().filter_map(|((root, level), (on, by))| {
        let goal = (kind, tree.id(root)?, Some(level));
        Some(Reached { goal, on, by })
    });
    found.collect()
}

/// The places that a goal of coverage comprises, and when they are covered.
#[derive(Debug, Default)]
struct Cover {
    /// The number of places at each level.
    places: BTreeMap<Level, u32>,
    /// The number of places that are ever covered.
    ever: u32,
    /// The change in the number of covered places on a day.
    steps: Vec<(DayNumber, i32)>,
}

impl Cover {
    /// Returns the first day on which all of them are covered.
    fn first_day(mut self) -> Option<DayNumber> {
        let all: u32 = self.places.values().sum();
        if self.ever < all {
            return None;
        }
        let all = i32::try_from(all).ok()?;
        self.steps.sort_unstable();
        let mut covered = 0;
        for day in self.steps.chunk_by(|one, next| one.0 == next.0) {
            covered += day.iter().map(|(_, more)| more).sum::<i32>();
            if covered == all {
                return day.first().map(|(day, _)| *day);
            }
        }
        None
    }
}

/// A goal of coverage: the area and the level, or `None` for all three tiers of a county.
type Covering = (Place, Option<Level>);

/// Returns the goals of coverage that include a place.
fn parts<'a>(
    tree: &'a Tree,
    places: &'a Range<Place>,
    (place, level): (Place, Level),
) -> impl Iterator<Item = Covering> + 'a {
    tree.upwards(place).flat_map(move |root| {
        let below = is_root(MilestoneKind::FullCoverage, tree, places, root) && root != place;
        // A county that exists only in statistics has no organization of its own to establish.
        let three_tier = is_root(MilestoneKind::ThreeTierFullCoverage, tree, places, root)
            && tree.kind(root) == Some(AreaKind::Administrative);
        let one = below.then_some((root, Some(level)));
        let three = three_tier.then_some((root, None));
        one.into_iter().chain(three)
    })
}

fn coverages(
    (tree, basis): (&Tree, &Basis),
    within: &Subtree,
    places: &Range<Place>,
    spans: &[Span],
) -> Vec<Reached> {
    let mut covers: BTreeMap<Covering, Cover> = BTreeMap::new();
    let mut cohorts = Nearest::of(tree, within, &basis.cohorts);
    let mut rest = spans;
    for place in places.clone() {
        let ahead = rest.iter().take_while(|span| span.place == place).count();
        let (own, behind) = rest.split_at(ahead);
        rest = behind;
        let counts = basis.counts_cohort(cohorts.at(place).copied());
        let level = tree.level(place).filter(|level| {
            counts && *level != Level::Park && tree.kind(place) == Some(AreaKind::Administrative)
        });
        let Some(level) = level else { continue };
        let covered = together(own.iter().filter(|span| span.covers));
        for part in parts(tree, places, (place, level)) {
            let cover = covers.entry(part).or_default();
            *cover.places.entry(level).or_default() += 1;
            cover.ever += u32::from(!covered.is_empty());
            let steps = covered.iter().flat_map(|(from, to)| [(*from, 1), (*to, -1)]);
            cover.steps.extend(steps);
        }
    }
    let reached = covers.into_iter().filter_map(|((root, level), cover)| {
        let tiers = [Level::County, Level::Township, Level::Village];
        let is_whole = level.is_some() || tiers.iter().all(|tier| cover.places.contains_key(tier));
        let on = is_whole.then(|| cover.first_day()).flatten()?;
        let kind = match level {
            Some(_) => MilestoneKind::FullCoverage,
            None => MilestoneKind::ThreeTierFullCoverage,
        };
        Some(Reached {
            goal: (kind, tree.id(root)?, level),
            on,
            by: completed(&tree.below(root), level, on, spans),
        })
    });
    reached.collect()
}

/// Returns the days on which any of these counts, as disjoint spans that do not touch.
fn together<'a>(spans: impl Iterator<Item = &'a Span>) -> Vec<(DayNumber, DayNumber)> {
    let mut days: Vec<_> = spans.map(|span| (span.from, span.to)).collect();
    days.sort_unstable();
    let mut merged: Vec<(DayNumber, DayNumber)> = Vec::new();
    for (from, to) in days {
        match merged.last_mut() {
            Some((_, end)) if from <= *end => *end = to.max(*end),
            _ => merged.push((from, to)),
        }
    }
    merged
}

/// Returns the organizations below a root that began to cover their area on a day; empty if the goal was reached by a
/// change of the tree.
fn completed(
    below: &Range<Place>,
    level: Option<Level>,
    on: DayNumber,
    spans: &[Span],
) -> Vec<OrganizationId> {
    let first = spans.partition_point(|span| span.place < below.start);
    let own = spans.iter().skip(first).take_while(|span| span.place < below.end);
    own.filter(|span| span.covers && span.since == on && span.level != Level::Park)
        .filter(|span| level.is_none_or(|level| span.level == level))
        .map(|span| span.id)
        .collect()
}
