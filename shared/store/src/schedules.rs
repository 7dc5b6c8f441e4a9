//! Schedules of bulletins, and the tick that turns passing time into occurrences.

mod change;
mod tick;

use chrono::{NaiveDate, TimeDelta};
use diesel::prelude::*;
use qiaojian_domain::Violation;
use qiaojian_domain::access::Post;
use qiaojian_domain::bulletin::BulletinKind;
use qiaojian_domain::clock::UtcTime;
use qiaojian_domain::digest::{canonical, digest_of};
use qiaojian_domain::ids::{AreaId, ProgramId, ScheduleId};
use qiaojian_domain::period::{Period, PeriodUnit};
use qiaojian_domain::program::Cohort;
use qiaojian_domain::schedule::{Approval, CatchUp, DueOccurrence, Plan, PlanFields, WorkdayPolicy};
use qiaojian_domain::{Conflict, Noun};
use serde::{Deserialize, Serialize};

pub use change::{Change, delete, pause, resume, unless_changed, update};
use tick::calendar;
pub use tick::{Ticked, WorkCalendar, anything_due, tick};

use super::areas::Subtree;
use super::audit::{Entry, tells_of};
use super::bulletins::BulletinKey;
use super::ledger::Recording;
use super::{StoreError, StoreResult, same_request};
use crate::db::AnyConnection;
use crate::db::schema::schedules;
use crate::predicates::{last_area, within};

/// Schedules processed in one tick.
const SCHEDULES_PER_TICK: i64 = 50;
/// Occurrences written in one tick, so that its transaction stays short.
const OCCURRENCES_PER_TICK: usize = 256;
/// A late calendar can bring an occurrence forward by at most this much.
const FORWARD: TimeDelta = TimeDelta::days(31);

/// A row of `schedules`.
#[derive(Debug, Clone, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = schedules, treat_none_as_null = true)]
pub struct ScheduleRow {
    pub id: ScheduleId,
    pub version: i64,
    pub created_at: UtcTime,
    pub created_digest: String,
    pub updated_at: UtcTime,
    pub issuer_area_id: AreaId,
    pub issuer_post: Post,
    pub program_id: ProgramId,
    pub kind: BulletinKind,
    /// Canonical JSON of [`Recipients`].
    pub recipients: String,
    pub spec: String,
    pub time_zone: String,
    pub period_unit: PeriodUnit,
    pub period_offset: i32,
    pub starts_period: Period,
    pub ends_period: Option<Period>,
    pub workday_policy: WorkdayPolicy,
    pub catch_up: CatchUp,
    /// `None` means unlimited.
    pub catch_up_window_s: Option<i64>,
    pub catch_up_cap: i32,
    pub approval: Approval,
    pub paused_at: Option<UtcTime>,
    /// The fire time up to which everything is decided; only moves forward.
    pub cursor_at: UtcTime,
    /// `None` if nothing is due any more.
    pub next_due_at: Option<UtcTime>,
    /// Why a person last changed it.
    pub reason: Option<String>,
}

/// Whom the bulletins of a schedule go to: this post, in every area of the cohort.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Recipients {
    /// Which side of the programme's comparison.
    pub cohort: Cohort,
    /// Which post of each area.
    pub post: Post,
}

/// A schedule to record.
#[derive(Debug, Clone)]
pub struct NewSchedule {
    pub id: ScheduleId,
    /// Digest of the request: repeating the request returns the same schedule.
    pub digest: String,
    pub issuer: AreaId,
    pub issuer_post: Post,
    pub program: ProgramId,
    pub kind: BulletinKind,
    pub recipients: Recipients,
    pub plan: PlanFields,
    pub approval: Approval,
}

impl ScheduleRow {
    /// Returns its timing.
    ///
    /// # Errors
    /// The violations of the row; a saved row has none.
    pub fn plan(&self) -> Result<Plan, Vec<Violation>> {
        self.plan_fields().read()
    }

    /// Returns its timing as entered.
    pub fn plan_fields(&self) -> PlanFields {
        PlanFields {
            spec: self.spec.clone(),
            time_zone: self.time_zone.clone(),
            period_unit: self.period_unit,
            period_offset: self.period_offset,
            starts_period: self.starts_period,
            ends_period: self.ends_period,
            workday_policy: self.workday_policy,
            catch_up: self.catch_up,
            catch_up_window_s: self.catch_up_window_s,
            catch_up_cap: self.catch_up_cap,
        }
    }

    /// Returns the recipients of its bulletins.
    ///
    /// # Errors
    /// If the JSON of the row cannot be read.
    pub fn recipients(&self) -> Result<Recipients, serde_json::Error> {
        serde_json::from_str(&self.recipients)
    }
}

