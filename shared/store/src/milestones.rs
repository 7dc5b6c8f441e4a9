//! Milestones (零突破、三级全覆盖、全覆盖): computed from the register for a day and a transaction time, and recorded once by a
//! worker, so that a milestone undone by a later correction is still reported, as withdrawn (docs/decisions/0011).

mod eras;
mod memory;
mod noting;
pub mod rows;

use std::collections::HashMap;

use chrono::NaiveDate;
use diesel::QueryResult;
use qiaojian_domain::area::Level;
use qiaojian_domain::ids::{AreaId, OrganizationId, ProgramId};
use qiaojian_domain::milestone::{MilestoneKind, MilestoneState};

use eras::Question;
pub use memory::Memory;
pub use noting::{are_noted, note, to_look_at, unnoted};
use rows::{MOST_NAMED, Named, Once};

use crate::db::AnyConnection;
use crate::figures::{Facts, Held, ReadModel};
use crate::rules::RuleRef;
use crate::{Recorded, StoreResult, Subtree};

/// The parameters of a query.
#[derive(Debug, Clone)]
pub struct Asked {
    /// A path in the tree of `as_of`.
    pub within: Subtree,
    pub as_of: NaiveDate,
    pub known: Recorded,
    /// The name of the counting rule. The one that binds the province applies, whoever asks.
    pub basis: String,
    /// The programme whose cohorts apply, if the counting rule counts only some cohorts.
    pub program: Option<ProgramId>,
}

/// A milestone of an area.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Milestone {
    pub kind: MilestoneKind,
    pub area: AreaId,
    pub code: String,
    pub path: String,
    pub area_level: Level,
    /// The level it is about; `None` if it spans several levels.
    pub level: Option<Level>,
    pub reached_on: NaiveDate,
    pub state: MilestoneState,
    /// When it was recorded, if it was.
    pub noted: Option<Recorded>,
    pub evidence: Evidence,
}

/// The organizations that reached it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Evidence {
    /// By the current state: those that began to count on that day.
    Computed(Vec<OrganizationId>),
    /// For a withdrawn milestone: the recorded ones, and their number.
    Noted(Vec<Named>, i64),
}

/// Returns the organizations that reached each of these milestones, with their names on that day, at most
/// [`MOST_NAMED`] each; and their number.
///
/// # Errors
/// Returns an error if the database fails.
pub fn named(
    conn: &mut AnyConnection,
    found: &[Milestone],
    known: Recorded,
) -> QueryResult<Vec<(Vec<Named>, i64)>> {
    let mut wanted = Vec::new();
    for one in found {
        if let Evidence::Computed(ids) = &one.evidence {
            wanted.extend(ids.iter().take(MOST_NAMED).map(|id| (*id, one.reached_on)));
        }
    }
    let mut names = rows::names(conn, &wanted, known)?.into_iter();
    let mut evidence = |one: &Milestone| match &one.evidence {
        Evidence::Noted(named, count) => (named.clone(), *count),
        Evidence::Computed(ids) => {
            let named = ids.iter().take(MOST_NAMED).zip(&mut names);
            let named = named.map(|(id, name)| Named { id: *id, name });
            (named.collect(), i64::try_from(ids.len()).unwrap_or(i64::MAX))
        }
    };
    Ok(found.iter().map(&mut evidence).collect())
}

impl Milestone {
    const fn once(&self) -> Once {
        (self.kind, self.area, self.level, self.reached_on)
    }

    /// Returns the sort key of milestones: day, area, kind, level, state.
    pub fn place(&self) -> (NaiveDate, &str, MilestoneKind, Option<Level>, MilestoneState) {
        (self.reached_on, &self.path, self.kind, self.level, self.state)
    }
}

/// Milestones, and the rule they were evaluated with.
pub type Judged = (RuleRef, Vec<Milestone>);

/// Returns the milestones that areas of a subtree reached up to `as_of`, by day and area, with the rule they were
/// evaluated with; and those recorded before `known` that, by what is known now, were not reached on their day. Run it
/// in one snapshot (`db::snapshot`).
///
/// # Errors
/// [`crate::StoreError::NotFound`] if no rule has this name, or a database error.
pub fn standing(conn: &mut AnyConnection, asked: &Asked) -> StoreResult<Judged> {
    let question = Question::find(conn, asked)?;
    let eras = question.load(conn)?;
    let facts = Facts::load_uncounted(conn, &asked.within, asked.as_of, asked.known)?;
    let found = question.found(&eras, &facts);
    Ok((question.rule, with_noted(conn, asked, found)?))
}

/// The present state that a process holds: milestones as known at the reader's own clock are answered from it.
#[derive(Clone, Copy)]
pub struct Present<'a> {
    pub model: &'a ReadModel,
    pub memory: &'a Memory,
    /// Whether earlier eras that are not held may be loaded from rows, which is slow.
    pub may_load: bool,
}

/// Like [`standing`], for the present, from memory. `None` if something is not held and may not be loaded.
///
/// # Errors
/// Same as [`standing`].
pub fn standing_now(
    conn: &mut AnyConnection,
    asked: &Asked,
    present: Present<'_>,
) -> StoreResult<Option<Held<Judged>>> {
    let question = Question::find(conn, asked)?;
    let eras = match present.memory.eras(conn, &question, present.may_load)? {
        None => return Ok(None),
        Some(Held::Newer(seq)) => return Ok(Some(Held::Newer(seq))),
        Some(Held::Answer(eras)) => eras,
    };
    let fold = |facts: &Facts| question.found(&eras, facts);
    let held = present
        .model
        .with(conn, &asked.within, asked.as_of, asked.known, fold)?;
    Ok(Some(match held {
        Held::Newer(seq) => Held::Newer(seq),
        Held::Answer(found) => Held::Answer((question.rule, with_noted(conn, asked, found)?)),
    }))
}

/// Adds to the milestones found when they were recorded, and appends the recorded ones that no longer hold.
fn with_noted(
    conn: &mut AnyConnection,
    asked: &Asked,
    mut found: Vec<Milestone>,
) -> StoreResult<Vec<Milestone>> {
    let rows = rows::noted(conn, &asked.within, &asked.basis, asked.as_of, asked.known)?;
    let places: HashMap<Once, usize> = found.iter().map(Milestone::once).zip(0..).collect();
    let mut withdrawn = Vec::new();
    for (row, path) in rows {
        let noted = Recorded {
            seq: row.recorded_seq,
            at: row.recorded_at,
        };
        let (kind, area, level, reached_on) = row.once();
        let code = path.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
        let area_level = Level::of_code(code).unwrap_or(Level::County);
        if level.is_some_and(|level| !kind.may_be_about(area_level, level)) {
            continue; // recorded by an earlier version, which reported more
        }
        if let Some(stands) = places.get(&row.once()).and_then(|place| found.get_mut(*place)) {
            stands.noted = Some(noted);
            continue;
        }
        withdrawn.push(Milestone {
            kind,
            area,
            code: code.to_owned(),
            area_level,
            level,
            reached_on,
            state: MilestoneState::Withdrawn,
            noted: Some(noted),
            evidence: Evidence::Noted(row.named()?, row.organizations_count),
            path,
        });
    }
    found.append(&mut withdrawn);
    found.sort_by(|one, other| one.place().cmp(&other.place()));
    Ok(found)
}
