//! The tree at another valid time or transaction time.

use std::collections::HashMap;

use chrono::NaiveDate;
use diesel::dsl::{exists, select};
use diesel::prelude::*;
use qiaojian_domain::Noun;
use qiaojian_domain::ids::AreaId;

use super::read::{called, part_of_list};
use super::{AreaVersion, Filter, Subtree, find_anywhere, on_day};
use crate::db::AnyConnection;
use crate::db::schema::area_versions;
use crate::predicates::{known_at, true_on, within};
use crate::{Moment, Recorded, StoreError, StoreResult, ledger};

/// Returns the area that had this code at that point in time, if it belonged to `within`, a path in the tree of that
/// point.
///
/// # Errors
/// [`StoreError::NotFound`], or a database error.
pub fn find_on(
    conn: &mut AnyConnection,
    within: &Subtree,
    code: &str,
    moment: Moment,
) -> StoreResult<AreaVersion> {
    area_versions::table
        .filter(true_on!(area_versions, moment.as_of, moment.known))
        .filter(area_versions::code.eq(code))
        .filter(within!(within))
        .select(AreaVersion::as_select())
        .first(conn)
        .optional()?
        .ok_or(StoreError::NotFound(Noun::Area))
}

/// Resolves a code for a caller with the area `caller` at a point in time: returns the area that had the code then, or
/// else the one that has it now, as it was then. Visible is what belonged to the caller's subtree in the tree of that
/// point.
///
/// # Errors
/// [`StoreError::NotFound`], or a database error.
pub fn resolve(
    conn: &mut AnyConnection,
    caller: AreaId,
    code: &str,
    moment: Moment,
) -> StoreResult<AreaVersion> {
    let visible = on_day(conn, caller, moment.as_of, moment.known)?.subtree();
    match find_on(conn, &visible, code, moment) {
        Err(StoreError::NotFound(_)) => {
            let now = find_anywhere(conn, code)?.ok_or(StoreError::NotFound(Noun::Area))?;
            let then = on_day(conn, now.area_id, moment.as_of, moment.known)?;
            if visible.contains(&then.path) {
                Ok(then)
            } else {
                Err(StoreError::NotFound(Noun::Area))
            }
        }
        found => found,
    }
}

/// Returns the area of a query: that of `code` as in [`resolve`], or by default the caller's own. If the caller's area
/// was not yet recorded at `moment.known`, today's version is returned: nothing else was recorded then either, so the
/// result is empty.
///
/// # Errors
/// [`StoreError::NotFound`], or a database error.
pub fn asked_about(
    conn: &mut AnyConnection,
    caller: AreaId,
    code: Option<&str>,
    moment: Moment,
) -> StoreResult<AreaVersion> {
    let of_caller = area_versions::table
        .filter(area_versions::area_id.eq(caller))
        .filter(area_versions::recorded_seq.le(moment.known.seq));
    let known = if select(exists(of_caller)).get_result(conn)? {
        moment.known
    } else {
        ledger::known(conn)?
    };
    match code {
        Some(code) => resolve(conn, caller, code, Moment { known, ..moment }),
        None => on_day(conn, caller, moment.as_of, known),
    }
}

/// A path with its first day and the first day after the end.
pub type Stood = (NaiveDate, Option<NaiveDate>, String);

/// Returns all paths that these areas ever had, as known at `known`.
///
/// # Errors
/// Returns an error if the database fails.
pub fn paths_ever(
    conn: &mut AnyConnection,
    ids: &[AreaId],
    known: Recorded,
) -> QueryResult<HashMap<AreaId, Vec<Stood>>> {
    use area_versions as a;
    let rows: Vec<(AreaId, Stood)> = a::table
        .filter(a::area_id.eq_any(ids))
        .filter(known_at!(a, known))
        .select((a::area_id, (a::valid_from, a::valid_to, a::path)))
        .load(conn)?;
    let mut stood: HashMap<AreaId, Vec<Stood>> = HashMap::new();
    for (area, row) in rows {
        stood.entry(area).or_default().push(row);
    }
    Ok(stood)
}

/// Returns the areas at that point in time in `within`, a path in the tree of that point, by path, after the cursor
/// `after`.
///
/// # Errors
/// Returns an error if the database fails.
pub fn list_on(
    conn: &mut AnyConnection,
    within: &Subtree,
    moment: Moment,
    filter: &Filter,
    after: Option<&str>,
    limit: i64,
) -> QueryResult<Vec<AreaVersion>> {
    let rows = area_versions::table.filter(true_on!(area_versions, moment.as_of, moment.known));
    part_of_list!(conn, rows, within, filter, after, limit, called)
}

/// Returns the ancestors of `area` at that point in time, from the province down.
///
/// # Errors
/// Returns an error if the database fails.
pub fn ancestors_on(
    conn: &mut AnyConnection,
    area: &AreaVersion,
    moment: Moment,
) -> QueryResult<Vec<AreaVersion>> {
    area_versions::table
        .filter(true_on!(area_versions, moment.as_of, moment.known))
        .filter(area_versions::code.eq_any(area.ancestor_codes()))
        .order(area_versions::path)
        .select(AreaVersion::as_select())
        .load(conn)
}
