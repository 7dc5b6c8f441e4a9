//! Changes that people make to schedules: update, end, set forward or back, pause, resume, delete.

use diesel::dsl::{exists, max, min, select};
use diesel::prelude::*;
use qiaojian_domain::Violation;
use qiaojian_domain::clock::{Clock, Entropy, UtcTime};
use qiaojian_domain::digest::{canonical, digest_of};
use qiaojian_domain::ids::{OccurrenceId, ScheduleId};
use qiaojian_domain::period::Period;
use qiaojian_domain::schedule::{Approval, DueOccurrence, OccurrenceReason, Plan, PlanFields, Verdict};
use qiaojian_domain::violation::{TEXT_CHARS, check_optional_text};
use qiaojian_domain::{Conflict, Noun};

use super::tick::{advance, calendar};
use super::{Recipients, ScheduleRow, audit, checked, find, refuse_twin};
use crate::areas::Subtree;
use crate::audit::Entry;
use crate::db::AnyConnection;
use crate::db::schema::{occurrences as occurrences_table, schedules};
use crate::ledger::Recording;
use crate::{StoreError, StoreResult, occurrences, unless_stale};

/// Maximum number of periods that can be skipped at once.
const MOST_PASSED_OVER: usize = 1000;

/// The new state of a schedule.
#[derive(Debug, Clone)]
pub struct Change {
    pub recipients: Recipients,
    pub plan: PlanFields,
    pub approval: Approval,
    /// The period to issue next, chosen by a person; requires a reason.
    pub next_period: Option<Period>,
    pub reason: Option<String>,
}

/// Changes a schedule. Periods that have a row keep it, so that no change of the timing issues one twice or omits one;
/// open ones that no longer belong to the schedule are marked as missed.
///
/// With `next_period` the schedule continues from there: periods in between are marked as missed, and if it goes back,
/// periods without a bulletin are decided again by the policy.
///
/// # Errors
/// The errors of [`super::create`], [`StoreError::NotFound`], [`StoreError::Stale`], or a database error.
pub fn update(
    recording: &mut Recording<'_, '_>,
    (clock, entropy): (&dyn Clock, &dyn Entropy),
    visible: &Subtree,
    id: ScheduleId,
    expected: i64,
    change: &Change,
) -> StoreResult<ScheduleRow> {
    let before = find(recording.conn(), visible, id)?;
    unless_stale(Some(expected), before.version)?;
    let mut violations = Vec::new();
    check_optional_text(&mut violations, "/reason", change.reason.as_deref(), TEXT_CHARS);
    if change.next_period.is_some() && change.reason.is_none() {
        violations.push(reason_required());
    }
    if !violations.is_empty() {
        return Err(StoreError::Invalid(violations));
    }
    let plan = checked(before.kind, &change.recipients, &change.plan)?;
    let now = recording.now();
    let calendar = calendar(recording.conn(), change.plan.workday_policy)?;
    let standing = if change.plan == before.plan_fields() {
        before.cursor_at
    } else {
        cursor_of_new_timing(recording.conn(), id, &plan, change.plan.starts_period)?
    };
    let mut cursor_at = standing;
    if let Some(next) = change.next_period {
        check_next(&change.plan, next)?;
        cursor_at = plan.cursor_before(next);
        let mut passed = plan.upcoming(standing, MOST_PASSED_OVER + 1, &|day| calendar.is_workday(day));
        passed.retain(|occurrence| occurrence.period < next);
        if passed.len() > MOST_PASSED_OVER {
            return Err(too_far().into());
        }
        for occurrence in &passed {
            let missed = DueOccurrence {
                verdict: Verdict::Missed(OccurrenceReason::PassedOver),
                ..*occurrence
            };
            let id = OccurrenceId::generate(clock, entropy);
            occurrences::insert(recording.conn(), id, before.id, &missed, now)?;
        }
        occurrences::forget_left_out(recording.conn(), id, next)?;
        occurrences::settle(
            recording.conn(),
            id,
            OccurrenceReason::PassedOver,
            now,
            |period| period < next,
        )?;
    }
    let (starts, ends) = (change.plan.starts_period, change.plan.ends_period);
    occurrences::settle(
        recording.conn(),
        id,
        OccurrenceReason::OutsideSchedule,
        now,
        |period| period < starts || ends.is_some_and(|end| period > end),
    )?;
    let first = plan.upcoming(cursor_at, 1, &|day| calendar.is_workday(day));
    let fields = change.plan.clone();
    let after = ScheduleRow {
        version: before.version + 1,
        updated_at: now,
        recipients: canonical(&change.recipients)?,
        spec: fields.spec,
        time_zone: fields.time_zone,
        period_offset: fields.period_offset,
        starts_period: fields.starts_period,
        ends_period: fields.ends_period,
        workday_policy: fields.workday_policy,
        catch_up: fields.catch_up,
        catch_up_window_s: fields.catch_up_window_s,
        catch_up_cap: fields.catch_up_cap,
        approval: change.approval,
        cursor_at,
        next_due_at: first.first().map(|occurrence| occurrence.due_at),
        reason: change.reason.clone(),
        ..before.clone()
    };
    refuse_twin(recording.conn(), &after)?;
    diesel::update(schedules::table.find(id))
        .set(&after)
        .execute(recording.conn())?;
    recording.audit(&Entry {
        verb: "update",
        resource: Noun::Schedule,
        id: &id.to_string(),
        area: Some(after.issuer_area_id),
        before: Some(&digest_of(&before)?),
        after: Some(&digest_of(&after)?),
    })?;
    Ok(after)
}

