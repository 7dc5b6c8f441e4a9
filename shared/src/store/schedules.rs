//! When bulletins are composed: the schedules, and the tick that turns passing time into occurrences.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Datelike as _, NaiveDate, TimeDelta, Weekday};
use diesel::dsl::select;
use diesel::prelude::*;
use serde::{Deserialize, Serialize};

use super::areas::Subtree;
use super::audit::Entry;
use super::bulletins::BulletinKey;
use super::ledger::Recording;
use super::{StoreError, StoreResult, occurrences};
use crate::clock::{Clock, Entropy, UtcTime};
use crate::db::schema::{area_versions, calendar_days, schedules};
use crate::db::{AnyConnection, Tx};
use crate::digest::{canonical, digest_of};
use crate::domain::Violation;
use crate::domain::access::Post;
use crate::domain::bulletin::BulletinKind;
use crate::domain::period::{Period, PeriodUnit};
use crate::domain::program::Cohort;
use crate::domain::schedule::{
    Approval, CatchUp, Due, DueOccurrence, Plan, PlanFields, Verdict, WorkdayPolicy,
};
use crate::ids::{AreaId, OccurrenceId, ProgramId, ScheduleId};

/// Schedules looked at in one tick.
const SCHEDULES_PER_TICK: i64 = 50;
/// Occurrences written in one tick, so that its transaction stays short.
const OCCURRENCES_PER_TICK: usize = 256;
/// A calendar published late can bring work forward by this much at most.
const FORWARD: TimeDelta = TimeDelta::days(31);

/// A schedule's row.
#[derive(Debug, Clone, Serialize, Queryable, Selectable, Insertable)]
#[diesel(table_name = schedules)]
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
    /// None: unlimited.
    pub catch_up_window_s: Option<i64>,
    pub catch_up_cap: i32,
    pub approval: Approval,
    pub paused_at: Option<UtcTime>,
    /// The fire up to which everything is decided; only moves forward.
    pub cursor_at: UtcTime,
    /// None: nothing is due any more.
    pub next_due_at: Option<UtcTime>,
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

/// A schedule to be recorded.
#[derive(Debug, Clone)]
pub struct NewSchedule {
    pub id: ScheduleId,
    /// Digest of the request: the same one again gives the same schedule.
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
    /// Its timing.
    ///
    /// # Errors
    /// What is wrong with the row; a saved one has nothing wrong.
    pub fn plan(&self) -> Result<Plan, Vec<Violation>> {
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
        .read()
    }

    /// Whom its bulletins go to.
    ///
    /// # Errors
    /// When the row's JSON cannot be read.
    pub fn recipients(&self) -> Result<Recipients, serde_json::Error> {
        serde_json::from_str(&self.recipients)
    }
}

/// Records a schedule. The same id with the same request is the same schedule.
///
/// # Errors
/// [`StoreError::Invalid`] when it never fires or fires twice in a period, or goes to whom its kind is not for; [`StoreError::IdTaken`];
/// [`StoreError::Conflict`] `schedule_exists` when there is one for the same periods; or the database's.
pub fn create(recording: &mut Recording<'_, '_>, new: &NewSchedule) -> StoreResult<ScheduleRow> {
    let known: Option<ScheduleRow> = schedules::table
        .find(new.id)
        .select(ScheduleRow::as_select())
        .first(recording.conn())
        .optional()?;
    if let Some(known) = known {
        return if known.created_digest == new.digest {
            Ok(known)
        } else {
            Err(StoreError::IdTaken)
        };
    }
    // A progress bulletin speaks of the pilot cities, to them.
    if new.kind == BulletinKind::Progress && new.recipients.cohort != Cohort::Pilot {
        return Err(only_to_pilots().into());
    }
    let plan = new.plan.read().map_err(StoreError::Invalid)?;
    plan.check().map_err(StoreError::Invalid)?;
    // One bulletin a period: a second schedule for it would find its bulletin made, and its recipients would get nothing.
    let twin = schedules::table
        .filter(schedules::issuer_area_id.eq(new.issuer))
        .filter(schedules::program_id.eq(new.program))
        .filter(schedules::kind.eq(new.kind))
        .filter(schedules::period_unit.eq(new.plan.period_unit));
    if select(diesel::dsl::exists(twin)).get_result(recording.conn())? {
        return Err(StoreError::Conflict("schedule_exists"));
    }
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
    };
    diesel::insert_into(schedules::table)
        .values(&row)
        .execute(recording.conn())?;
    audit(recording, "create", &row)?;
    Ok(row)
}

fn only_to_pilots() -> Violation {
    Violation::new(
        "/recipients/cohort",
        "only_to_pilots",
        "进展情况通报只发试点地区，请填写 pilot。",
        "A progress bulletin goes to pilot areas only: pilot.",
    )
}

/// Whether there is a schedule of this id, whoever's it is.
///
/// # Errors
/// The database's.
pub fn exists(conn: &mut AnyConnection, id: ScheduleId) -> QueryResult<bool> {
    select(diesel::dsl::exists(schedules::table.find(id))).get_result(conn)
}

