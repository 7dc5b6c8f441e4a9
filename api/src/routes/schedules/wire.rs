//! A schedule in JSON, as input and as output.

use std::collections::HashMap;

use qiaojian_domain::access::Post;
use qiaojian_domain::bulletin::BulletinKind;
use qiaojian_domain::clock::UtcTime;
use qiaojian_domain::delivery::OccurrenceState;
use qiaojian_domain::ids::{AreaId, BulletinId, OccurrenceId, ProgramId, ScheduleId};
use qiaojian_domain::period::{Period, PeriodUnit};
use qiaojian_domain::program::Cohort;
use qiaojian_domain::schedule::{Approval, CatchUp, DueOccurrence, PlanFields, Verdict, WorkdayPolicy};
use qiaojian_store::areas;
use qiaojian_store::db::AnyConnection;
use qiaojian_store::occurrences::OccurrenceRow;
use qiaojian_store::schedules::{Recipients, ScheduleRow};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::problem::ApiError;
use crate::routes::bulletins::wire::progress;
use crate::wire::PostRef;

/// The input for a schedule.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"program": "0190a000-0000-7000-8000-000000000000", "kind": "progress", "recipients": {"cohort": "pilot", "post": "federation"}, "spec": "0 0 9 1 * *", "time_zone": "Asia/Shanghai", "period": {"unit": "month", "offset": -1}, "starts_period": "2022-05"}))]
pub struct ScheduleInput {
    /// A client-generated id; makes the call permanently idempotent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<uuid::Uuid>,
    /// A programme of the caller's own area. Defaults to the programme that is current today.
    #[serde(default)]
    pub program: Option<ProgramId>,
    /// Only `progress` has a document in this version. Defaults to `progress`.
    #[serde(default = "progress")]
    pub kind: BulletinKind,
    /// Defaults to the federations of the pilot areas.
    #[serde(default = "pilot_federations")]
    pub recipients: Recipients,
    /// Five fields (minute, hour, day, month, weekday), or six with seconds first. It must fire exactly once in each
    /// period.
    #[schema(example = "0 0 9 1 * *", max_length = 100)]
    pub spec: String,
    /// An IANA time zone name.
    #[serde(default = "shanghai")]
    #[schema(default = "Asia/Shanghai")]
    pub time_zone: String,
    pub period: PeriodInput,
    /// The first period to issue. Past periods are caught up.
    #[schema(example = "2021-12")]
    pub starts_period: Period,
    /// The last period to issue. Unlimited if omitted.
    #[serde(default)]
    #[schema(example = "2022-12")]
    pub ends_period: Option<Period>,
    /// What to do if it fires on a non-working day. Defaults to nothing.
    #[serde(default = "work_on_holidays")]
    pub workday_policy: WorkdayPolicy,
    #[serde(default)]
    pub catch_up: CatchUpInput,
    /// Defaults to `required`: drafts wait for a person.
    #[serde(default = "by_a_person")]
    pub approval: Approval,
}

/// The period that a fire refers to.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PeriodInput {
    pub unit: PeriodUnit,
    /// Added to the period in which it fires: -1 for the one that has just ended.
    #[schema(example = -1, minimum = -36, maximum = 0)]
    pub offset: i32,
}

/// What to do with periods that came due while no worker was running.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CatchUpInput {
    pub policy: CatchUp,
    /// How far back to catch up, in seconds. Unlimited if `null` or omitted.
    #[serde(default)]
    pub window_s: Option<i64>,
    /// Maximum number of periods to catch up at once; the latest are kept. The default is 12.
    #[serde(default = "a_dozen")]
    #[schema(minimum = 1, maximum = 1000)]
    pub cap: i32,
}

impl Default for CatchUpInput {
    fn default() -> Self {
        Self {
            policy: CatchUp::Latest,
            window_s: None,
            cap: a_dozen(),
        }
    }
}

const fn a_dozen() -> i32 {
    12
}

const fn pilot_federations() -> Recipients {
    Recipients {
        cohort: Cohort::Pilot,
        post: Post::Federation,
    }
}

fn shanghai() -> String {
    "Asia/Shanghai".to_owned()
}

const fn work_on_holidays() -> WorkdayPolicy {
    WorkdayPolicy::None
}

const fn by_a_person() -> Approval {
    Approval::Required
}

impl ScheduleInput {
    /// Returns the input that would produce this row.
    pub fn of(row: &ScheduleRow) -> Result<Self, ApiError> {
        Ok(Self {
            id: None,
            program: Some(row.program_id),
            kind: row.kind,
            recipients: row.recipients()?,
            spec: row.spec.clone(),
            time_zone: row.time_zone.clone(),
            period: PeriodInput {
                unit: row.period_unit,
                offset: row.period_offset,
            },
            starts_period: row.starts_period,
            ends_period: row.ends_period,
            workday_policy: row.workday_policy,
            catch_up: CatchUpInput {
                policy: row.catch_up,
                window_s: row.catch_up_window_s,
                cap: row.catch_up_cap,
            },
            approval: row.approval,
        })
    }

