//! Milestones: the first day on which something was there that then never has to be there for the first time again.

use std::collections::BTreeMap;
use std::ops::Range;

use super::basis::{Basis, Nearest};
use super::facts::Facts;
use super::rows::{DayNumber, day_of, number_of};
use super::tree::{Place, Tree};
use crate::domain::area::{AreaKind, Level};
use crate::domain::milestone::MilestoneKind;
use crate::domain::organization::Host;
use crate::ids::{AreaId, OrganizationId};
use crate::store::Subtree;

/// A stretch of days on which neither the tree nor the rules changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Era {
    pub from: chrono::NaiveDate,
    /// Its last day.
    pub to: chrono::NaiveDate,
}

/// What is reached once: what, by which area, at which level; no level where several are meant.
pub type Goal = (MilestoneKind, AreaId, Option<Level>);

/// When a goal was reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reached {
    pub goal: Goal,
    /// The first day.
    pub(super) on: DayNumber,
    /// The organizations that began to count on that day, by area and id.
    pub by: Vec<OrganizationId>,
}

impl Reached {
    /// The day it was reached.
    pub fn day(&self) -> Option<chrono::NaiveDate> {
        day_of(self.on)
    }
}

/// What the areas of `within` reached in an era, the earliest day of each goal. `facts` are those of the era's last day.
pub fn reached(facts: &Facts, basis: &Basis, within: &Subtree, era: Era) -> Vec<Reached> {
    let places = facts.tree.range(within);
    let spans = spans(facts, basis, within, era);
    let mut found = firsts(&facts.tree, &places, &spans);
    found.extend(coverages((&facts.tree, basis), within, &places, &spans));
    found
}

/// Days on which an organization counts in one place.
#[derive(Debug, Clone, Copy)]
struct Span {
    place: Place,
    level: Level,
    id: OrganizationId,
    /// What a university or an enterprise carries does not cover its area.
    covers: bool,
    from: DayNumber,
    /// The first day on which it does not count.
    to: DayNumber,
}

/// The days of the era on which organizations count, by place. Liaison posts are none.
fn spans(facts: &Facts, basis: &Basis, within: &Subtree, era: Era) -> Vec<Span> {
    let tree = &facts.tree;
    let mut cohorts = Nearest::of(tree, within, &basis.cohorts);
    let (first, end) = (number_of(era.from), number_of(era.to).saturating_add(1));
    let mut spans = Vec::new();
    for (place, id, stretch, breaks) in facts.organizations.within(tree.range(within)) {
        if !stretch.kind.is_organization() || !basis.trusts(stretch) {
            continue;
        }
        if !basis.counts_cohort(cohorts.at(place).copied()) {
            continue;
        }
        let Some(level) = tree.level(place) else { continue };
        let life = basis.life(stretch, breaks);
        let mut span = Span {
            place,
            level,
            id,
            covers: stretch.host == Host::Area,
            from: life.began.max(stretch.from).max(first),
            to: end,
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
        }
    }
    spans
}

fn is_root(kind: MilestoneKind, tree: &Tree, places: &Range<Place>, place: Place) -> bool {
    places.contains(&place) && tree.level(place).is_some_and(|level| kind.is_of(level))
}