/// Returns where a schedule with a new timing continues: after the last period that has a row, or from the beginning if
/// that was moved back.
fn cursor_of_new_timing(
    conn: &mut AnyConnection,
    id: ScheduleId,
    plan: &Plan,
    starts: Period,
) -> StoreResult<UtcTime> {
    let (first, last): (Option<Period>, Option<Period>) = occurrences_table::table
        .filter(occurrences_table::schedule_id.eq(id))
        .select((min(occurrences_table::period), max(occurrences_table::period)))
        .first(conn)?;
    let next = last.and_then(Period::next);
    Ok(match (first, next) {
        (Some(first), Some(next)) if first <= starts => plan.cursor_before(next.max(starts)),
        _ => plan.initial_cursor(),
    })
}

fn check_next(fields: &PlanFields, next: Period) -> Result<(), Violation> {
    let is_within = next.unit() == fields.period_unit
        && next >= fields.starts_period
        && fields.ends_period.is_none_or(|end| next <= end);
    if is_within {
        return Ok(());
    }
    Err(Violation::new(
        "/next_period",
        "outside_schedule",
        "下一期应在开始周期与结束周期之间，且周期单位相同。",
        "The next period must have the unit of the schedule, and be between its first and last period.",
    ))
}

fn reason_required() -> Violation {
    Violation::new(
        "/reason",
        "reason_required",
        "改变下一期时，请说明原因（reason）。",
        "Give the reason for changing the next period (reason).",
    )
}

fn too_far() -> Violation {
    Violation::new(
        "/next_period",
        "too_far",
        format!("一次最多跳过 {MOST_PASSED_OVER} 期；请改为推迟开始周期（starts_period）。"),
        format!(
            "At most {MOST_PASSED_OVER} periods can be skipped at once. Set a later starts_period instead."
        ),
    )
}

