//! The tree of another day, or as it was known at another moment.

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

/// The area that had this code at that moment, if it belonged to `within`, a path of the tree of that moment.
///
/// # Errors
/// [`StoreError::NotFound`], or the database's.
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

/// The area that a caller of the area `caller` means by a code when it asks about that moment: the one that had it then, or the one that
/// has it now, as it was then. Seen is what belonged to the caller's subtree in the tree of that moment.
///
/// # Errors
/// [`StoreError::NotFound`], or the database's.
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

/// The area that a caller asks about: that of `code` as in [`resolve`], or its own. Where the caller's area was not recorded yet at
/// `moment.known`, it is the one that is known today: nothing else was recorded either, so that the answer is empty.
///
/// # Errors
/// [`StoreError::NotFound`], or the database's.
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

/// Where an area stood, from a day until another.
pub type Stood = (NaiveDate, Option<NaiveDate>, String);

/// Where these areas stood at any time, as known at `known`: their paths.
///
/// # Errors
/// The database's.
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

/// Areas of that moment in `within`, a path of the tree of that moment, by path, after `after`.
///
/// # Errors
/// The database's.
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

/// The areas above `area`, from the province down, as they were at that moment.
///
/// # Errors
/// The database's.
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
