//! The rows that figures are computed from, and their changes since a ledger position: the tree, the counts of its
//! areas, and the relevant columns of organizations.

mod tree;

use chrono::NaiveDate;
use diesel::prelude::*;
use qiaojian_domain::dates::Precision;
use qiaojian_domain::ids::{AreaId, OrganizationId};
use qiaojian_domain::organization::{Host, Kind, Status, Verification};

pub(crate) use tree::{
    SuccessionRow, areas_above, areas_from, days_of_tree, ended_areas, successions, tree_changed,
    tree_changed_last,
};

use super::{Recorded, Subtree};
use crate::db::AnyConnection;
use crate::db::dialect::on_either;
use crate::db::schema::{area_counts, organization_versions};
use crate::predicates::{area_on, known_at, within};

/// Rows fetched at a time, to limit memory when a whole country is loaded.
pub(crate) const CHUNK: i64 = 20_000;

/// The count of an area on a day: persons and households.
pub(crate) type CountRow = (AreaId, NaiveDate, Option<i32>, Option<i32>);

/// A date with its precision.
pub(crate) type Dated = (Option<NaiveDate>, Option<Precision>);
/// The columns of an organization version that figures use.
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

/// Returns the organizations that are or ever were in these areas.
///
/// # Errors
/// Returns an error if the database fails.
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

/// Returns the next counts in areas of `within`, a path in the tree of `as_of`, by area and day, for areas after
/// `after`.
///
/// # Errors
/// Returns an error if the database fails.
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

/// Returns the next versions of organizations of `within`, a path in the tree of `as_of`, by organization and day,
/// after the organization `after`.
///
/// # Errors
/// Returns an error if the database fails.
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

/// What was recorded or superseded after `seq` and up to `known`. Each half is a range of an index.
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

/// Returns the organizations with a version recorded or superseded after `seq` and up to `known`.
///
/// # Errors
/// Returns an error if the database fails.
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

/// Returns the areas with a count recorded or superseded after `seq` and up to `known`.
///
/// # Errors
/// Returns an error if the database fails.
pub(crate) fn counted_anew(conn: &mut AnyConnection, seq: i64, known: Recorded) -> QueryResult<Vec<AreaId>> {
    let (mut areas, superseded): (Vec<AreaId>, Vec<AreaId>) =
        touched!(conn, area_counts, area_counts::area_id, seq, known);
    areas.extend(superseded);
    areas.sort_unstable();
    areas.dedup();
    Ok(areas)
}

/// Returns the counts of these areas.
///
/// # Errors
/// Returns an error if the database fails.
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

/// Returns all areas that these organizations are or ever were known to be in.
///
/// # Errors
/// Returns an error if the database fails.
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

/// Returns the versions of these organizations, by organization and day.
///
/// # Errors
/// Returns an error if the database fails.
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
