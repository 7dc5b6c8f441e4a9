//! Reads areas, currently and on a given day.

use std::collections::{BTreeSet, HashMap};

use chrono::NaiveDate;
use diesel::dsl::min;
use diesel::prelude::*;
use qiaojian_domain::Noun;
use qiaojian_domain::area::AreaKind;
use qiaojian_domain::clock::UtcTime;
use qiaojian_domain::ids::AreaId;

use super::{AreaVersion, Filter, Subtree, heads};
use crate::db::AnyConnection;
use crate::db::dialect::lower;
use crate::db::schema::{area_versions, areas};
use crate::predicates::{known_at, last, true_on, within};
use crate::{Recorded, StoreError, StoreResult};

/// Maximum areas per statement; databases limit the number of parameters.
const CHUNK: usize = 500;

/// Returns the area with this code, if it belongs to `visible`.
///
/// # Errors
/// [`StoreError::NotFound`], or a database error.
pub fn find(conn: &mut AnyConnection, visible: &Subtree, code: &str) -> StoreResult<AreaVersion> {
    let found = find_anywhere(conn, code)?;
    found
        .filter(|area| visible.contains(&area.path))
        .ok_or(StoreError::NotFound(Noun::Area))
}

/// Returns the area with this code, regardless of scope: for reference data (names of ancestors).
///
/// # Errors
/// Returns an error if the database fails.
pub fn find_anywhere(conn: &mut AnyConnection, code: &str) -> QueryResult<Option<AreaVersion>> {
    heads()
        .filter(area_versions::code.eq(code))
        .select(AreaVersion::as_select())
        .first(conn)
        .optional()
}

/// Returns the area with this code, if it belongs to `visible` or is an ancestor of it: names of ancestors are
/// reference data.
///
/// # Errors
/// [`StoreError::NotFound`], or a database error.
pub fn find_or_ancestor(conn: &mut AnyConnection, visible: &Subtree, code: &str) -> StoreResult<AreaVersion> {
    find_anywhere(conn, code)?
        .filter(|area| visible.reaches(&area.path))
        .ok_or(StoreError::NotFound(Noun::Area))
}

/// Returns the areas with these codes that belong to `visible`, keyed by code.
///
/// # Errors
/// Returns an error if the database fails.
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

/// Returns, for each of these codes, the areas of `visible` that formerly had it, in their current version.
///
/// # Errors
/// Returns an error if the database fails.
pub fn by_former_codes<'a>(
    conn: &mut AnyConnection,
    visible: &Subtree,
    codes: impl IntoIterator<Item = &'a str>,
) -> QueryResult<HashMap<String, Vec<AreaVersion>>> {
    let codes: BTreeSet<&str> = codes.into_iter().collect();
    if codes.is_empty() {
        return Ok(HashMap::new());
    }
    let had: Vec<(String, AreaId)> = area_versions::table
        .filter(area_versions::superseded_seq.is_null())
        .filter(area_versions::valid_to.is_not_null())
        .filter(area_versions::code.eq_any(codes))
        .select((area_versions::code, area_versions::area_id))
        .load(conn)?;
    let ids: BTreeSet<AreaId> = had.iter().map(|(_, id)| *id).collect();
    let now: Vec<AreaVersion> = heads()
        .filter(area_versions::area_id.eq_any(ids))
        .filter(area_versions::ended.eq(false))
        .select(AreaVersion::as_select())
        .load(conn)?;
    let mut found: HashMap<String, Vec<AreaVersion>> = HashMap::new();
    for area in now.into_iter().filter(|area| visible.contains(&area.path)) {
        let codes: BTreeSet<&String> = had
            .iter()
            .filter(|(_, id)| *id == area.area_id)
            .map(|(code, _)| code)
            .collect();
        for code in codes {
            found.entry(code.clone()).or_default().push(area.clone());
        }
    }
    Ok(found)
}

/// Returns the current ancestors of `area`, from the province down.
///
/// # Errors
/// Returns an error if the database fails.
pub fn ancestors(conn: &mut AnyConnection, area: &AreaVersion) -> QueryResult<Vec<AreaVersion>> {
    heads()
        .filter(area_versions::code.eq_any(area.ancestor_codes()))
        .order(area_versions::path)
        .select(AreaVersion::as_select())
        .load(conn)
}

