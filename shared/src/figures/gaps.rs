//! 应建未建: the areas that should have something and have nothing, and those of which it cannot be told.

use super::Question;
use super::basis::Basis;
use super::facts::Facts;
use super::fold::{Covered, each_area, each_organization};
use super::rows::{Counted, number_of};
use crate::domain::area::Level;
use crate::domain::establishment::Requirement;
use crate::domain::program::Cohort;
use crate::ids::AreaId;

/// An area that lacks what its rule asks of it, or of which that cannot be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    pub id: AreaId,
    /// The code of the area.
    pub area: String,
    /// Its path, by which gaps are in order.
    pub path: String,
    pub level: Level,
    pub cohort: Option<Cohort>,
    /// What is missing; `undetermined` where a count is.
    pub required: Requirement,
    /// What was counted there last; not for everybody to see.
    pub counted: Counted,
}

/// Which gaps to list; all of them where nothing is named.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    pub levels: Vec<Level>,
    pub required: Vec<Requirement>,
}

impl Wanted {
    fn takes(&self, level: Level, required: Requirement) -> bool {
        (self.levels.is_empty() || self.levels.contains(&level))
            && (self.required.is_empty() || self.required.contains(&required))
    }
}

/// The gaps of a subtree on `as_of`, by path, behind the path `after`: at most `limit`.
pub fn gaps(
    question: &Question,
    basis: &Basis,
    facts: &Facts,
    wanted: &Wanted,
    after: Option<&str>,
    limit: usize,
) -> Vec<Gap> {
    let tree = &facts.tree;
    let as_of = number_of(question.as_of);
    let mut covered = Covered::default();
    each_organization(question, basis, facts, |row| covered.note(row, as_of));
    let mut covered = covered.walk();
    let mut found = Vec::new();
    each_area(question, basis, facts, |area| {
        let (place, level) = (area.seen.place, area.seen.level);
        let Some(required) = area.required.filter(|_| found.len() < limit) else {
            return;
        };
        if !wanted.takes(level, required) || area.fulfils(&mut covered) == Some(true) {
            return;
        }
        let path = tree.path(place);
        if let Some(id) = tree.id(place)
            && after.is_none_or(|after| path.as_str() > after)
        {
            found.push(Gap {
                id,
                area: tree.code(place).to_owned(),
                path,
                level,
                cohort: area.seen.cohort,
                required,
                counted: area.counted,
            });
        }
    });
    found
}
