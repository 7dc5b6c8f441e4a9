//! Turns passing time into occurrences, each exactly once.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Datelike as _, NaiveDate, Weekday};
use diesel::prelude::*;
use qiaojian_domain::clock::{Clock, Entropy, UtcTime};
use qiaojian_domain::ids::OccurrenceId;
use qiaojian_domain::schedule::{Due, Verdict, WorkdayPolicy};
use serde::Serialize;

use super::{FORWARD, OCCURRENCES_PER_TICK, SCHEDULES_PER_TICK, ScheduleRow};
use crate::db::schema::{calendar_days, schedules};
use crate::db::{AnyConnection, Tx};
use crate::{StoreResult, occurrences};

/// The effects of a tick.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Ticked {
    /// Schedules whose cursor moved.
    pub schedules: usize,
    /// Occurrences to compose.
    pub opened: usize,
    /// Occurrences skipped by a rule of their schedule.
    pub skipped: usize,
    /// Occurrences that came due and are not caught up.
    pub missed: usize,
    /// Schedules whose row cannot be parsed; nothing is due for them until they are repaired.
    pub unreadable: usize,
    /// Whether more work is pending.
    pub more: bool,
}

/// Returns the schedules that are due, or may be.
fn due_schedules(conn: &mut AnyConnection, now: UtcTime) -> QueryResult<Vec<ScheduleRow>> {
    let next_due_at = schedules::next_due_at.assume_not_null();
    // A calendar published after `next_due_at` was set can bring an occurrence forward, so these are examined early.
    let may_come_forward = schedules::workday_policy
        .eq(WorkdayPolicy::Previous)
        .and(next_due_at.le(now.plus(FORWARD)));
    schedules::table
        .filter(schedules::paused_at.is_null())
        .filter(schedules::next_due_at.is_not_null())
        .filter(next_due_at.le(now).or(may_come_forward))
        .order(schedules::next_due_at)
        .limit(SCHEDULES_PER_TICK)
        .select(ScheduleRow::as_select())
        .load(conn)
}

/// Returns whether a tick would find a schedule to process. Runs on a read lane, so that an idle worker writes nothing.
///
/// # Errors
/// Returns an error if the database fails.
pub fn anything_due(conn: &mut AnyConnection, now: UtcTime) -> StoreResult<bool> {
    for schedule in due_schedules(conn, now)? {
        let Ok(plan) = schedule.plan() else { continue };
        let calendar = calendar(conn, schedule.workday_policy)?;
        let due = plan.due(schedule.cursor_at, now, &|day| calendar.is_workday(day), 1);
        if changes(&schedule, &due) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn changes(schedule: &ScheduleRow, due: &Due) -> bool {
    !due.occurrences.is_empty()
        || due.new_cursor != schedule.cursor_at
        || due.next_due_at != schedule.next_due_at
}

/// Turns passing time into occurrences. Any number of workers may do so concurrently: an existing row is left
/// unchanged, and the cursor moves only from where it was read.
///
/// # Errors
/// Returns an error if the database fails.
pub fn tick(tx: &mut Tx<'_>, clock: &dyn Clock, entropy: &dyn Entropy) -> StoreResult<Ticked> {
    let mut ticked = Ticked::default();
    let mut left = OCCURRENCES_PER_TICK;
    for schedule in due_schedules(tx.conn, tx.now)? {
        let Ok(plan) = schedule.plan() else {
            tracing::error!(schedule = %schedule.id, "A schedule cannot be read; nothing becomes due by it until it is corrected.");
            ticked.unreadable += 1;
            continue;
        };
        if left == 0 {
            ticked.more = true;
            break;
        }
        let calendar = calendar(tx.conn, schedule.workday_policy)?;
        let due = plan.due(schedule.cursor_at, tx.now, &|day| calendar.is_workday(day), left);
        if !changes(&schedule, &due) {
            continue;
        }
        // Moves the cursor first: it moves only from where it was read, so a concurrent pause or edit stops the
        // processing here.
        if !advance(tx.conn, &schedule, &due)? {
            ticked.more = true;
            continue;
        }
        ticked.schedules += 1;
        for occurrence in &due.occurrences {
            let id = OccurrenceId::generate(clock, entropy);
            if occurrences::insert(tx.conn, id, schedule.id, occurrence, tx.now)? {
                match occurrence.verdict {
                    Verdict::Open => ticked.opened += 1,
                    Verdict::Skipped(_) => ticked.skipped += 1,
                    Verdict::Missed(_) => ticked.missed += 1,
                }
            }
        }
        left -= due.occurrences.len();
        ticked.more |= due.next_due_at.is_some_and(|next| next <= tx.now);
    }
    Ok(ticked)
}

/// Moves the cursor from where it was read. Returns `false` if another worker has moved it, or the schedule was edited.
pub(super) fn advance(conn: &mut AnyConnection, schedule: &ScheduleRow, due: &Due) -> QueryResult<bool> {
    let moved = diesel::update(schedules::table.find(schedule.id))
        .filter(schedules::version.eq(schedule.version))
        .filter(schedules::cursor_at.eq(schedule.cursor_at))
        .set((
            schedules::cursor_at.eq(due.new_cursor),
            schedules::next_due_at.eq(due.next_due_at),
        ))
        .execute(conn)?;
    Ok(moved == 1)
}

/// The published working calendar.
#[derive(Debug, Clone, Default)]
pub struct WorkCalendar {
    exceptions: BTreeMap<NaiveDate, bool>,
    years: BTreeSet<i32>,
}

impl WorkCalendar {
    /// Returns whether it is a working day; `None` if the calendar of the year is not published.
    pub fn is_workday(&self, day: NaiveDate) -> Option<bool> {
        let weekday = !matches!(day.weekday(), Weekday::Sat | Weekday::Sun);
        let usual = self.years.contains(&day.year()).then_some(weekday);
        self.exceptions.get(&day).copied().or(usual)
    }
}

/// Returns the latest known working calendar; empty for a policy that does not use it.
pub(super) fn calendar(conn: &mut AnyConnection, policy: WorkdayPolicy) -> QueryResult<WorkCalendar> {
    if policy == WorkdayPolicy::None {
        return Ok(WorkCalendar::default());
    }
    let days: Vec<(NaiveDate, String)> = calendar_days::table
        .filter(calendar_days::superseded_seq.is_null())
        .select((calendar_days::on_date, calendar_days::kind))
        .load(conn)?;
    Ok(WorkCalendar {
        years: days.iter().map(|(day, _)| day.year()).collect(),
        exceptions: days
            .into_iter()
            .map(|(day, kind)| (day, kind == "workday"))
            .collect(),
    })
}
