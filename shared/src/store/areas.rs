//! The tree of administrative divisions, as it is and as it was.

mod subtree;

pub use subtree::Subtree;

use std::collections::{BTreeSet, HashMap};

use chrono::NaiveDate;
use diesel::prelude::*;
use serde::Serialize;

use super::audit::Entry;
use super::ledger::{Recorded, Recording};
use super::{StoreError, StoreResult};
use crate::clock::UtcTime;
use crate::db::AnyConnection;
use crate::db::dialect::lower;
use crate::db::schema::{area_versions, areas};
use crate::digest::digest_of;
use crate::domain::area::{AreaKind, Level, path_under};
use crate::ids::AreaId;
use crate::store::predicates::{head, true_on, within};

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
}

impl AreaVersion {
    /// The area and all below it.
    pub fn subtree(&self) -> Subtree {
        Subtree::rooted_at(&self.path)
    }

    /// The codes of the areas above it, from the province down.
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

/// The areas as they are known to be now.
fn heads() -> Heads {
    area_versions::table.filter(head!(area_versions))
}

/// What the caller wants to see of the tree.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Only children of this area.
    pub parent: Option<AreaId>,
    /// Only these levels.
    pub levels: Vec<Level>,
    /// Only these kinds; administrative when empty.
    pub kinds: Vec<AreaKind>,
    /// Only names that contain this.
    pub name_contains: Option<String>,
}

/// The area with this code, if it belongs to `visible`.
///
/// # Errors
/// [`StoreError::NotFound`], or the database's.
pub fn find(conn: &mut AnyConnection, visible: &Subtree, code: &str) -> StoreResult<AreaVersion> {
    let found = find_anywhere(conn, code)?;
    found
        .filter(|area| visible.contains(&area.path))
        .ok_or(StoreError::NotFound("area"))
}

/// The area with this code, wherever it is: for reference data (names of ancestors).
///
/// # Errors
/// The database's.
pub fn find_anywhere(conn: &mut AnyConnection, code: &str) -> QueryResult<Option<AreaVersion>> {
    heads()
        .filter(area_versions::code.eq(code))
        .select(AreaVersion::as_select())
        .first(conn)
        .optional()
}

/// The area with this code, if it belongs to `visible` or stands above it: names of ancestors are reference data.
///
/// # Errors
/// [`StoreError::NotFound`], or the database's.
pub fn find_or_ancestor(conn: &mut AnyConnection, visible: &Subtree, code: &str) -> StoreResult<AreaVersion> {
    find_anywhere(conn, code)?
        .filter(|area| visible.contains(&area.path) || visible.is_below(&area.path))
        .ok_or(StoreError::NotFound("area"))
}

/// The areas of these codes that belong to `visible`, each under its code.
///
/// # Errors
/// The database's.
pub fn by_codes<'a>(
    conn: &mut AnyConnection,
    visible: &Subtree,
    codes: impl IntoIterator<Item = &'a str>,
) -> QueryResult<HashMap<String, AreaVersion>> {
    let codes: BTreeSet<&str> = codes.into_iter().collect();
    let rows: Vec<AreaVersion> = heads()
        .filter(area_versions::code.eq_any(codes))
        .select(AreaVersion::as_select())
        .load(conn)?;
    Ok(rows
        .into_iter()
        .filter(|area| visible.contains(&area.path))
        .map(|area| (area.code.clone(), area))
        .collect())
}

/// The areas above `area`, from the province down, as they are now.
///
/// # Errors
/// The database's.
pub fn ancestors(conn: &mut AnyConnection, area: &AreaVersion) -> QueryResult<Vec<AreaVersion>> {
    heads()
        .filter(area_versions::code.eq_any(area.ancestor_codes()))
        .order(area_versions::path)
        .select(AreaVersion::as_select())
        .load(conn)
}