fn audit(recording: &mut Recording<'_, '_>, verb: &str, row: &ScheduleRow) -> StoreResult<()> {
    recording.audit(&Entry {
        verb,
        resource: "schedule",
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
            .inner_join(
                area_versions::table.on(area_versions::area_id
                    .eq(schedules::issuer_area_id)
                    .and(area_versions::superseded_seq.is_null())
                    .and(area_versions::valid_to.is_null())),
            )
            .filter(
                area_versions::path
                    .ge($visible.lower().to_owned())
                    .and(area_versions::path.lt($visible.upper())),
            )
            .select(ScheduleRow::as_select())
    };
}

/// The schedule of this id, if its issuer belongs to `visible`.
///
/// # Errors
/// [`StoreError::NotFound`], or the database's.
pub fn find(conn: &mut AnyConnection, visible: &Subtree, id: ScheduleId) -> StoreResult<ScheduleRow> {
    schedules_of!(visible)
        .filter(schedules::id.eq(id))
        .first(conn)
        .optional()?
        .ok_or(StoreError::NotFound("schedule"))
}

/// Schedules whose issuer belongs to `visible`, by id, after `after`.
///
/// # Errors
/// The database's.
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

/// Whom the bulletins of this issuer, programme and kind go to by schedule, if there is one; that for periods of this unit
/// comes first, then the oldest.
///
/// # Errors
/// The database's, or when a row's JSON cannot be read.
pub fn recipients_by_schedule(
    conn: &mut AnyConnection,
    key: &BulletinKey,
) -> StoreResult<Option<Recipients>> {
    let rows: Vec<ScheduleRow> = schedules::table
        .filter(schedules::issuer_area_id.eq(key.issuer))
        .filter(schedules::program_id.eq(key.program))
        .filter(schedules::kind.eq(key.kind))
        .order(schedules::id)
        .select(ScheduleRow::as_select())
        .load(conn)?;
    let same_unit = rows.iter().find(|row| row.period_unit == key.period.unit());
    let row = same_unit.or(rows.first());
    Ok(row.map(ScheduleRow::recipients).transpose()?)
}

/// What comes due by a schedule after `now`, the next `count` periods of it. Nothing is written.
///
/// # Errors
/// [`StoreError::Invalid`] when the row cannot be understood, or the database's.
pub fn preview(
    conn: &mut AnyConnection,
    row: &ScheduleRow,
    now: UtcTime,
    count: usize,
) -> StoreResult<Vec<DueOccurrence>> {
    let plan = row.plan().map_err(StoreError::Invalid)?;
    let calendar = calendar(conn, row.workday_policy)?;
    // A fire of the last days may have been moved to a working day that is still to come.
    let from = row.cursor_at.max(now.plus(-FORWARD));
    let moved_at_most = usize::try_from(FORWARD.num_days()).unwrap_or(0);
    let mut upcoming = plan.upcoming(from, count.saturating_add(moved_at_most), &|day| {
        calendar.is_workday(day)
    });
    upcoming.retain(|occurrence| occurrence.due_at > now);
    upcoming.truncate(count);
    Ok(upcoming)
}

/// Stops a schedule until it is resumed. Pausing a paused one changes nothing.
///
/// # Errors
/// [`StoreError::NotFound`], or the database's.
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

/// Whether a schedule is paused, asked in the transaction that would publish by it.
///
/// # Errors
/// The database's.
pub fn is_paused(conn: &mut AnyConnection, id: ScheduleId) -> QueryResult<bool> {
    let paused_at: Option<UtcTime> = schedules::table
        .find(id)
        .select(schedules::paused_at)
        .first(conn)?;
    Ok(paused_at.is_some())
}

/// Starts a paused schedule again. What came due in between is caught up by its policy, or listed as missed if `skip_missed`.
///
/// # Errors
/// [`StoreError::NotFound`], or the database's.
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

/// What a tick did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Ticked {
    /// Schedules whose cursor moved.
    pub schedules: usize,
    /// Occurrences to be composed.
    pub opened: usize,
    /// Occurrences left out by a rule of their schedule.
    pub skipped: usize,
    /// Occurrences that came due and are not caught up.
    pub missed: usize,
    /// Schedules whose row cannot be understood; nothing is due by them until they are mended.
    pub unreadable: usize,
    /// Whether there is more to do at once.
    pub more: bool,
}

/// The schedules that are, or may be, due.
fn due_schedules(conn: &mut AnyConnection, now: UtcTime) -> QueryResult<Vec<ScheduleRow>> {
    let next_due_at = schedules::next_due_at.assume_not_null();
    // A calendar published after `next_due_at` was set can bring work forward, so these are looked at early.
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

/// Whether a tick would find a schedule to look at: asked on a reading lane, so that an idle worker writes nothing.
///
/// # Errors
/// The database's.
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

/// Turns passing time into occurrences. Any number of workers may do so at once: a row that is there already is left alone,
/// and the cursor moves only from where it was read.
///
/// # Errors
/// The database's.
pub fn tick(tx: &mut Tx<'_>, clock: &dyn Clock, entropy: &dyn Entropy) -> StoreResult<Ticked> {
    let mut ticked = Ticked::default();
    let mut left = OCCURRENCES_PER_TICK;
    for schedule in due_schedules(tx.conn, tx.now)? {
        let Ok(plan) = schedule.plan() else {
            tracing::error!(schedule = %schedule.id, "A schedule cannot be read; nothing is due by it until it is mended.");
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
        // The cursor first: it moves only from where it was read, so a pause or an edit that came in between stops us here.
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

/// Moves the cursor from where it was read. `false` when another worker has moved it, or somebody has edited the schedule.
fn advance(conn: &mut AnyConnection, schedule: &ScheduleRow, due: &Due) -> QueryResult<bool> {
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
    /// Whether it is a working day; `None` when the year's calendar is not published.
    pub fn is_workday(&self, day: NaiveDate) -> Option<bool> {
        let weekday = !matches!(day.weekday(), Weekday::Sat | Weekday::Sun);
        let usual = self.years.contains(&day.year()).then_some(weekday);
        self.exceptions.get(&day).copied().or(usual)
    }
}

/// The working calendar as known now; empty for a policy that does not ask for it.
fn calendar(conn: &mut AnyConnection, policy: WorkdayPolicy) -> QueryResult<WorkCalendar> {
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
