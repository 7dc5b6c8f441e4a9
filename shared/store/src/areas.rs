//! The tree of administrative divisions, with its history.

mod agreement;
mod change;
mod correspondence;
mod divide;
mod edition;
mod end;
mod former;
mod future;
mod origins;
mod past;
mod read;
mod record;
mod reopen;
mod segments;
mod subtree;
mod successions;
mod update;

pub use agreement::Agreement;
pub use change::{Turn, move_under, rekind, rename};
pub use correspondence::{Change, Correspondence, correspondence};
pub use divide::{NewPart, split};
pub use edition::{Edition, Plan, ReadyStep, registered_of, take_steps, try_steps};
pub use end::{close, merge};
pub use former::{Became, Former, former};
pub use past::{Stood, ancestors_on, asked_about, find_on, list_on, paths_ever, resolve};
pub use read::{
    ancestors, as_last_known, by_codes, by_former_codes, by_id, by_ids, codes, contains_pattern, count,
    created_at, find, find_anywhere, find_or_ancestor, last_change, list, names_on, newer_than, on_day,
    paths,
};
pub use record::{NewArea, create, set_up};
pub use reopen::{find_ended, reopen};
pub use segments::{first_days, refuse_days_before};
pub use subtree::Subtree;
pub use successions::{Succession, of_area as successions_of};

use chrono::NaiveDate;
use diesel::prelude::*;
use qiaojian_domain::area::update::Registered;
use qiaojian_domain::area::{AreaKind, Level, Standing};
use qiaojian_domain::clock::UtcTime;
use qiaojian_domain::ids::AreaId;
use serde::Serialize;

use crate::db::schema::area_versions;
use crate::predicates::head;

/// One version of an area.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Queryable, Selectable, Insertable)]
#[diesel(table_name = area_versions)]
pub struct AreaVersion {
    pub area_id: AreaId,
    pub version: i64,
    pub recorded_seq: i64,
    pub recorded_at: UtcTime,
    pub superseded_seq: Option<i64>,
    pub superseded_at: Option<UtcTime>,
    pub valid_from: NaiveDate,
    pub valid_to: Option<NaiveDate>,
    pub code: String,
    pub name: String,
    pub parent_id: Option<AreaId>,
    pub path: String,
    pub level: Level,
    pub kind: AreaKind,
    pub reason: Option<String>,
    /// Whether this is the last version of an area that was closed or merged.
    pub ended: bool,
}

impl AreaVersion {
    /// Returns the properties that the rules check.
    pub fn standing(&self) -> Standing<'_> {
        Standing {
            level: self.level,
            path: &self.path,
        }
    }

    /// Returns the area with all its descendants.
    pub fn subtree(&self) -> Subtree {
        Subtree::rooted_at(&self.path)
    }

    /// Returns the properties that a new edition of the list is compared with.
    pub fn registered(&self) -> Registered {
        Registered {
            code: self.code.clone(),
            level: self.level,
            parent: self.ancestor_codes().last().map(|code| (*code).to_owned()),
            name: self.name.clone(),
            kind: self.kind,
        }
    }

    /// Returns the codes of its ancestors, from the province down.
    pub fn ancestor_codes(&self) -> Vec<&str> {
        let mut codes: Vec<&str> = self.path.split_terminator('/').collect();
        codes.pop();
        codes
    }
}

type Heads = diesel::dsl::Filter<
    area_versions::table,
    diesel::dsl::And<
        diesel::dsl::IsNull<area_versions::superseded_seq>,
        diesel::dsl::IsNull<area_versions::valid_to>,
    >,
>;

/// Returns the current areas as latest known.
fn heads() -> Heads {
    area_versions::table.filter(head!(area_versions))
}

/// The filter of a list of areas.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Only children of this area.
    pub parent: Option<AreaId>,
    /// Only these levels.
    pub levels: Vec<Level>,
    /// Only these kinds; administrative areas if empty.
    pub kinds: Vec<AreaKind>,
    /// Only names that contain this text.
    pub name_contains: Option<String>,
}

impl Filter {
    /// Returns a filter that includes every kind of area, not only divisions.
    pub fn every_kind() -> Self {
        Self {
            kinds: AreaKind::ALL.to_vec(),
            ..Self::default()
        }
    }

    /// Returns the kinds that the filter includes.
    fn kinds_shown(&self) -> Vec<AreaKind> {
        if self.kinds.is_empty() {
            vec![AreaKind::Administrative]
        } else {
            self.kinds.clone()
        }
    }
}
