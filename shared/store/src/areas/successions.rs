//! Which areas came out of which.

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

/// One area came out of another on a day.
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

/// What the area came out of, and what came out of it, the earliest first.
///
/// # Errors
/// The database's.
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

/// Whether what stood below the one stands below the other since `on` because the one was merged into the other.
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

/// Whether between two rows of an area, one behind the other, it was itself that went to another place: by another code, or under another
/// area. That the one above it was merged into another is no change of its own.
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

/// The day on which an area, by a change of its own, left the place where the first of its rows has it.
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

/// Where what is set up below an area on a day stands from then on: under it and, when it was merged, under the one it went into. Each with
/// the day from which on, and the last for ever.
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

/// The area that one was merged into on a day.
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

/// Takes back that one area came out of another.
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

/// Every merger and division behind `from` and up to `to`, as known at `known`.
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