/// Returns the schedule that the same request of the same issuer has already created, in its current state. The id of a
/// deleted one cannot be reused.
///
/// # Errors
/// [`StoreError::Conflict`] `id_taken` if the id belongs to another request or issuer, or a database error.
pub fn made_before(
    conn: &mut AnyConnection,
    id: ScheduleId,
    digest: &str,
    issuer: (AreaId, Post),
) -> StoreResult<Option<ScheduleRow>> {
    let known: Option<ScheduleRow> = schedules::table
        .find(id)
        .select(ScheduleRow::as_select())
        .first(conn)
        .optional()?;
    if known.is_none() && tells_of(conn, Noun::Schedule, &id.to_string())? {
        return Err(StoreError::Conflict(Conflict::IdTaken));
    }
    same_request::made_before(known, |row| {
        row.created_digest == digest && (row.issuer_area_id, row.issuer_post) == issuer
    })
}

/// Creates a schedule. Call [`made_before`] first.
///
/// # Errors
/// [`StoreError::Invalid`] if it never fires, fires twice in a period, or has recipients that its kind does not allow;
/// [`StoreError::Conflict`] `schedule_exists` if there is one for the same periods; or a database error.
pub fn create(recording: &mut Recording<'_, '_>, new: &NewSchedule) -> StoreResult<ScheduleRow> {
    let plan = checked(new.kind, &new.recipients, &new.plan)?;
    let now = recording.now();
    let calendar = calendar(recording.conn(), new.plan.workday_policy)?;
    let cursor_at = plan.initial_cursor();
    let first = plan.upcoming(cursor_at, 1, &|day| calendar.is_workday(day));
    let row = ScheduleRow {
        id: new.id,
        version: 1,
        created_at: now,
        created_digest: new.digest.clone(),
        updated_at: now,
        issuer_area_id: new.issuer,
        issuer_post: new.issuer_post,
        program_id: new.program,
        kind: new.kind,
        recipients: canonical(&new.recipients)?,
        spec: new.plan.spec.clone(),
        time_zone: new.plan.time_zone.clone(),
        period_unit: new.plan.period_unit,
        period_offset: new.plan.period_offset,
        starts_period: new.plan.starts_period,
        ends_period: new.plan.ends_period,
        workday_policy: new.plan.workday_policy,
        catch_up: new.plan.catch_up,
        catch_up_window_s: new.plan.catch_up_window_s,
        catch_up_cap: new.plan.catch_up_cap,
        approval: new.approval,
        paused_at: None,
        cursor_at,
        next_due_at: first.first().map(|occurrence| occurrence.due_at),
        reason: None,
    };
    refuse_twin(recording.conn(), &row)?;
    diesel::insert_into(schedules::table)
        .values(&row)
        .execute(recording.conn())?;
    audit(recording, "create", &row)?;
    Ok(row)
}

/// Returns the timing of a new or changed schedule, if it is valid.
fn checked(kind: BulletinKind, recipients: &Recipients, plan: &PlanFields) -> StoreResult<Plan> {
    // A progress bulletin is about the pilot cities and addressed to them.
    if kind == BulletinKind::Progress && recipients.cohort != Cohort::Pilot {
        return Err(only_to_pilots().into());
    }
    let plan = plan.read().map_err(StoreError::Invalid)?;
    plan.check().map_err(StoreError::Invalid)?;
    Ok(plan)
}

/// Rejects a second schedule for the same bulletin: it would find its bulletin already made, and its recipients would
/// receive nothing. A schedule for which nothing is due any more does not count.
fn refuse_twin(conn: &mut AnyConnection, row: &ScheduleRow) -> StoreResult<()> {
    if row.next_due_at.is_none() {
        return Ok(());
    }
    let others: Vec<(Period, Option<Period>)> = schedules::table
        .filter(schedules::issuer_area_id.eq(row.issuer_area_id))
        .filter(schedules::program_id.eq(row.program_id))
        .filter(schedules::kind.eq(row.kind))
        .filter(schedules::period_unit.eq(row.period_unit))
        .filter(schedules::id.ne(row.id))
        .filter(schedules::next_due_at.is_not_null())
        .select((schedules::starts_period, schedules::ends_period))
        .load(conn)?;
    let meets = |(starts, ends): &(Period, Option<Period>)| {
        row.ends_period.is_none_or(|end| *starts <= end) && ends.is_none_or(|end| row.starts_period <= end)
    };
    if others.iter().any(meets) {
        return Err(StoreError::Conflict(Conflict::ScheduleExists));
    }
    Ok(())
}

fn only_to_pilots() -> Violation {
    Violation::new(
        "/recipients/cohort",
        "only_to_pilots",
        "进展情况通报只发试点地区，请填写“试点”（pilot）。",
        "A progress bulletin is sent only to pilot areas. Use pilot.",
    )
}

/// Adds a change of a schedule to the audit trail.
fn audit(recording: &mut Recording<'_, '_>, verb: &str, row: &ScheduleRow) -> StoreResult<()> {
    recording.audit(&Entry {
        verb,
        resource: Noun::Schedule,
        id: &row.id.to_string(),
        area: Some(row.issuer_area_id),
        before: None,
        after: Some(&digest_of(row)?),
    })?;
    Ok(())
}