/// Returns the current paths of these areas.
///
/// # Errors
/// Returns an error if the database fails.
pub fn paths(conn: &mut AnyConnection, ids: &[AreaId]) -> QueryResult<Vec<String>> {
    heads()
        .filter(area_versions::area_id.eq_any(ids))
        .select(area_versions::path)
        .load(conn)
}

/// Returns an area on `as_of`, as known at `known`.
///
/// # Errors
/// [`StoreError::NotFound`] if it did not exist then, or a database error.
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
        .ok_or(StoreError::NotFound(Noun::Area))
}

/// Returns the names of these areas on `as_of`, as known at `known`.
///
/// # Errors
/// Returns an error if the database fails.
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

/// Returns the areas of a subtree that became divisions (administrative) after `day`, as known at `known`, each with
/// the date.
///
/// # Errors
/// Returns an error if the database fails.
pub fn newer_than(
    conn: &mut AnyConnection,
    within: &Subtree,
    day: NaiveDate,
    known: Recorded,
) -> QueryResult<HashMap<AreaId, NaiveDate>> {
    use area_versions as a;
    let changed: Vec<AreaId> = a::table
        .filter(within!(within))
        .filter(known_at!(a, known))
        .filter(a::valid_from.gt(day))
        .select(a::area_id)
        .distinct()
        .load(conn)?;
    let mut newer = HashMap::new();
    for part in changed.chunks(CHUNK) {
        let rows: Vec<(AreaId, Option<NaiveDate>)> = a::table
            .filter(a::area_id.eq_any(part))
            .filter(a::kind.eq(AreaKind::Administrative))
            .filter(known_at!(a, known))
            .group_by(a::area_id)
            .select((a::area_id, min(a::valid_from)))
            .load(conn)?;
        newer.extend(rows.into_iter().filter_map(|(id, since)| Some((id, since?))));
    }
    newer.retain(|_, since| *since > day);
    Ok(newer)
}

/// Returns when each of these areas was first recorded.
///
/// # Errors
/// Returns an error if the database fails.
pub fn created_at(conn: &mut AnyConnection, ids: &[AreaId]) -> QueryResult<HashMap<AreaId, UtcTime>> {
    let rows: Vec<(AreaId, UtcTime)> = areas::table
        .filter(areas::id.eq_any(ids))
        .select((areas::id, areas::created_at))
        .load(conn)?;
    Ok(rows.into_iter().collect())
}

/// Returns the current or last codes of these areas.
///
/// # Errors
/// Returns an error if the database fails.
pub fn codes(
    conn: &mut AnyConnection,
    ids: impl IntoIterator<Item = AreaId>,
) -> QueryResult<HashMap<AreaId, String>> {
    let ids: BTreeSet<AreaId> = ids.into_iter().collect();
    let rows: Vec<(AreaId, String)> = area_versions::table
        .filter(last!(area_versions))
        .filter(area_versions::area_id.eq_any(ids))
        .select((area_versions::area_id, area_versions::code))
        .load(conn)?;
    Ok(rows.into_iter().collect())
}

/// Returns the current or last version of the area with this id.
///
/// # Errors
/// [`StoreError::NotFound`], or a database error.
pub fn by_id(conn: &mut AnyConnection, id: AreaId) -> StoreResult<AreaVersion> {
    area_versions::table
        .filter(last!(area_versions))
        .filter(area_versions::area_id.eq(id))
        .select(AreaVersion::as_select())
        .first(conn)
        .optional()?
        .ok_or(StoreError::NotFound(Noun::Area))
}

/// Returns the current areas with these ids, by path.
///
/// # Errors
/// Returns an error if the database fails.
pub fn by_ids(conn: &mut AnyConnection, ids: &[AreaId]) -> QueryResult<Vec<AreaVersion>> {
    heads()
        .filter(area_versions::area_id.eq_any(ids))
        .order(area_versions::path)
        .select(AreaVersion::as_select())
        .load(conn)
}

