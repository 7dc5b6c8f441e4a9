//! The rows that figures are folded over, and what of them changed since: areas, what was counted in them, and organizations, each as far
//! as figures care.

use chrono::NaiveDate;
use diesel::dsl::{max, min};
use diesel::prelude::*;

use super::{Recorded, Subtree};
use crate::db::AnyConnection;
use crate::db::dialect::on_either;
use crate::db::schema::{area_counts, area_successions, area_versions, organization_versions};
use crate::domain::area::{AreaKind, Level};
use crate::domain::dates::Precision;
use crate::domain::organization::{Host, Kind, Status, Verification};
use crate::ids::{AreaId, OrganizationId};
use crate::store::areas::SuccessionKind;
use crate::store::predicates::{area_on, known_at, true_on, within};

/// Rows fetched at a time, so that loading a country stays small.
pub(crate) const CHUNK: i64 = 20_000;

/// An area, its path, and what it is.
pub(crate) type AreaRow = (AreaId, String, Level, AreaKind);

/// What was counted in an area on a day: persons and households.
pub(crate) type CountRow = (AreaId, NaiveDate, Option<i32>, Option<i32>);

/// A date, and how precisely it is known.
pub(crate) type Dated = (Option<NaiveDate>, Option<Precision>);
/// One version of an organization, as far as figures care.
pub(crate) type VersionRow = (
    OrganizationId,
    AreaId,
    (NaiveDate, Option<NaiveDate>),
    (Status, Kind, Host, Verification),
    (Dated, Dated, Dated, Dated),
    String,
    String,
);

macro_rules! version_columns {
    () => {{
        use crate::db::schema::organization_versions as o;
        (
            o::organization_id,
            o::area_id,
            (o::valid_from, o::valid_to),
            (o::status, o::kind, o::host, o::verification),
            (
                (o::approved_on, o::approved_precision),
                (o::established_on, o::established_precision),
                (o::unveiled_on, o::unveiled_precision),
                (o::closed_on, o::closed_precision),
            ),
            o::five_have,
            o::reopenings,
        )
    }};
}

macro_rules! count_columns {
    () => {{
        use crate::db::schema::area_counts as c;
        (c::area_id, c::counted_on, c::persons, c::households)
    }};
}

/// The areas above a path in the tree of `as_of`, from the province down.
///
/// # Errors
/// The database's.
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

/// The next areas of `within` in the tree of `as_of`, by path, from `from` on.
///
/// # Errors
/// The database's.
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

/// The areas that had ended by `as_of`, each with the area to which what stood in it belongs: the one it was merged into, else the one it
/// belonged to. That one may have ended too.
///
/// # Errors
/// The database's.
pub(crate) fn ended_areas(
    conn: &mut AnyConnection,
    as_of: NaiveDate,
    known: Recorded,
) -> QueryResult<Vec<(AreaId, AreaId)>> {
    use area_successions as s;
    use area_versions as a;
    let mut ended: Vec<(AreaId, AreaId)> = a::table
        .filter(a::ended)
        .filter(a::valid_to.le(as_of))
        .filter(known_at!(a, known))
        .filter(a::parent_id.is_not_null())
        .order(a::area_id)
        .select((a::area_id, a::parent_id.assume_not_null()))
        .load(conn)?;
    if ended.is_empty() {
        return Ok(ended);
    }
    let merged: Vec<(AreaId, AreaId)> = s::table
        .filter(s::kind.eq(SuccessionKind::Merge))
        .filter(s::on_date.le(as_of))
        .filter(known_at!(s, known))
        .select((s::predecessor_id, s::successor_id))
        .load(conn)?;
    for (area, into) in merged {
        if let Ok(at) = ended.binary_search_by_key(&area, |(ended, _)| *ended)
            && let Some((_, heir)) = ended.get_mut(at)
        {
            *heir = into;
        }
    }
    Ok(ended)
}

/// Which areas came out of which up to `as_of`.
///
/// # Errors
/// The database's.
pub(crate) fn successions(
    conn: &mut AnyConnection,
    as_of: NaiveDate,
    known: Recorded,
) -> QueryResult<Vec<(AreaId, AreaId, SuccessionKind, NaiveDate)>> {
    use area_successions as s;
    s::table
        .filter(s::on_date.le(as_of))
        .filter(known_at!(s, known))
        .select((s::predecessor_id, s::successor_id, s::kind, s::on_date))
        .load(conn)
}

/// The first day of each of these areas.
///
/// # Errors
/// The database's.
pub(crate) fn first_days(
    conn: &mut AnyConnection,
    areas: &[AreaId],
    known: Recorded,
) -> QueryResult<Vec<(AreaId, NaiveDate)>> {
    use area_versions as a;
    a::table
        .filter(a::area_id.eq_any(areas))
        .filter(known_at!(a, known))
        .group_by(a::area_id)
        .select((a::area_id, min(a::valid_from).assume_not_null()))
        .load(conn)
}

/// The organizations that stand or ever stood in these areas.
///
/// # Errors
/// The database's.
pub(crate) fn ever_in(
    conn: &mut AnyConnection,
    areas: &[AreaId],
    known: Recorded,
) -> QueryResult<Vec<OrganizationId>> {
    use organization_versions as o;
    o::table
        .filter(o::area_id.eq_any(areas))
        .filter(known_at!(o, known))
        .select(o::organization_id)
        .distinct()
        .order(o::organization_id)
        .load(conn)
}

/// The paths of the areas above one.
fn above(path: &str) -> Vec<&str> {
    let ends = path.match_indices('/').map(|(at, _)| at + 1);
    ends.filter(|end| *end < path.len())
        .filter_map(|end| path.get(..end))
        .collect()
}

