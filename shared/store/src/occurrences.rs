//! The due periods of a schedule, each recorded exactly once: UNIQUE (schedule, period).

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::Bool;
use qiaojian_domain::clock::UtcTime;
use qiaojian_domain::delivery::OccurrenceState;
use qiaojian_domain::ids::{BulletinId, OccurrenceId, ScheduleId};
use qiaojian_domain::period::Period;
use qiaojian_domain::schedule::{DueOccurrence, OccurrenceReason, Verdict};

use crate::db::AnyConnection;
use crate::db::dialect::insert_if_absent;
use crate::db::schema::{occurrences, schedules};

/// One period of one schedule.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = occurrences)]
pub struct OccurrenceRow {
    pub id: OccurrenceId,
    pub schedule_id: ScheduleId,
    pub period: Period,
    pub due_at: UtcTime,
    pub state: OccurrenceState,
    /// A word of [`qiaojian_domain::schedule::OccurrenceReason`], or the error of the last attempt to compose it.
    pub reason: Option<String>,
    pub bulletin_id: Option<BulletinId>,
    /// Number of failed attempts to compose it.
    pub failures: i32,
    /// Not composed before this time: a failed attempt waits, and a worker that is composing it keeps others away.
    pub not_before: UtcTime,
    pub created_at: UtcTime,
    pub updated_at: UtcTime,
}

/// Inserts an occurrence unless it exists; returns `true` if it is new.
///
/// # Errors
/// Returns an error if the database fails.
pub fn insert(
    conn: &mut AnyConnection,
    id: OccurrenceId,
    schedule: ScheduleId,
    due: &DueOccurrence,
    now: UtcTime,
) -> QueryResult<bool> {
    let row = OccurrenceRow {
        id,
        schedule_id: schedule,
        period: due.period,
        due_at: due.due_at,
        state: match due.verdict {
            Verdict::Open => OccurrenceState::Open,
            Verdict::Skipped(_) => OccurrenceState::Skipped,
            Verdict::Missed(_) => OccurrenceState::Missed,
        },
        reason: due.reason().map(|reason| reason.as_str().to_owned()),
        bulletin_id: None,
        failures: 0,
        not_before: now,
        created_at: now,
        updated_at: now,
    };
    insert_if_absent!(conn, occurrences::table, &row)
}

/// A literal instead of a bind parameter: otherwise the partial index cannot be used.
fn is_open() -> diesel::expression::SqlLiteral<Bool> {
    sql("occurrences.state = 'open'")
}

/// Returns the occurrence to compose next. Those of one schedule are composed in order of their periods, so that
/// serials follow the periods: a failed one blocks the later ones until it succeeds, or a person skips it. Occurrences
/// of a paused schedule wait.
///
/// # Errors
/// Returns an error if the database fails.
pub fn next_open(conn: &mut AnyConnection, now: UtcTime) -> QueryResult<Option<OccurrenceRow>> {
    let with_open: Vec<ScheduleId> = occurrences::table
        .inner_join(schedules::table)
        .filter(is_open())
        .filter(schedules::paused_at.is_null())
        .select(occurrences::schedule_id)
        .distinct()
        .load(conn)?;
    let mut next: Option<OccurrenceRow> = None;
    for schedule in with_open {
        let first: Option<OccurrenceRow> = occurrences::table
            .filter(is_open())
            .filter(occurrences::schedule_id.eq(schedule))
            .order((occurrences::due_at, occurrences::period, occurrences::id))
            .select(OccurrenceRow::as_select())
            .first(conn)
            .optional()?;
        let place = |row: &OccurrenceRow| (row.due_at, row.id);
        if let Some(first) = first.filter(|row| row.not_before <= now)
            && next.as_ref().is_none_or(|next| place(&first) < place(next))
        {
            next = Some(first);
        }
    }
    Ok(next)
}

/// Keeps other workers from composing the same occurrence until `until`. Returns `false` if another worker has it. This
/// only avoids wasted work: the UNIQUE key ensures that there is one bulletin.
///
/// # Errors
/// Returns an error if the database fails.
pub fn reserve(
    conn: &mut AnyConnection,
    id: OccurrenceId,
    now: UtcTime,
    until: UtcTime,
) -> QueryResult<bool> {
    let reserved = diesel::update(occurrences::table.find(id))
        .filter(occurrences::state.eq(OccurrenceState::Open))
        .filter(occurrences::not_before.le(now))
        .set((occurrences::not_before.eq(until), occurrences::updated_at.eq(now)))
        .execute(conn)?;
    Ok(reserved == 1)
}

