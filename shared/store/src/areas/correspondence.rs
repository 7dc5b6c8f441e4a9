//! The correspondence between the codes of two days.

use std::collections::{BTreeSet, HashMap};

use chrono::NaiveDate;
use diesel::prelude::*;
use qiaojian_domain::area::SuccessionKind;
use qiaojian_domain::ids::AreaId;

use super::successions::all_between;
use super::{AreaVersion, Subtree};
use crate::db::AnyConnection;
use crate::db::schema::area_versions;
use crate::predicates::{known_at, true_on};
use crate::{Recorded, StoreResult};

/// Maximum areas per statement; databases limit the number of parameters.
const CHUNK: usize = 500;

qiaojian_domain::text_enum! {
    /// What happened to an area between two days.
    pub enum Change {
        Added => "added",
        /// It was split off from the old one.
        Split => "split",
        Recoded => "recoded",
        Renamed => "renamed",
        /// Its parent changed.
        Moved => "moved",
        Rekinded => "rekinded",
        /// It was merged into the new one.
        Merged => "merged",
        Closed => "closed",
    }
}

/// An area on one day and its counterpart on another.
#[derive(Debug, Clone)]
pub struct Correspondence {
    pub old: Option<AreaVersion>,
    pub new: Option<AreaVersion>,
    pub changes: Vec<Change>,
}

impl Correspondence {
    /// Returns the sort key: by old code, then by new.
    pub fn key(&self) -> (String, String) {
        let code = |area: &Option<AreaVersion>| area.as_ref().map_or(String::new(), |area| area.code.clone());
        (code(&self.old), code(&self.new))
    }
}

/// Returns the differences between the two days, of areas that were in `old` then or are in `new` now. All others are
/// omitted.
///
/// # Errors
/// Returns an error if the database fails.
pub fn correspondence(
    conn: &mut AnyConnection,
    (old, new): (&Subtree, &Subtree),
    (from, to): (NaiveDate, NaiveDate),
    known: Recorded,
) -> StoreResult<Vec<Correspondence>> {
    let changed = changed_between(conn, (from, to), known)?;
    let successions = all_between(conn, (from, to), known)?;
    let others = successions
        .iter()
        .flat_map(|row| [row.predecessor_id, row.successor_id]);
    let ids: BTreeSet<AreaId> = changed.iter().copied().chain(others).collect();
    let within = |rows: HashMap<AreaId, AreaVersion>, subtree: &Subtree| -> HashMap<AreaId, AreaVersion> {
        rows.into_iter()
            .filter(|(_, row)| subtree.contains(&row.path))
            .collect()
    };
    let before = within(on(conn, &ids, from, known)?, old);
    let after = within(on(conn, &ids, to, known)?, new);
    let mut came_out: HashMap<AreaId, Vec<AreaId>> = HashMap::new();
    let mut went_into: HashMap<AreaId, AreaId> = HashMap::new();
    for row in &successions {
        match row.kind {
            SuccessionKind::Split => came_out
                .entry(row.successor_id)
                .or_default()
                .push(row.predecessor_id),
            SuccessionKind::Merge => {
                went_into.insert(row.predecessor_id, row.successor_id);
            }
        }
    }
    let mut found = Vec::new();
    for id in &ids {
        match (before.get(id), after.get(id)) {
            (Some(old), Some(new)) => {
                let changes = changes(old, new);
                if !changes.is_empty() {
                    found.push(of(Some(old), Some(new), changes));
                }
            }
            (Some(old), None) => {
                let mut into = *id;
                // The chain of mergers is finite: each area is merged into one other, once.
                for _ in 0..went_into.len() {
                    into = went_into.get(&into).copied().unwrap_or(into);
                }
                let new = after.get(&into);
                let change = if into == *id {
                    Change::Closed
                } else {
                    Change::Merged
                };
                found.push(of(Some(old), new, vec![change]));
            }
            (None, Some(new)) => {
                let from: Vec<&AreaVersion> = came_out
                    .get(id)
                    .into_iter()
                    .flatten()
                    .filter_map(|from| before.get(from))
                    .collect();
                if from.is_empty() {
                    found.push(of(None, Some(new), vec![Change::Added]));
                }
                found.extend(
                    from.into_iter()
                        .map(|old| of(Some(old), Some(new), vec![Change::Split])),
                );
            }
            (None, None) => {}
        }
    }
    found.sort_by_key(Correspondence::key);
    Ok(found)
}

fn of(old: Option<&AreaVersion>, new: Option<&AreaVersion>, changes: Vec<Change>) -> Correspondence {
    Correspondence {
        old: old.cloned(),
        new: new.cloned(),
        changes,
    }
}

fn changes(old: &AreaVersion, new: &AreaVersion) -> Vec<Change> {
    [
        (Change::Recoded, old.code != new.code),
        (Change::Renamed, old.name != new.name),
        (Change::Moved, old.parent_id != new.parent_id),
        (Change::Rekinded, old.kind != new.kind),
    ]
    .into_iter()
    .filter_map(|(change, is_so)| is_so.then_some(change))
    .collect()
}

/// Returns the areas with a version that begins or ends after `from` and on or before `to`.
fn changed_between(
    conn: &mut AnyConnection,
    (from, to): (NaiveDate, NaiveDate),
    known: Recorded,
) -> QueryResult<BTreeSet<AreaId>> {
    let began = area_versions::valid_from
        .gt(from)
        .and(area_versions::valid_from.le(to));
    let ended = area_versions::valid_to
        .gt(from)
        .and(area_versions::valid_to.le(to));
    let ids: Vec<AreaId> = area_versions::table
        .filter(known_at!(area_versions, known))
        .filter(began.or(ended.assume_not_null()))
        .select(area_versions::area_id)
        .distinct()
        .load(conn)?;
    Ok(ids.into_iter().collect())
}

fn on(
    conn: &mut AnyConnection,
    ids: &BTreeSet<AreaId>,
    day: NaiveDate,
    known: Recorded,
) -> QueryResult<HashMap<AreaId, AreaVersion>> {
    let ids: Vec<AreaId> = ids.iter().copied().collect();
    let mut found = HashMap::with_capacity(ids.len());
    for ids in ids.chunks(CHUNK) {
        let rows: Vec<AreaVersion> = area_versions::table
            .filter(true_on!(area_versions, day, known))
            .filter(area_versions::area_id.eq_any(ids.to_vec()))
            .select(AreaVersion::as_select())
            .load(conn)?;
        found.extend(rows.into_iter().map(|row| (row.area_id, row)));
    }
    Ok(found)
}
