//! What is known of areas from a day on, and how it is rewritten: nothing is overwritten, the rows that are replaced stay, superseded.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::NaiveDate;
use diesel::dsl::min;
use diesel::prelude::*;

use super::{AreaVersion, Subtree};
use crate::db::AnyConnection;
use crate::db::dialect::on_either;
use crate::db::schema::area_versions;
use crate::domain::Violation;
use crate::domain::area::not_there_yet;
use crate::ids::AreaId;
use crate::store::ledger::Recording;
use crate::store::predicates::within;
use crate::store::{StoreError, StoreResult};

/// Rows in one statement; a database takes so many parameters and no more.
const CHUNK: usize = 500;

/// What is known, as far as it reaches beyond a day.
macro_rules! known_from {
    ($day:expr) => {
        area_versions::superseded_seq.is_null().and(
            area_versions::valid_to
                .is_null()
                .or(area_versions::valid_to.gt($day)),
        )
    };
}

/// What is known of one area from `day` on, in the order of validity.
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

/// What stands in a subtree from `day` on, as far as it is known.
pub(super) fn of_subtree(
    recording: &mut Recording<'_, '_>,
    subtree: &Subtree,
    day: NaiveDate,
) -> QueryResult<Vec<AreaVersion>> {
    area_versions::table
        .filter(known_from!(day))
        .filter(within!(subtree))
        .order((area_versions::path, area_versions::valid_from))
        .select(AreaVersion::as_select())
        .load(recording.conn())
}

/// The area as it was on `day`.
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

/// Refuses what is told of an area for days before it was there, which are those before its first version that is known.
///
/// # Errors
/// [`StoreError::Invalid`] at `pointer`, or the database's.
pub fn refuse_days_before(
    recording: &mut Recording<'_, '_>,
    area: &AreaVersion,
    pointer: &'static str,
    day: NaiveDate,
) -> StoreResult<()> {
    // Mostly it stands as it does since long before, and nothing has to be asked.
    if area.valid_from <= day {
        return Ok(());
    }
    match first_days(recording.conn(), [area.area_id])?.get(&area.area_id) {
        Some(since) if *since > day => Err(not_there_yet(pointer, *since).into()),
        _ => Ok(()),
    }
}

/// Since when these areas are there, as is known now.
///
/// # Errors
/// The database's.
pub fn first_days(
    conn: &mut AnyConnection,
    of: impl IntoIterator<Item = AreaId>,
) -> QueryResult<HashMap<AreaId, NaiveDate>> {
    let of: BTreeSet<AreaId> = of.into_iter().collect();
    if of.is_empty() {
        return Ok(HashMap::new());
    }
    let rows: Vec<(AreaId, Option<NaiveDate>)> = area_versions::table
        .filter(area_versions::area_id.eq_any(of))
        .filter(area_versions::superseded_seq.is_null())
        .group_by(area_versions::area_id)
        .select((area_versions::area_id, min(area_versions::valid_from)))
        .load(conn)?;
    Ok(rows
        .into_iter()
        .filter_map(|(id, since)| Some((id, since?)))
        .collect())
}

/// From `day` on, the rows are as `change` makes them; what was true before stays true before.
pub(super) fn rewrite(
    recording: &mut Recording<'_, '_>,
    known: &[AreaVersion],
    day: NaiveDate,
    reason: &str,
    change: impl Fn(&mut AreaVersion),
) -> StoreResult<()> {
    let mut versions: BTreeMap<AreaId, i64> = BTreeMap::new();
    for row in known {
        let version = versions.entry(row.area_id).or_default();
        *version = row.version.max(*version);
    }
    let recorded = recording.recorded();
    let mut rows = Vec::with_capacity(known.len() * 2);
    for segment in known {
        let anew = AreaVersion {
            version: versions.get(&segment.area_id).map_or(1, |version| version + 1),
            recorded_seq: recorded.seq,
            recorded_at: recorded.at,
            ..segment.clone()
        };
        if segment.valid_from < day {
            rows.push(AreaVersion {
                valid_to: Some(day),
                ended: false,
                ..anew.clone()
            });
        }
        let mut changed = AreaVersion {
            valid_from: segment.valid_from.max(day),
            reason: Some(reason.to_owned()),
            ..anew
        };
        change(&mut changed);
        rows.push(changed);
    }
    supersede(recording, known, day)?;
    insert(recording, &rows)
}

/// Marks these rows as superseded: what is known of their areas on their paths beyond `day`. The same area may be known to stand
/// elsewhere later, which stays.
pub(super) fn supersede(
    recording: &mut Recording<'_, '_>,
    rows: &[AreaVersion],
    day: NaiveDate,
) -> StoreResult<()> {
    let recorded = recording.recorded();
    for rows in rows.chunks(CHUNK) {
        let areas: BTreeSet<AreaId> = rows.iter().map(|row| row.area_id).collect();
        let paths: BTreeSet<&str> = rows.iter().map(|row| row.path.as_str()).collect();
        diesel::update(
            area_versions::table
                .filter(known_from!(day))
                .filter(area_versions::area_id.eq_any(areas))
                .filter(area_versions::path.eq_any(paths)),
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
            .execute(conn))
        .map_err(|error| StoreError::from(error).or_conflict("area_code_taken"))?;
    }
    Ok(())
}

/// A code belongs to one area at a time.
pub(super) fn refuse_taken_code(
    recording: &mut Recording<'_, '_>,
    code: &str,
    id: AreaId,
    day: NaiveDate,
) -> StoreResult<()> {
    let others: i64 = area_versions::table
        .filter(known_from!(day))
        .filter(area_versions::code.eq(code).and(area_versions::area_id.ne(id)))
        .count()
        .get_result(recording.conn())?;
    if others == 0 {
        Ok(())
    } else {
        Err(StoreError::Conflict("area_code_taken"))
    }
}

/// An area to stand under, or to go into, stands since `day` where it stands now.
pub(super) fn refuse_other_path(
    recording: &mut Recording<'_, '_>,
    above: &AreaVersion,
    pointer: &'static str,
    day: NaiveDate,
) -> StoreResult<()> {
    let known = of_area(recording, above.area_id, day)?;
    let since = known
        .iter()
        .rev()
        .take_while(|segment| segment.path == above.path)
        .last()
        .map_or(above.valid_from, |segment| segment.valid_from);
    if since <= day {
        Ok(())
    } else {
        Err(Violation::new(
            pointer,
            "before_last_change",
            format!("{}自 {since} 起才在现有位置，日期不能早于此日。", above.name),
            format!(
                "{} stands where it does since {since}; the date must not be earlier.",
                above.code
            ),
        )
        .into())
    }
}