/// An area as it was on `as_of`, as known at `known`.
///
/// # Errors
/// [`StoreError::NotFound`] when it was not there, or the database's.
pub fn on_day(
    conn: &mut AnyConnection,
    id: AreaId,
    as_of: NaiveDate,
    known: Recorded,
) -> StoreResult<AreaVersion> {
    area_versions::table
        .filter(true_on!(area_versions, as_of, known))
        .filter(area_versions::area_id.eq(id))
        .select(AreaVersion::as_select())
        .first(conn)
        .optional()?
        .ok_or(StoreError::NotFound("area"))
}

/// The names these areas had on `as_of`, as known at `known`.
///
/// # Errors
/// The database's.
pub fn names_on(
    conn: &mut AnyConnection,
    ids: &[AreaId],
    as_of: NaiveDate,
    known: Recorded,
) -> QueryResult<HashMap<AreaId, String>> {
    let rows: Vec<(AreaId, String)> = area_versions::table
        .filter(true_on!(area_versions, as_of, known))
        .filter(area_versions::area_id.eq_any(ids))
        .select((area_versions::area_id, area_versions::name))
        .load(conn)?;
    Ok(rows.into_iter().collect())
}

/// When each of these areas was first recorded.
///
/// # Errors
/// The database's.
pub fn created_at(conn: &mut AnyConnection, ids: &[AreaId]) -> QueryResult<HashMap<AreaId, UtcTime>> {
    let rows: Vec<(AreaId, UtcTime)> = areas::table
        .filter(areas::id.eq_any(ids))
        .select((areas::id, areas::created_at))
        .load(conn)?;
    Ok(rows.into_iter().collect())
}

/// The codes of these areas, as they are now.
///
/// # Errors
/// The database's.
pub fn codes(
    conn: &mut AnyConnection,
    ids: impl IntoIterator<Item = AreaId>,
) -> QueryResult<HashMap<AreaId, String>> {
    let ids: BTreeSet<AreaId> = ids.into_iter().collect();
    let rows: Vec<(AreaId, String)> = heads()
        .filter(area_versions::area_id.eq_any(ids))
        .select((area_versions::area_id, area_versions::code))
        .load(conn)?;
    Ok(rows.into_iter().collect())
}

/// The area with this id, as it is now.
///
/// # Errors
/// [`StoreError::NotFound`], or the database's.
pub fn by_id(conn: &mut AnyConnection, id: AreaId) -> StoreResult<AreaVersion> {
    heads()
        .filter(area_versions::area_id.eq(id))
        .select(AreaVersion::as_select())
        .first(conn)
        .optional()?
        .ok_or(StoreError::NotFound("area"))
}

/// The areas of these ids, as they are now, by path.
///
/// # Errors
/// The database's.
pub fn by_ids(conn: &mut AnyConnection, ids: &[AreaId]) -> QueryResult<Vec<AreaVersion>> {
    heads()
        .filter(area_versions::area_id.eq_any(ids))
        .order(area_versions::path)
        .select(AreaVersion::as_select())
        .load(conn)
}

/// The areas as they last were: one that was closed or merged still has a code and a name to address it by.
///
/// # Errors
/// The database's.
pub fn as_last_known(
    conn: &mut AnyConnection,
    ids: impl IntoIterator<Item = AreaId>,
) -> QueryResult<HashMap<AreaId, AreaVersion>> {
    let ids: BTreeSet<AreaId> = ids.into_iter().collect();
    let versions: Vec<AreaVersion> = area_versions::table
        .filter(area_versions::area_id.eq_any(ids))
        .filter(area_versions::superseded_seq.is_null())
        .order(area_versions::valid_from)
        .select(AreaVersion::as_select())
        .load(conn)?;
    // In the order of validity, so the last stays.
    Ok(versions
        .into_iter()
        .map(|version| (version.area_id, version))
        .collect())
}

