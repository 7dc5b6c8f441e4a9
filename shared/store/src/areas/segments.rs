//! The known versions of areas from a day on, and how they are rewritten: nothing is overwritten, replaced rows are
//! kept as superseded.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::NaiveDate;
use diesel::dsl::min;
use diesel::prelude::*;
use qiaojian_domain::area::not_there_yet;
use qiaojian_domain::ids::AreaId;

use super::{AreaVersion, Subtree};
use crate::db::AnyConnection;
use crate::db::dialect::on_either;
use crate::db::schema::area_versions;
use crate::ledger::Recording;
use crate::predicates::{known_at, within};
use crate::{Recorded, StoreResult};

/// Maximum rows per statement; databases limit the number of parameters.
const CHUNK: usize = 500;

/// The known versions that extend beyond a day.
macro_rules! known_from {
    ($day:expr) => {
        area_versions::superseded_seq.is_null().and(
            area_versions::valid_to
                .is_null()
                .or(area_versions::valid_to.gt($day)),
        )
    };
}

/// Returns the known versions of one area from `day` on, in order of valid time.
pub(super) fn of_area(
    recording: &mut Recording<'_, '_>,
    id: AreaId,
    day: NaiveDate,
) -> QueryResult<Vec<AreaVersion>> {
    area_versions::table
        .filter(known_from!(day))
        .filter(area_versions::area_id.eq(id))
        .order(area_versions::valid_from)
        .select(AreaVersion::as_select())
        .load(recording.conn())
}

/// Returns the known versions of areas that reach `day`, each area in order of valid time, including a row that ends on
/// the day.
pub(super) fn known_of(
    recording: &mut Recording<'_, '_>,
    ids: &BTreeSet<AreaId>,
    day: NaiveDate,
) -> QueryResult<BTreeMap<AreaId, Vec<AreaVersion>>> {
    let ids: Vec<AreaId> = ids.iter().copied().collect();
    let mut known: BTreeMap<AreaId, Vec<AreaVersion>> = BTreeMap::new();
    for ids in ids.chunks(CHUNK) {
        let rows: Vec<AreaVersion> = area_versions::table
            .filter(known_from!(day.pred_opt().unwrap_or(day)))
            .filter(area_versions::area_id.eq_any(ids.to_vec()))
            .order(area_versions::valid_from)
            .select(AreaVersion::as_select())
            .load(recording.conn())?;
        for row in rows {
            known.entry(row.area_id).or_default().push(row);
        }
    }
    Ok(known)
}

/// Returns the areas at one of these paths or below it at some time from `day` on.
pub(super) fn below(
    recording: &mut Recording<'_, '_>,
    paths: &BTreeSet<String>,
    day: NaiveDate,
) -> QueryResult<BTreeSet<AreaId>> {
    let mut found = BTreeSet::new();
    for path in paths {
        let subtree = Subtree::rooted_at(path);
        let ids: Vec<AreaId> = area_versions::table
            .filter(known_from!(day))
            .filter(within!(subtree))
            .select(area_versions::area_id)
            .load(recording.conn())?;
        found.extend(ids);
    }
    Ok(found)
}

/// Returns the version of the area on `day`.
pub(super) fn standing_on(
    recording: &mut Recording<'_, '_>,
    area: &AreaVersion,
    day: NaiveDate,
) -> StoreResult<AreaVersion> {
    let known = of_area(recording, area.area_id, day)?;
    match known.into_iter().next() {
        Some(first) if first.valid_from <= day => Ok(first),
        first => Err(not_there_yet("/on", first.map_or(area.valid_from, |first| first.valid_from)).into()),
    }
}

/// Rejects a day before the area existed, that is, before its first known version.
///
/// # Errors
/// [`crate::StoreError::Invalid`] at `pointer`, or a database error.
pub fn refuse_days_before(
    recording: &mut Recording<'_, '_>,
    area: &AreaVersion,
    pointer: &'static str,
    day: NaiveDate,
) -> StoreResult<()> {
    // Usually the current version is old enough, and no query is needed.
    if area.valid_from <= day {
        return Ok(());
    }
    let known = recording.recorded();
    match first_days(recording.conn(), [area.area_id], known)?.get(&area.area_id) {
        Some(since) if *since > day => Err(not_there_yet(pointer, *since).into()),
        _ => Ok(()),
    }
}

/// Returns the first day of each of these areas, as known at `known`.
///
/// # Errors
/// Returns an error if the database fails.
pub fn first_days(
    conn: &mut AnyConnection,
    of: impl IntoIterator<Item = AreaId>,
    known: Recorded,
) -> QueryResult<HashMap<AreaId, NaiveDate>> {
    let of: BTreeSet<AreaId> = of.into_iter().collect();
    let of: Vec<AreaId> = of.into_iter().collect();
    let mut days = HashMap::new();
    for areas in of.chunks(CHUNK) {
        let rows: Vec<(AreaId, NaiveDate)> = area_versions::table
            .filter(area_versions::area_id.eq_any(areas))
            .filter(known_at!(area_versions, known))
            .group_by(area_versions::area_id)
            .select((
                area_versions::area_id,
                min(area_versions::valid_from).assume_not_null(),
            ))
            .load(conn)?;
        days.extend(rows);
    }
    Ok(days)
}

/// Supersedes the known versions of these areas that extend beyond `day`.
pub(super) fn supersede(
    recording: &mut Recording<'_, '_>,
    areas: &BTreeSet<AreaId>,
    day: NaiveDate,
) -> StoreResult<()> {
    let recorded = recording.recorded();
    let areas: Vec<AreaId> = areas.iter().copied().collect();
    for areas in areas.chunks(CHUNK) {
        diesel::update(
            area_versions::table
                .filter(known_from!(day))
                .filter(area_versions::area_id.eq_any(areas.to_vec())),
        )
        .set((
            area_versions::superseded_seq.eq(recorded.seq),
            area_versions::superseded_at.eq(recorded.at),
        ))
        .execute(recording.conn())?;
    }
    Ok(())
}

pub(super) fn insert(recording: &mut Recording<'_, '_>, rows: &[AreaVersion]) -> StoreResult<()> {
    for rows in rows.chunks(CHUNK) {
        on_either!(recording.conn(), |conn| diesel::insert_into(area_versions::table)
            .values(rows)
            .execute(conn))?;
    }
    Ok(())
}

/// Returns the known versions, from `day` on, of areas with one of these codes.
pub(super) fn code_holders(
    recording: &mut Recording<'_, '_>,
    codes: &BTreeSet<&str>,
    day: NaiveDate,
) -> QueryResult<Vec<AreaVersion>> {
    let codes: Vec<&str> = codes.iter().copied().collect();
    let mut rows = Vec::new();
    for codes in codes.chunks(CHUNK) {
        rows.extend(
            area_versions::table
                .filter(known_from!(day))
                .filter(area_versions::code.eq_any(codes.to_vec()))
                .select(AreaVersion::as_select())
                .load(recording.conn())?,
        );
    }
    Ok(rows)
}