/// The first organization at each level of each city and county.
fn firsts(tree: &Tree, places: &Range<Place>, spans: &[Span]) -> Vec<Reached> {
    let kind = MilestoneKind::FirstAtLevel;
    let mut found: BTreeMap<(Place, Level), (DayNumber, Vec<OrganizationId>)> = BTreeMap::new();
    for span in spans {
        let roots = tree.upwards(span.place);
        for root in roots.filter(|root| is_root(kind, tree, places, *root)) {
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

/// The places that a goal of coverage is about, and when they are covered.
#[derive(Debug, Default)]
struct Cover {
    /// How many there are at each level.
    places: BTreeMap<Level, u32>,
    /// How many of them are ever covered.
    ever: u32,
    /// On this day so many more are covered.
    steps: Vec<(DayNumber, i32)>,
}

impl Cover {
    /// The first day on which all of them are covered.
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

/// What a goal of coverage is about: of which area, and of which level; all three of a county where none is said.
type Covering = (Place, Option<Level>);

/// The goals of coverage that a place has a part in.
fn parts<'a>(
    tree: &'a Tree,
    places: &'a Range<Place>,
    (place, level): (Place, Level),
) -> impl Iterator<Item = Covering> + 'a {
    tree.upwards(place).flat_map(move |root| {
        let below = is_root(MilestoneKind::FullCoverage, tree, places, root) && root != place;
        // A county that exists in statistics only has no organization of its own to found.
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

/// The days on which any of these counts, as spans that do not touch.
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

/// The organizations below a root that began to cover their area on a day.
fn completed(
    below: &Range<Place>,
    level: Option<Level>,
    on: DayNumber,
    spans: &[Span],
) -> Vec<OrganizationId> {
    let first = spans.partition_point(|span| span.place < below.start);
    let own = spans.iter().skip(first).take_while(|span| span.place < below.end);
    own.filter(|span| span.covers && span.from == on && span.level != Level::Park)
        .filter(|span| level.is_none_or(|level| span.level == level))
        .map(|span| span.id)
        .collect()
}

#[cfg(test)]
mod tests {
    use chrono::NaiveDate;
    use uuid::Uuid;

    use super::*;
    use crate::domain::organization::{FiveHave, Kind, PreciseDate, Status, Verification};
    use crate::figures::{Organizations, TreeRow, VersionFacts};

    const PATHS: [&str; 8] = [
        "340000/",
        "340000/340300/",
        "340000/340300/340304/",
        "340000/340300/340304/340304001/",
        "340000/340300/340304/340304001/340304001001/",
        "340000/340300/340304/340304002/",
        "340000/340300/340322/",
        "340000/340300/340322/340322100/",
    ];

    fn date(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    /// A village office: which place, what, from when until when.
    type Spec = (&'static str, Kind, Host, &'static str, Option<&'static str>);

    fn own(code: &'static str, from: &'static str, to: Option<&'static str>) -> Spec {
        (code, Kind::Federation, Host::Area, from, to)
    }

    fn facts(specs: &[Spec]) -> Facts {
        let tree = Tree::build(PATHS.iter().zip(1_u128..).map(|(path, number)| {
            let code = path.trim_end_matches('/').rsplit('/').next().unwrap();
            TreeRow {
                id: AreaId(Uuid::from_u128(number)),
                path: (*path).to_owned(),
                level: Level::of_code(code).unwrap(),
                kind: AreaKind::Administrative,
            }
        }));
        let mut organizations = Organizations::default();
        for ((code, kind, host, from, to), number) in specs.iter().zip(1_u128..) {
            let place = tree.all().find(|place| tree.code(*place) == *code).unwrap();
            let version = VersionFacts {
                valid_from: date(from),
                valid_to: None,
                status: Status::Established,
                kind: *kind,
                host: *host,
                verification: Verification::Unverified,
                approved: None,
                established: Some(PreciseDate::day(date(from))),
                unveiled: None,
                closed: to.map(|to| PreciseDate::day(date(to))),
                five_have: FiveHave::default(),
                reopenings: Vec::new(),
            };
            organizations.add(OrganizationId(Uuid::from_u128(number)), &[(place, version)]);
        }
        Facts {
            tree,
            organizations,
            ..Facts::default()
        }
    }

    const ERA: (&str, &str) = ("2020-01-01", "2022-06-24");

    /// Each as `kind code level: day by numbers`, in the order of words.
    fn told(facts: &Facts, within: &str, (from, to): (&str, &str)) -> Vec<String> {
        let era = Era {
            from: date(from),
            to: date(to),
        };
        let found = reached(facts, &Basis::default(), &Subtree::rooted_at(within), era);
        let mut told: Vec<String> = found
            .iter()
            .map(|one| {
                let (kind, area, level) = one.goal;
                let code = facts.tree.code(facts.tree.place_of(area).unwrap());
                let level = level.map_or("-", Level::as_str);
                let by: Vec<u128> = one.by.iter().map(|id| id.0.as_u128()).collect();
                format!("{kind} {code} {level}: {} {by:?}", one.day().unwrap())
            })
            .collect();
        told.sort();
        told
    }

    #[test]
    fn the_first_is_the_first_for_ever_and_several_may_be_on_one_day() {
        let facts = facts(&[
            own("340304001", "2022-03-31", Some("2022-04-10")),
            own("340304002", "2022-03-31", None),
            own("340322100", "2022-05-24", None),
            ("340304", Kind::LiaisonPost, Host::Area, "2021-01-01", None),
            ("340322", Kind::WorkStation, Host::University, "2022-02-01", None),
        ]);
        let told = told(&facts, "340000/", ERA);
        assert_eq!(
            told,
            [
                "first_at_level 340300 county: 2022-02-01 [5]",
                "first_at_level 340300 township: 2022-03-31 [1, 2]",
                "first_at_level 340304 township: 2022-03-31 [1, 2]",
                "first_at_level 340322 county: 2022-02-01 [5]",
                "first_at_level 340322 township: 2022-05-24 [3]",
                "full_coverage 340304 township: 2022-03-31 [1, 2]",
                "full_coverage 340322 township: 2022-05-24 [3]",
            ]
        );
    }

    #[test]
    fn a_level_is_covered_on_the_first_day_on_which_all_are_at_once() {
        // The one closes before the other begins; a third comes later.
        let apart = [
            own("340304001", "2021-03-01", Some("2021-05-01")),
            own("340304002", "2021-05-01", None),
        ];
        let never = told(&facts(&apart), "340000/", ERA);
        assert!(never.iter().all(|one| !one.starts_with("full")), "{never:?}");
        let again = [apart.as_slice(), &[own("340304001", "2022-01-05", None)]].concat();
        let later = told(&facts(&again), "340000/", ERA);
        assert!(
            later.contains(&"full_coverage 340304 township: 2022-01-05 [3]".to_owned()),
            "{later:?}"
        );
        // One day before, it was not.
        let before = told(&facts(&again), "340000/", (ERA.0, "2022-01-04"));
        assert!(before.iter().all(|one| !one.starts_with("full")), "{before:?}");
    }

    #[test]
    fn three_tiers_are_the_county_its_townships_and_its_villages() {
        let all = [
            own("340304", "2022-03-01", None),
            own("340304001", "2022-03-10", None),
            own("340304002", "2022-03-20", None),
            own("340304001001", "2022-03-31", None),
        ];
        let told_all = told(&facts(&all), "340000/", ERA);
        assert!(
            told_all.contains(&"three_tier_full_coverage 340304 -: 2022-03-31 [4]".to_owned()),
            "{told_all:?}"
        );
        for missing in 0..all.len() {
            let mut some = all.to_vec();
            some.remove(missing);
            let told = told(&facts(&some), "340000/", ERA);
            assert!(told.iter().all(|one| !one.starts_with("three")), "{told:?}");
        }
        // A county without villages has no three tiers.
        let two = [
            own("340322", "2022-03-01", None),
            own("340322100", "2022-03-01", None),
        ];
        let told_two = told(&facts(&two), "340000/", ERA);
        assert!(
            told_two.iter().all(|one| !one.starts_with("three")),
            "{told_two:?}"
        );
        // A liaison post, or what an enterprise carries, is no organization of the village's own.
        for (kind, host) in [
            (Kind::LiaisonPost, Host::Area),
            (Kind::WorkStation, Host::Enterprise),
        ] {
            let mut some = all.to_vec();
            some[3] = ("340304001001", kind, host, "2022-03-31", None);
            let told = told(&facts(&some), "340000/", ERA);
            assert!(told.iter().all(|one| !one.starts_with("three")), "{told:?}");
        }
    }

    #[test]
    fn a_later_era_begins_with_what_stands_and_a_subtree_tells_its_own() {
        let facts = facts(&[
            own("340304001", "2021-03-01", None),
            own("340304002", "2022-03-01", None),
        ]);
        let told_later = told(&facts, "340000/340300/340304/", ("2022-01-01", "2022-06-24"));
        assert_eq!(
            told_later,
            [
                "first_at_level 340304 township: 2022-01-01 [1]",
                "full_coverage 340304 township: 2022-03-01 [2]",
            ]
        );
    }
}