/// The next counts in areas of `within`, a path of the tree of `as_of`, by area and day, of areas after `after`.
///
/// # Errors
/// The database's.
pub(crate) fn counts_after(
    conn: &mut AnyConnection,
    within: &Subtree,
    after: AreaId,
    as_of: NaiveDate,
    known: Recorded,
) -> QueryResult<Vec<CountRow>> {
    on_either!(conn, |conn| area_counts::table
        .inner_join(area_on!(area_counts::area_id, as_of, known))
        .filter(within!(within))
        .filter(known_at!(area_counts, known))
        .filter(area_counts::area_id.gt(after))
        .order((area_counts::area_id, area_counts::counted_on))
        .limit(CHUNK)
        .select(count_columns!())
        .load(conn))
}

/// The next versions of organizations of `within`, a path of the tree of `as_of`, by organization and day, of those after `after`.
///
/// # Errors
/// The database's.
pub(crate) fn versions_after(
    conn: &mut AnyConnection,
    within: &Subtree,
    as_of: NaiveDate,
    known: Recorded,
    after: Option<OrganizationId>,
) -> QueryResult<Vec<VersionRow>> {
    use organization_versions as o;
    let after = after.unwrap_or(OrganizationId(uuid::Uuid::nil()));
    if within.lower().is_empty() {
        return on_either!(conn, |conn| o::table
            .filter(known_at!(o, known))
            .filter(o::organization_id.gt(after))
            .order((o::organization_id, o::valid_from))
            .limit(CHUNK)
            .select(version_columns!())
            .load(conn));
    }
    on_either!(conn, |conn| o::table
        .inner_join(area_on!(o::area_id, as_of, known))
        .filter(within!(within))
        .filter(known_at!(o, known))
        .filter(o::organization_id.gt(after))
        .order((o::organization_id, o::valid_from))
        .limit(CHUNK)
        .select(version_columns!())
        .load(conn))
}

/// The place in the ledger of the last change of the tree, up to a moment.
///
/// # Errors
/// The database's.
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

/// What was recorded or superseded after `seq`, up to a moment. Written so that each half is a range of an index.
macro_rules! touched {
    ($conn:expr, $table:ident, $column:expr, $seq:expr, $known:expr) => {{
        let recorded = $table::table
            .filter($table::recorded_seq.gt($seq))
            .filter($table::recorded_seq.le($known.seq))
            .select($column)
            .load($conn)?;
        let superseded = $table::table
            .filter($table::superseded_seq.is_not_null())
            .filter($table::superseded_seq.gt($seq))
            .filter($table::superseded_seq.le($known.seq))
            .select($column)
            .load($conn)?;
        (recorded, superseded)
    }};
}

/// Whether the tree changed after `seq`, up to a moment.
///
/// # Errors
/// The database's.
pub(crate) fn tree_changed(conn: &mut AnyConnection, seq: i64, known: Recorded) -> QueryResult<bool> {
    Ok(tree_changed_last(conn, known)? > seq)
}

/// The organizations of which something was recorded or superseded after `seq`, up to a moment.
///
/// # Errors
/// The database's.
pub(crate) fn changed_organizations(
    conn: &mut AnyConnection,
    seq: i64,
    known: Recorded,
) -> QueryResult<Vec<OrganizationId>> {
    let (mut ids, superseded): (Vec<OrganizationId>, Vec<OrganizationId>) = touched!(
        conn,
        organization_versions,
        organization_versions::organization_id,
        seq,
        known
    );
    ids.extend(superseded);
    ids.sort_unstable();
    ids.dedup();
    Ok(ids)
}

/// The areas of which a count was recorded or superseded after `seq`, up to a moment.
///
/// # Errors
/// The database's.
pub(crate) fn counted_anew(conn: &mut AnyConnection, seq: i64, known: Recorded) -> QueryResult<Vec<AreaId>> {
    let (mut areas, superseded): (Vec<AreaId>, Vec<AreaId>) =
        touched!(conn, area_counts, area_counts::area_id, seq, known);
    areas.extend(superseded);
    areas.sort_unstable();
    areas.dedup();
    Ok(areas)
}

/// What was counted in these areas.
///
/// # Errors
/// The database's.
pub(crate) fn counts_of(
    conn: &mut AnyConnection,
    areas: &[AreaId],
    known: Recorded,
) -> QueryResult<Vec<CountRow>> {
    area_counts::table
        .filter(area_counts::area_id.eq_any(areas))
        .filter(known_at!(area_counts, known))
        .select(count_columns!())
        .load(conn)
}

/// Where these organizations are or ever were known to stand.
///
/// # Errors
/// The database's.
pub(crate) fn places_ever(
    conn: &mut AnyConnection,
    ids: &[OrganizationId],
) -> QueryResult<Vec<(OrganizationId, AreaId)>> {
    use organization_versions as o;
    o::table
        .filter(o::organization_id.eq_any(ids))
        .select((o::organization_id, o::area_id))
        .distinct()
        .load(conn)
}

/// The versions of these organizations, by organization and day.
///
/// # Errors
/// The database's.
pub(crate) fn versions_of(
    conn: &mut AnyConnection,
    ids: &[OrganizationId],
    known: Recorded,
) -> QueryResult<Vec<VersionRow>> {
    use organization_versions as o;
    o::table
        .filter(o::organization_id.eq_any(ids))
        .filter(known_at!(o, known))
        .order((o::organization_id, o::valid_from))
        .select(version_columns!())
        .load(conn)
}

/// From which day until which day the tree is as on `day`, as known now.
///
/// # Errors
/// The database's.
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