/// Records the bulletin composed for it. Returns `false` if it was no longer open.
///
/// # Errors
/// Returns an error if the database fails.
pub fn composed(
    conn: &mut AnyConnection,
    id: OccurrenceId,
    bulletin: BulletinId,
    now: UtcTime,
) -> QueryResult<bool> {
    let updated = diesel::update(occurrences::table.find(id))
        .filter(occurrences::state.eq(OccurrenceState::Open))
        .set((
            occurrences::state.eq(OccurrenceState::Composed),
            occurrences::bulletin_id.eq(bulletin),
            occurrences::reason.eq(None::<String>),
            occurrences::updated_at.eq(now),
        ))
        .execute(conn)?;
    Ok(updated == 1)
}

/// Records that an attempt to compose it failed, and when to retry.
///
/// # Errors
/// Returns an error if the database fails.
pub fn failed(
    conn: &mut AnyConnection,
    id: OccurrenceId,
    reason: &str,
    now: UtcTime,
    not_before: UtcTime,
) -> QueryResult<bool> {
    let updated = diesel::update(occurrences::table.find(id))
        .filter(occurrences::state.eq(OccurrenceState::Open))
        .set((
            occurrences::failures.eq(occurrences::failures + 1),
            occurrences::reason.eq(reason),
            occurrences::not_before.eq(not_before),
            occurrences::updated_at.eq(now),
        ))
        .execute(conn)?;
    Ok(updated == 1)
}

/// Marks as missed those open occurrences whose period satisfies `is_meant`.
///
/// # Errors
/// Returns an error if the database fails.
pub fn settle(
    conn: &mut AnyConnection,
    schedule: ScheduleId,
    reason: OccurrenceReason,
    now: UtcTime,
    is_meant: impl Fn(Period) -> bool,
) -> QueryResult<()> {
    let open: Vec<(OccurrenceId, Period)> = occurrences::table
        .filter(is_open())
        .filter(occurrences::schedule_id.eq(schedule))
        .select((occurrences::id, occurrences::period))
        .load(conn)?;
    for (id, _) in open.into_iter().filter(|(_, period)| is_meant(*period)) {
        diesel::update(occurrences::table.find(id))
            .set((
                occurrences::state.eq(OccurrenceState::Missed),
                occurrences::reason.eq(reason.as_str()),
                occurrences::updated_at.eq(now),
            ))
            .execute(conn)?;
    }
    Ok(())
}

/// Deletes the skipped and missed occurrences from a period on, so that they are decided again.
///
/// # Errors
/// Returns an error if the database fails.
pub fn forget_left_out(conn: &mut AnyConnection, schedule: ScheduleId, from: Period) -> QueryResult<()> {
    let rows: Vec<(OccurrenceId, Period)> = occurrences::table
        .filter(occurrences::schedule_id.eq(schedule))
        .filter(occurrences::state.eq_any([OccurrenceState::Missed, OccurrenceState::Skipped]))
        .select((occurrences::id, occurrences::period))
        .load(conn)?;
    for (id, _) in rows.into_iter().filter(|(_, period)| *period >= from) {
        diesel::delete(occurrences::table.find(id)).execute(conn)?;
    }
    Ok(())
}

/// Returns the occurrences of a schedule by due time, after the cursor `after`: due time and id of the last one seen.
///
/// # Errors
/// Returns an error if the database fails.
pub fn of_schedule(
    conn: &mut AnyConnection,
    schedule: ScheduleId,
    after: Option<(UtcTime, OccurrenceId)>,
    limit: i64,
) -> QueryResult<Vec<OccurrenceRow>> {
    let mut query = occurrences::table
        .filter(occurrences::schedule_id.eq(schedule))
        .order((occurrences::due_at, occurrences::id))
        .limit(limit)
        .select(OccurrenceRow::as_select())
        .into_boxed();
    if let Some((at, id)) = after {
        let due_at = occurrences::due_at;
        query = query.filter(due_at.gt(at).or(due_at.eq(at).and(occurrences::id.gt(id))));
    }
    query.load(conn)
}
