//! The predecessors and successors of areas.

use chrono::NaiveDate;
use diesel::prelude::*;
use qiaojian_domain::area::SuccessionKind;
use qiaojian_domain::clock::UtcTime;
use qiaojian_domain::ids::AreaId;

use super::AreaVersion;
use crate::Recorded;
use crate::db::AnyConnection;
use crate::db::schema::area_successions;
use crate::ledger::Recording;
use crate::predicates::known_at;

/// One area succeeded another on a date.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = area_successions)]
pub struct Succession {
    pub predecessor_id: AreaId,
    pub successor_id: AreaId,
    pub recorded_seq: i64,
    pub recorded_at: UtcTime,
    pub superseded_seq: Option<i64>,
    pub superseded_at: Option<UtcTime>,
    pub kind: SuccessionKind,
    pub on_date: NaiveDate,
}

pub(super) fn record(
    recording: &mut Recording<'_, '_>,
    (predecessor, successor): (AreaId, AreaId),
    kind: SuccessionKind,
    on: NaiveDate,
) -> QueryResult<()> {
    let recorded = recording.recorded();
    diesel::insert_into(area_successions::table)
        .values(&Succession {
            predecessor_id: predecessor,
            successor_id: successor,
            recorded_seq: recorded.seq,
            recorded_at: recorded.at,
            superseded_seq: None,
            superseded_at: None,
            kind,
            on_date: on,
        })
        .execute(recording.conn())?;
    Ok(())
}

/// Returns the predecessors and successors of the area, earliest first.
///
/// # Errors
/// Returns an error if the database fails.
pub fn of_area(conn: &mut AnyConnection, area: AreaId) -> QueryResult<Vec<Succession>> {
    area_successions::table
        .filter(area_successions::superseded_seq.is_null())
        .filter(
            area_successions::predecessor_id
                .eq(area)
                .or(area_successions::successor_id.eq(area)),
        )
        .order((area_successions::on_date, area_successions::recorded_seq))
        .select(Succession::as_select())
        .load(conn)
}

/// Returns whether `from` was merged into `into` on `on`, which moved its children.
fn merged(conn: &mut AnyConnection, (from, into): (AreaId, AreaId), on: NaiveDate) -> QueryResult<bool> {
    diesel::select(diesel::dsl::exists(
        area_successions::table
            .filter(area_successions::superseded_seq.is_null())
            .filter(area_successions::predecessor_id.eq(from))
            .filter(area_successions::successor_id.eq(into))
            .filter(area_successions::kind.eq(SuccessionKind::Merge))
            .filter(area_successions::on_date.eq(on)),
    ))
    .get_result(conn)
}

/// Returns whether an area itself changed its place between two consecutive rows, by another code or another parent.
/// That its parent was merged into another area is not an own change.
pub(super) fn moves_between(
    recording: &mut Recording<'_, '_>,
    before: &AreaVersion,
    after: &AreaVersion,
) -> QueryResult<bool> {
    if before.code != after.code {
        return Ok(true);
    }
    match (before.parent_id, after.parent_id) {
        (one, other) if one == other => Ok(false),
        (Some(from), Some(into)) => Ok(!merged(recording.conn(), (from, into), after.valid_from)?),
        _ => Ok(true),
    }
}

/// Returns the day on which an area left the place of the first of its rows by an own change.
pub(super) fn left_on(
    recording: &mut Recording<'_, '_>,
    rows: &[AreaVersion],
) -> QueryResult<Option<NaiveDate>> {
    for (before, after) in rows.iter().zip(rows.iter().skip(1)) {
        if moves_between(recording, before, after)? {
            return Ok(Some(after.valid_from));
        }
    }
    Ok(None)
}

/// Returns the parents, from a day on, of whatever is below an area on that day: the area itself and, if it was merged,
/// the area it was merged into, and so on. Each comes with its first day; the last has no end.
pub(super) fn place_of(
    recording: &mut Recording<'_, '_>,
    area: AreaId,
    day: NaiveDate,
) -> QueryResult<Vec<(NaiveDate, AreaId)>> {
    let mut places = vec![(day, area)];
    let mut at = area;
    while let Some((on, into)) = area_successions::table
        .filter(area_successions::superseded_seq.is_null())
        .filter(area_successions::predecessor_id.eq(at))
        .filter(area_successions::kind.eq(SuccessionKind::Merge))
        .filter(area_successions::on_date.gt(day))
        .select((area_successions::on_date, area_successions::successor_id))
        .first::<(NaiveDate, AreaId)>(recording.conn())
        .optional()?
    {
        if places.iter().any(|(_, known)| *known == into) {
            break;
        }
        places.push((on, into));
        at = into;
    }
    Ok(places)
}

/// Returns the area that an area was merged into on a day.
pub(super) fn merged_into(
    conn: &mut AnyConnection,
    area: AreaId,
    on: NaiveDate,
) -> QueryResult<Option<AreaId>> {
    area_successions::table
        .filter(area_successions::superseded_seq.is_null())
        .filter(area_successions::predecessor_id.eq(area))
        .filter(area_successions::kind.eq(SuccessionKind::Merge))
        .filter(area_successions::on_date.eq(on))
        .select(area_successions::successor_id)
        .first(conn)
        .optional()
}

/// Withdraws that one area succeeded another.
pub(super) fn withdraw(
    recording: &mut Recording<'_, '_>,
    (predecessor, successor): (AreaId, AreaId),
    kind: SuccessionKind,
) -> QueryResult<()> {
    let recorded = recording.recorded();
    diesel::update(
        area_successions::table
            .filter(area_successions::superseded_seq.is_null())
            .filter(area_successions::predecessor_id.eq(predecessor))
            .filter(area_successions::successor_id.eq(successor))
            .filter(area_successions::kind.eq(kind)),
    )
    .set((
        area_successions::superseded_seq.eq(recorded.seq),
        area_successions::superseded_at.eq(recorded.at),
    ))
    .execute(recording.conn())?;
    Ok(())
}

/// Returns every merger and division after `from` and on or before `to`, as known at `known`.
pub(super) fn all_between(
    conn: &mut AnyConnection,
    (from, to): (NaiveDate, NaiveDate),
    known: Recorded,
) -> QueryResult<Vec<Succession>> {
    area_successions::table
        .filter(known_at!(area_successions, known))
        .filter(area_successions::on_date.gt(from))
        .filter(area_successions::on_date.le(to))
        .select(Succession::as_select())
        .load(conn)
}