    /// Returns the timing.
    pub fn plan(&self) -> PlanFields {
        PlanFields {
            spec: self.spec.clone(),
            time_zone: self.time_zone.clone(),
            period_unit: self.period.unit,
            period_offset: self.period.offset,
            starts_period: self.starts_period,
            ends_period: self.ends_period,
            workday_policy: self.workday_policy,
            catch_up: self.catch_up.policy,
            catch_up_window_s: self.catch_up.window_s,
            catch_up_cap: self.catch_up.cap,
        }
    }
}

/// A schedule for composing bulletins.
#[derive(Debug, Serialize, ToSchema)]
pub struct Schedule {
    pub id: ScheduleId,
    /// The current version; equals the `ETag`.
    pub version: i64,
    /// The area and post in whose name bulletins are issued.
    pub issuer: PostRef,
    pub program: ProgramId,
    pub kind: BulletinKind,
    pub recipients: Recipients,
    pub spec: String,
    pub time_zone: String,
    pub period: PeriodInput,
    pub starts_period: Period,
    pub ends_period: Option<Period>,
    pub workday_policy: WorkdayPolicy,
    pub catch_up: CatchUpInput,
    pub approval: Approval,
    /// `null` while it is running.
    pub paused_at: Option<UtcTime>,
    /// The period that comes due next; `null` if none does. Earlier periods are in `occurrences`.
    pub next_period: Option<Period>,
    /// When it comes due next; `null` if it does not.
    pub next_due_at: Option<UtcTime>,
    /// The reason for the last manual change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    pub created_at: UtcTime,
    pub updated_at: UtcTime,
}

impl Schedule {
    /// Converts a row.
    pub fn of(conn: &mut AnyConnection, row: ScheduleRow) -> Result<Self, ApiError> {
        let issuers = areas::codes(conn, [row.issuer_area_id])?;
        Self::with_issuer(row, &issuers)
    }

    /// Converts a row. The code of its issuer is taken from `issuers`.
    pub fn with_issuer(row: ScheduleRow, issuers: &HashMap<AreaId, String>) -> Result<Self, ApiError> {
        let input = ScheduleInput::of(&row)?;
        let next_period = row.plan().ok().and_then(|plan| plan.next_period(row.cursor_at));
        Ok(Self {
            id: row.id,
            version: row.version,
            issuer: PostRef {
                area: issuers.get(&row.issuer_area_id).cloned().unwrap_or_default(),
                post: row.issuer_post,
            },
            program: row.program_id,
            kind: input.kind,
            recipients: input.recipients,
            spec: input.spec,
            time_zone: input.time_zone,
            period: input.period,
            starts_period: input.starts_period,
            ends_period: input.ends_period,
            workday_policy: input.workday_policy,
            catch_up: input.catch_up,
            approval: input.approval,
            paused_at: row.paused_at,
            next_period,
            next_due_at: row.next_due_at,
            reason: row.reason,
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    }
}

/// The outcome of one period of a schedule.
#[derive(Debug, Serialize, ToSchema)]
pub struct Occurrence {
    pub id: OccurrenceId,
    pub period: Period,
    pub due_at: UtcTime,
    pub state: OccurrenceState,
    /// Why it was skipped or missed, or the error of the last attempt to compose it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The composed bulletin.
    pub bulletin: Option<BulletinId>,
    /// The number of failed attempts to compose it.
    pub failures: i32,
    pub created_at: UtcTime,
    pub updated_at: UtcTime,
}

impl Occurrence {
    /// Converts a row.
    pub fn of(row: OccurrenceRow) -> Self {
        Self {
            id: row.id,
            period: row.period,
            due_at: row.due_at,
            state: row.state,
            reason: row.reason,
            bulletin: row.bulletin_id,
            failures: row.failures,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

/// An upcoming period.
#[derive(Debug, Serialize, ToSchema)]
pub struct Upcoming {
    pub period: Period,
    /// When it is composed: when the schedule fires, adjusted by the workday policy.
    pub due_at: UtcTime,
    /// Whether the workday policy skips it.
    pub skipped: bool,
    /// Whether this depends on a year whose working calendar is not yet published.
    pub provisional: bool,
}

impl Upcoming {
    /// Converts a planned occurrence.
    pub fn of(due: &DueOccurrence) -> Self {
        Self {
            period: due.period,
            due_at: due.due_at,
            skipped: due.verdict != Verdict::Open,
            provisional: due.provisional,
        }
    }
}