/// Areas of `visible` by path, after `after`.
///
/// # Errors
/// The database's.
pub fn list(
    conn: &mut AnyConnection,
    visible: &Subtree,
    filter: &Filter,
    after: Option<&str>,
    limit: i64,
) -> QueryResult<Vec<AreaVersion>> {
    let mut query = heads()
        .filter(within!(visible))
        .select(AreaVersion::as_select())
        .order(area_versions::path)
        .limit(limit)
        .into_boxed();
    if let Some(parent) = filter.parent {
        query = query.filter(area_versions::parent_id.eq(parent));
    }
    if !filter.levels.is_empty() {
        query = query.filter(area_versions::level.eq_any(filter.levels.clone()));
    }
    query = if filter.kinds.is_empty() {
        query.filter(area_versions::kind.eq(AreaKind::Administrative))
    } else {
        query.filter(area_versions::kind.eq_any(filter.kinds.clone()))
    };
    if let Some(part) = &filter.name_contains {
        query = query.filter(
            lower(area_versions::name)
                .like(contains_pattern(part))
                .escape('\\'),
        );
    }
    if let Some(after) = after {
        query = query.filter(area_versions::path.gt(after.to_owned()));
    }
    query.load(conn)
}

/// A LIKE pattern for "contains this text" in a column's [`lower`] form, with the wildcards in it taken literally. Escape character:
/// `\`.
pub fn contains_pattern(text: &str) -> String {
    let escaped = text
        .to_ascii_lowercase()
        .replace('\\', "\\\\")
        .replace('%', "\\%")
        .replace('_', "\\_");
    format!("%{escaped}%")
}

/// An area to be added.
#[derive(Debug, Clone)]
pub struct NewArea {
    pub id: AreaId,
    pub code: String,
    pub name: String,
    pub level: Level,
    pub kind: AreaKind,
    /// The code of the area above; none for a province.
    pub parent: Option<AreaVersion>,
    pub valid_from: NaiveDate,
}

/// Adds an area.
///
/// # Errors
/// [`StoreError::Conflict`] when the code is in use, or the database's.
pub fn create(recording: &mut Recording<'_, '_>, new: &NewArea) -> StoreResult<AreaVersion> {
    let recorded = recording.recorded();
    diesel::insert_into(areas::table)
        .values((
            areas::id.eq(new.id),
            areas::created_seq.eq(recorded.seq),
            areas::created_at.eq(recorded.at),
        ))
        .execute(recording.conn())?;
    let parent_path = new.parent.as_ref().map_or("", |parent| &parent.path);
    let row = AreaVersion {
        area_id: new.id,
        version: 1,
        recorded_seq: recorded.seq,
        recorded_at: recorded.at,
        superseded_seq: None,
        superseded_at: None,
        valid_from: new.valid_from,
        valid_to: None,
        path: path_under(parent_path, &new.code),
        code: new.code.clone(),
        name: new.name.clone(),
        parent_id: new.parent.as_ref().map(|parent| parent.area_id),
        level: new.level,
        kind: new.kind,
        reason: None,
    };
    diesel::insert_into(area_versions::table)
        .values(&row)
        .execute(recording.conn())
        .map_err(|error| StoreError::from(error).or_conflict("area_code_taken"))?;
    let id = row.area_id.to_string();
    recording.audit(&Entry {
        verb: "create",
        resource: "area",
        id: &id,
        area: Some(row.area_id),
        before: None,
        after: Some(&digest_of(&row)?),
    })?;
    Ok(row)
}

/// The place in the ledger of the newest change of the tree.
///
/// # Errors
/// The database's.
pub fn last_change(conn: &mut AnyConnection) -> QueryResult<i64> {
    let newest: Option<i64> = area_versions::table
        .select(diesel::dsl::max(area_versions::recorded_seq))
        .first(conn)?;
    Ok(newest.unwrap_or(0))
}

/// How many areas are known now.
///
/// # Errors
/// The database's.
pub fn count(conn: &mut AnyConnection) -> QueryResult<i64> {
    heads().count().get_result(conn)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_in_a_search_are_taken_literally() {
        assert_eq!(contains_pattern("50%_A\\"), "%50\\%\\_a\\\\%");
    }
}
