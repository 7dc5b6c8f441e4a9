//! 应建未建 (gaps): the areas that lack what they are required to have, and those for which this cannot be determined.

use std::collections::{BTreeMap, HashMap};

use chrono::NaiveDate;
use qiaojian_domain::area::Level;
use qiaojian_domain::establishment::Requirement;
use qiaojian_domain::ids::AreaId;
use qiaojian_domain::program::Cohort;

use super::Question;
use super::basis::{Basis, left_by};
use super::by_place::Counted;
use super::facts::Facts;
use super::rows::{DayNumber, day_of, number_of};
use super::taking_part::{Covered, each_area, each_organization};
use super::tree::Place;

/// An area that lacks what its rule requires, or for which this cannot be determined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    pub id: AreaId,
    /// The code of the area.
    pub area: String,
    /// The path, which is the sort key of gaps.
    pub path: String,
    pub level: Level,
    pub cohort: Option<Cohort>,
    /// What is missing; `undetermined` if a count is missing.
    pub required: Requirement,
    /// Since when it is missing, by the rule and the counts of `as_of`: the rule requires it, the area exists, and what
    /// it had has ended.
    pub since: NaiveDate,
    /// The latest counts of the area; not visible to every caller.
    pub counted: Counted,
}

/// The filter of a list of gaps; empty includes all.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    pub levels: Vec<Level>,
    pub required: Vec<Requirement>,
    /// Only gaps that existed on this day already.
    pub since_by: Option<NaiveDate>,
}

impl Wanted {
    fn takes_level(&self, level: Level) -> bool {
        self.levels.is_empty() || self.levels.contains(&level)
    }

    fn takes(&self, level: Level, required: Requirement) -> bool {
        self.takes_level(level) && (self.required.is_empty() || self.required.contains(&required))
    }
}

/// Gaps, and the number of areas without a rule.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Gaps {
    pub found: Vec<Gap>,
    /// Number of areas of the requested levels for which no establishment rule applies.
    pub unruled: u32,
}

/// Returns the gaps of a subtree on `as_of`, by path, after the path `after`: at most `limit`. `newer` contains the
/// areas that came into existence after the rules took effect.
pub fn gaps(
    question: &Question,
    basis: &Basis,
    facts: &Facts,
    wanted: &Wanted,
    newer: &HashMap<AreaId, NaiveDate>,
    (after, limit): (Option<&str>, usize),
) -> Gaps {
    let tree = &facts.tree;
    let as_of = number_of(question.as_of);
    let mut covered = Covered::default();
    each_organization(question, basis, facts, |row| covered.note(row, as_of));
    let mut covered = covered.walk();
    let left = Left::of(question, basis, facts);
    let Gaps {
        mut found,
        mut unruled,
    } = Gaps::default();
    each_area(question, basis, facts, |area| {
        let (place, level) = (area.seen.place, area.seen.level);
        let Some(required) = area.required else {
            unruled += u32::from(wanted.takes_level(level));
            return;
        };
        if found.len() >= limit {
            return;
        }
        if !wanted.takes(level, required) || area.fulfils(&mut covered) == Some(true) {
            return;
        }
        let Some(id) = tree.id(place) else { return };
        let there = newer.get(&id).copied().map(number_of);
        let since = there.max(left.since(place, required)).max(Some(area.asked_since));
        let Some(since) = since.and_then(day_of) else {
            return;
        };
        let path = tree.path(place);
        if wanted.since_by.is_none_or(|day| since <= day) && after.is_none_or(|after| path.as_str() > after) {
            found.push(Gap {
                id,
                area: tree.code(place).to_owned(),
                path,
                level,
                cohort: area.seen.cohort,
                required,
                since,
                counted: area.counted,
            });
        }
    });
    Gaps { found, unruled }
}

/// When places lost the last of what had covered them.
#[derive(Default)]
struct Left {
    organizations: BTreeMap<Place, DayNumber>,
    liaison_posts: BTreeMap<Place, DayNumber>,
}

impl Left {
    fn of(question: &Question, basis: &Basis, facts: &Facts) -> Self {
        let as_of = number_of(question.as_of);
        let mut left = Self::default();
        for (place, _, stretch, breaks) in facts.organizations.within(facts.tree.range(&question.within)) {
            let Some(day) = left_by(stretch, basis.life(stretch, breaks), as_of) else {
                continue;
            };
            if basis.trusts(stretch) {
                let places = if stretch.kind.is_organization() {
                    &mut left.organizations
                } else {
                    &mut left.liaison_posts
                };
                let last = places.entry(place).or_insert(day);
                *last = day.max(*last);
            }
        }
        left
    }

    /// Returns since when the required thing is missing; `None` if it never existed or the requirement is undetermined.
    fn since(&self, place: Place, required: Requirement) -> Option<DayNumber> {
        let (organization, post) = (self.organizations.get(&place), self.liaison_posts.get(&place));
        match required {
            Requirement::Organization => organization.copied(),
            Requirement::LiaisonPost => organization.max(post).copied(),
            Requirement::Undetermined => None,
        }
    }
}
