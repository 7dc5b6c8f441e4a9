//! The rows of the tree that figures are computed from: its areas on a day, the successors of ended ones, and when it
//! changed.

use chrono::NaiveDate;
use diesel::dsl::{max, min};
use diesel::prelude::*;
use qiaojian_domain::area::{AreaKind, Level, SuccessionKind};
use qiaojian_domain::ids::AreaId;

use super::CHUNK;
use crate::db::AnyConnection;
use crate::db::dialect::on_either;
use crate::db::schema::{area_successions, area_versions};
use crate::predicates::{known_at, true_on};
use crate::{Recorded, Subtree};

/// An area, its path, level and kind.
pub(crate) type AreaRow = (AreaId, String, Level, AreaKind);

/// A predecessor, its successor, the kind of succession, and the date.
pub(crate) type SuccessionRow = (AreaId, AreaId, SuccessionKind, NaiveDate);

/// Returns the areas above a path in the tree of `as_of`, from the province down.
///
/// # Errors
/// Returns an error if the database fails.
pub(crate) fn areas_above(
    conn: &mut AnyConnection,
    path: &str,
    as_of: NaiveDate,
    known: Recorded,
) -> QueryResult<Vec<AreaRow>> {
    use area_versions as a;
    a::table
        .filter(a::path.eq_any(above(path)))
        .filter(true_on!(a, as_of, known))
        .order(a::path)
        .select((a::area_id, a::path, a::level, a::kind))
        .load(conn)
}

/// Returns the next areas of `within` in the tree of `as_of`, by path, from `from` on.
///
/// # Errors
/// Returns an error if the database fails.
pub(crate) fn areas_from(
    conn: &mut AnyConnection,
    within: &Subtree,
    from: &str,
    as_of: NaiveDate,
    known: Recorded,
) -> QueryResult<Vec<AreaRow>> {
    use area_versions as a;
    on_either!(conn, |conn| a::table
        .filter(a::path.ge(from).and(a::path.lt(within.upper())))
        .filter(true_on!(a, as_of, known))
        .order(a::path)
        .limit(CHUNK)
        .select((a::area_id, a::path, a::level, a::kind))
        .load(conn))
}

/// Returns the areas that had ended by `as_of`, in order of ids, each with its heir: the area it was merged into
/// according to `successions`, or else its parent. The heir may have ended too.
///
/// # Errors
/// Returns an error if the database fails.
pub(crate) fn ended_areas(
    conn: &mut AnyConnection,
    as_of: NaiveDate,
    known: Recorded,
    successions: &[SuccessionRow],
) -> QueryResult<Vec<(AreaId, AreaId)>> {
    use area_versions as a;
    let mut ended: Vec<(AreaId, AreaId)> = a::table
        .filter(a::ended)
        .filter(a::valid_to.le(as_of))
        .filter(known_at!(a, known))
        .filter(a::parent_id.is_not_null())
        .order(a::area_id)
        .select((a::area_id, a::parent_id.assume_not_null()))
        .load(conn)?;
    for (area, into, kind, _) in successions {
        if *kind == SuccessionKind::Merge
            && let Ok(at) = ended.binary_search_by_key(area, |(ended, _)| *ended)
            && let Some((_, heir)) = ended.get_mut(at)
        {
            *heir = *into;
        }
    }
    Ok(ended)
}

/// Returns the successions of areas up to `as_of`.
///
/// # Errors
/// Returns an error if the database fails.
pub(crate) fn successions(
    conn: &mut AnyConnection,
    as_of: NaiveDate,
    known: Recorded,
) -> QueryResult<Vec<SuccessionRow>> {
    use area_successions as s;
    s::table
        .filter(s::on_date.le(as_of))
        .filter(known_at!(s, known))
        .select((s::predecessor_id, s::successor_id, s::kind, s::on_date))
        .load(conn)
}

/// Returns the paths of an area's ancestors.
fn above(path: &str) -> Vec<&str> {
    let ends = path.match_indices('/').map(|(at, _)| at + 1);
    ends.filter(|end| *end < path.len())
        .filter_map(|end| path.get(..end))
        .collect()
}

/// Returns the period in which the tree is the same as on `day`, as known now; the end is exclusive.
///
/// # Errors
/// Returns an error if the database fails.
pub(crate) fn days_of_tree(
    conn: &mut AnyConnection,
    day: NaiveDate,
) -> QueryResult<(NaiveDate, Option<NaiveDate>)> {
    use area_versions as a;
    let known = || a::table.filter(a::superseded_seq.is_null());
    let begun: Option<NaiveDate> = known()
        .filter(a::valid_from.le(day))
        .select(max(a::valid_from))
        .first(conn)?;
    let ended: Option<NaiveDate> = known()
        .filter(a::valid_to.is_not_null())
        .filter(a::valid_to.le(day))
        .select(max(a::valid_to))
        .first(conn)?;
    let begins: Option<NaiveDate> = known()
        .filter(a::valid_from.gt(day))
        .select(min(a::valid_from))
        .first(conn)?;
    let ends: Option<NaiveDate> = known()
        .filter(a::valid_to.is_not_null())
        .filter(a::valid_to.gt(day))
        .select(min(a::valid_to))
        .first(conn)?;
    let from = begun.max(ended).unwrap_or(NaiveDate::MIN);
    let to = [begins, ends].into_iter().flatten().min();
    Ok((from, to))
}

/// Returns the ledger position of the last change of the tree, up to `known`.
///
/// # Errors
/// Returns an error if the database fails.
pub(crate) fn tree_changed_last(conn: &mut AnyConnection, known: Recorded) -> QueryResult<i64> {
    let recorded: Option<i64> = area_versions::table
        .filter(area_versions::recorded_seq.le(known.seq))
        .select(max(area_versions::recorded_seq))
        .first(conn)?;
    let superseded: Option<i64> = area_versions::table
        .filter(area_versions::superseded_seq.is_not_null())
        .filter(area_versions::superseded_seq.le(known.seq))
        .select(max(area_versions::superseded_seq))
        .first(conn)?;
    Ok(recorded.max(superseded).unwrap_or(0))
}

/// Returns whether the tree changed after `seq` and up to `known`.
///
/// # Errors
/// Returns an error if the database fails.
pub(crate) fn tree_changed(conn: &mut AnyConnection, seq: i64, known: Recorded) -> QueryResult<bool> {
    Ok(tree_changed_last(conn, known)? > seq)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_above_a_path() {
        assert_eq!(above("340000/340300/340304/"), ["340000/", "340000/340300/"]);
        assert!(above("340000/").is_empty());
        assert!(above("").is_empty());
    }
}