macro_rules! schedules_of {
    ($visible:expr) => {
        schedules::table
            .inner_join(last_area!(schedules::issuer_area_id))
            .filter(within!($visible))
            .select(ScheduleRow::as_select())
    };
}

/// Returns the schedule with this id, if its issuer belongs to `visible`.
///
/// # Errors
/// [`StoreError::NotFound`], or a database error.
pub fn find(conn: &mut AnyConnection, visible: &Subtree, id: ScheduleId) -> StoreResult<ScheduleRow> {
    schedules_of!(visible)
        .filter(schedules::id.eq(id))
        .first(conn)
        .optional()?
        .ok_or(StoreError::NotFound(Noun::Schedule))
}

/// Returns the schedules whose issuer belongs to `visible`, by id, after `after`.
///
/// # Errors
/// Returns an error if the database fails.
pub fn list(
    conn: &mut AnyConnection,
    visible: &Subtree,
    after: Option<ScheduleId>,
    limit: i64,
) -> QueryResult<Vec<ScheduleRow>> {
    let mut query = schedules_of!(visible)
        .order(schedules::id)
        .limit(limit)
        .into_boxed();
    if let Some(after) = after {
        query = query.filter(schedules::id.gt(after));
    }
    query.load(conn)
}

/// Returns the recipients of this issuer's, programme's and kind's bulletins by schedule, if there is one: the schedule
/// of this period, or else one for periods of this unit, or else any; of several, the newest.
///
/// # Errors
/// Returns an error if the database fails, or if the JSON of a row cannot be read.
pub fn recipients_by_schedule(
    conn: &mut AnyConnection,
    key: &BulletinKey,
) -> StoreResult<Option<Recipients>> {
    let rows: Vec<ScheduleRow> = schedules::table
        .filter(schedules::issuer_area_id.eq(key.issuer))
        .filter(schedules::program_id.eq(key.program))
        .filter(schedules::kind.eq(key.kind))
        .order(schedules::id.desc())
        .select(ScheduleRow::as_select())
        .load(conn)?;
    let same_unit = |row: &&ScheduleRow| row.period_unit == key.period.unit();
    let of_period = |row: &&ScheduleRow| {
        same_unit(row)
            && row.starts_period <= key.period
            && row.ends_period.is_none_or(|end| key.period <= end)
    };
    let row = rows.iter().find(of_period);
    let row = row.or_else(|| rows.iter().find(same_unit)).or(rows.first());
    Ok(row.map(ScheduleRow::recipients).transpose()?)
}

/// Returns the next due time of each active schedule.
///
/// # Errors
/// Returns an error if the database fails.
pub fn next_due(conn: &mut AnyConnection) -> QueryResult<Vec<(ScheduleId, UtcTime)>> {
    schedules::table
        .filter(schedules::paused_at.is_null())
        .filter(schedules::next_due_at.is_not_null())
        .select((schedules::id, schedules::next_due_at.assume_not_null()))
        .load(conn)
}

/// Returns the due date (Asia/Shanghai) that a schedule sets for the bulletin with this key, if there is such a
/// schedule.
///
/// # Errors
/// Returns an error if the database fails.
pub fn due_on(conn: &mut AnyConnection, key: &BulletinKey) -> StoreResult<Option<NaiveDate>> {
    let rows: Vec<ScheduleRow> = schedules::table
        .filter(schedules::issuer_area_id.eq(key.issuer))
        .filter(schedules::program_id.eq(key.program))
        .filter(schedules::kind.eq(key.kind))
        .filter(schedules::period_unit.eq(key.period.unit()))
        .order(schedules::id.desc())
        .select(ScheduleRow::as_select())
        .load(conn)?;
    for row in rows {
        let Ok(plan) = row.plan() else { continue };
        let calendar = calendar(conn, row.workday_policy)?;
        let from = plan.cursor_before(key.period);
        let first = plan.upcoming(from, 1, &|day| calendar.is_workday(day));
        if let Some(due) = first.first().filter(|due| due.period == key.period) {
            return Ok(Some(due.due_at.date_in_shanghai()));
        }
    }
    Ok(None)
}

/// Returns the next `count` periods of a schedule that are due after `now`. Writes nothing.
///
/// # Errors
/// [`StoreError::Invalid`] if the row cannot be parsed, or a database error.
pub fn preview(
    conn: &mut AnyConnection,
    row: &ScheduleRow,
    now: UtcTime,
    count: usize,
) -> StoreResult<Vec<DueOccurrence>> {
    let plan = row.plan().map_err(StoreError::Invalid)?;
    let calendar = calendar(conn, row.workday_policy)?;
    // A recent fire may have been moved to a working day in the future.
    let from = row.cursor_at.max(now.plus(-FORWARD));
    let moved_at_most = usize::try_from(FORWARD.num_days()).unwrap_or(0);
    let mut upcoming = plan.upcoming(from, count.saturating_add(moved_at_most), &|day| {
        calendar.is_workday(day)
    });
    upcoming.retain(|occurrence| occurrence.due_at > now);
    upcoming.truncate(count);
    Ok(upcoming)
}