/// Deletes a schedule for which nothing was composed.
///
/// # Errors
/// [`StoreError::Conflict`] `schedule_in_use`, [`StoreError::NotFound`], [`StoreError::Stale`], or a database error.
pub fn delete(
    recording: &mut Recording<'_, '_>,
    visible: &Subtree,
    id: ScheduleId,
    expected: i64,
) -> StoreResult<()> {
    let before = find(recording.conn(), visible, id)?;
    unless_stale(Some(expected), before.version)?;
    let of_it = occurrences_table::schedule_id.eq(id);
    let composed = occurrences_table::table
        .filter(of_it)
        .filter(occurrences_table::bulletin_id.is_not_null());
    if select(exists(composed)).get_result(recording.conn())? {
        return Err(StoreError::Conflict(Conflict::ScheduleInUse));
    }
    diesel::delete(occurrences_table::table.filter(of_it)).execute(recording.conn())?;
    diesel::delete(schedules::table.find(id)).execute(recording.conn())?;
    recording.audit(&Entry {
        verb: "delete",
        resource: Noun::Schedule,
        id: &id.to_string(),
        area: Some(before.issuer_area_id),
        before: Some(&digest_of(&before)?),
        after: None,
    })?;
    Ok(())
}

/// Succeeds if a schedule is unchanged since it was read. Called in the transaction that would publish for it, because
/// a schedule that was paused, changed or deleted must not publish in its former state.
///
/// # Errors
/// [`StoreError::Conflict`] `schedule_changed`, or a database error.
pub fn unless_changed(conn: &mut AnyConnection, read: &ScheduleRow) -> StoreResult<()> {
    let version: Option<i64> = schedules::table
        .find(read.id)
        .select(schedules::version)
        .first(conn)
        .optional()?;
    if version == Some(read.version) {
        Ok(())
    } else {
        Err(StoreError::Conflict(Conflict::ScheduleChanged))
    }
}

/// Pauses a schedule until it is resumed. Pausing a paused one changes nothing.
///
/// # Errors
/// [`StoreError::NotFound`], or a database error.
pub fn pause(
    recording: &mut Recording<'_, '_>,
    visible: &Subtree,
    id: ScheduleId,
) -> StoreResult<ScheduleRow> {
    let mut row = find(recording.conn(), visible, id)?;
    if row.paused_at.is_some() {
        return Ok(row);
    }
    let now = recording.now();
    row.paused_at = Some(now);
    row.updated_at = now;
    row.version += 1;
    diesel::update(schedules::table.find(id))
        .set((
            schedules::paused_at.eq(now),
            schedules::updated_at.eq(now),
            schedules::version.eq(schedules::version + 1),
        ))
        .execute(recording.conn())?;
    audit(recording, "pause", &row)?;
    Ok(row)
}

/// Resumes a paused schedule. Periods that came due in between are caught up by its policy, or marked as missed if
/// `skip_missed` is set, together with those that were open.
///
/// # Errors
/// [`StoreError::NotFound`], or a database error.
pub fn resume(
    recording: &mut Recording<'_, '_>,
    (clock, entropy): (&dyn Clock, &dyn Entropy),
    visible: &Subtree,
    id: ScheduleId,
    skip_missed: bool,
) -> StoreResult<ScheduleRow> {
    let row = find(recording.conn(), visible, id)?;
    if row.paused_at.is_none() {
        return Ok(row);
    }
    let now = recording.now();
    if skip_missed {
        let reason = OccurrenceReason::SkippedOnResume;
        occurrences::settle(recording.conn(), id, reason, now, |_| true)?;
        let calendar = calendar(recording.conn(), row.workday_policy)?;
        let plan = row.plan().map_err(StoreError::Invalid)?;
        let mut due = plan.due(row.cursor_at, now, &|day| calendar.is_workday(day), usize::MAX);
        due.skip_all();
        for occurrence in &due.occurrences {
            let id = OccurrenceId::generate(clock, entropy);
            occurrences::insert(recording.conn(), id, row.id, occurrence, now)?;
        }
        advance(recording.conn(), &row, &due)?;
    }
    diesel::update(schedules::table.find(id))
        .set((
            schedules::paused_at.eq(None::<UtcTime>),
            schedules::updated_at.eq(now),
            schedules::version.eq(schedules::version + 1),
        ))
        .execute(recording.conn())?;
    let resumed = find(recording.conn(), visible, id)?;
    audit(recording, "resume", &resumed)?;
    Ok(resumed)
}