/// Returns the current or last versions of the areas: a closed or merged area still has a code and a name for
/// addressing it.
///
/// # Errors
/// Returns an error if the database fails.
pub fn as_last_known(
    conn: &mut AnyConnection,
    ids: impl IntoIterator<Item = AreaId>,
) -> QueryResult<HashMap<AreaId, AreaVersion>> {
    let ids: BTreeSet<AreaId> = ids.into_iter().collect();
    let versions: Vec<AreaVersion> = area_versions::table
        .filter(last!(area_versions))
        .filter(area_versions::area_id.eq_any(ids))
        .select(AreaVersion::as_select())
        .load(conn)?;
    Ok(versions
        .into_iter()
        .map(|version| (version.area_id, version))
        .collect())
}

/// Whether the name of an area in a query contains the text.
macro_rules! called {
    ($part:expr) => {
        $crate::db::dialect::lower(area_versions::name)
            .like($crate::areas::contains_pattern($part))
            .escape('\\')
    };
}
pub(super) use called;

/// Whether a current or former name of an area in a query contains the text, or a current or former code equals it.
macro_rules! ever_called {
    ($part:expr) => {{
        let was = diesel::alias!(area_versions as former_versions);
        let named = lower(was.field(area_versions::name))
            .like(contains_pattern($part))
            .escape('\\');
        called!($part)
            .or(area_versions::code.eq($part.clone()))
            .or(diesel::dsl::exists(
                was.filter(was.field(area_versions::area_id).eq(area_versions::area_id))
                    .filter(was.field(area_versions::superseded_seq).is_null())
                    .filter(named.or(was.field(area_versions::code).eq($part.clone()))),
            ))
    }};
}

/// Returns the page of a query of areas that matches a filter, by path, after the cursor `after`. The last argument
/// selects how names are matched.
macro_rules! part_of_list {
    ($conn:expr, $rows:expr, $visible:expr, $filter:expr, $after:expr, $limit:expr, $called:ident) => {{
        let mut query = $rows
            .filter($crate::predicates::within!($visible))
            .select(AreaVersion::as_select())
            .order(area_versions::path)
            .limit($limit)
            .into_boxed();
        if let Some(parent) = $filter.parent {
            query = query.filter(area_versions::parent_id.eq(parent));
        }
        if !$filter.levels.is_empty() {
            query = query.filter(area_versions::level.eq_any($filter.levels.clone()));
        }
        query = query.filter(area_versions::kind.eq_any($filter.kinds_shown()));
        if let Some(part) = &$filter.name_contains {
            query = query.filter($called!(part));
        }
        if let Some(after) = $after {
            query = query.filter(area_versions::path.gt(after.to_owned()));
        }
        query.load($conn)
    }};
}
pub(super) use part_of_list;

/// Returns the areas of `visible` by path, after the cursor `after`.
///
/// # Errors
/// Returns an error if the database fails.
pub fn list(
    conn: &mut AnyConnection,
    visible: &Subtree,
    filter: &Filter,
    after: Option<&str>,
    limit: i64,
) -> QueryResult<Vec<AreaVersion>> {
    part_of_list!(conn, heads(), visible, filter, after, limit, ever_called)
}

/// Returns a LIKE pattern for "contains this text" in a column's [`lower`] form. Wildcards in the text are escaped with
/// `\`.
pub fn contains_pattern(text: &str) -> String {
    let escaped = text
        .to_ascii_lowercase()
        .replace('\\', "\\\\")
        .replace('%', "\\%")
        .replace('_', "\\_");
    format!("%{escaped}%")
}

/// Returns the ledger position of the latest change of the tree.
///
/// # Errors
/// Returns an error if the database fails.
pub fn last_change(conn: &mut AnyConnection) -> QueryResult<i64> {
    let newest: Option<i64> = area_versions::table
        .select(diesel::dsl::max(area_versions::recorded_seq))
        .first(conn)?;
    Ok(newest.unwrap_or(0))
}

/// Returns the number of current areas.
///
/// # Errors
/// Returns an error if the database fails.
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
