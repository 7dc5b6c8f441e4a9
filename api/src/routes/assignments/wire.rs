//! An assignment in JSON.

use chrono::NaiveDate;
use qiaojian_domain::access::Post;
use qiaojian_domain::assignment::{AssignmentStatus, Light};
use qiaojian_domain::clock::UtcTime;
use qiaojian_domain::ids::{AssignmentId, ProgramId, ReportId, TaskId};
use qiaojian_domain::task::Theme;
use qiaojian_store::db::AnyConnection;
use qiaojian_store::tasks::assignments::{self, GivenTask, ReportRow};
use serde::Serialize;
use utoipa::ToSchema;

use crate::problem::ApiError;
use crate::wire::PostRef;

/// The assignment of a task to one area and post.
#[derive(Debug, Serialize, ToSchema)]
pub struct Assignment {
    pub id: AssignmentId,
    /// The current version; equals the `ETag`.
    pub version: i64,
    pub task: TaskSummary,
    /// The code of the area it is assigned to.
    pub area: String,
    pub area_name: String,
    pub post: Post,
    pub status: AssignmentStatus,
    pub due_on: NaiveDate,
    /// 红黄绿灯, as of today: red when past due and not submitted, yellow when due within five days or submitted late.
    pub light: Light,
    /// Whether the accepted submission was after the due date; `null` until a submission is accepted.
    pub late: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acknowledged_on: Option<NaiveDate>,
    /// The date of the latest submission.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub submitted_on: Option<NaiveDate>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accepted_on: Option<NaiveDate>,
    /// The reason why it was returned or cancelled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The reports, oldest first. Omitted in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reports: Option<Vec<Report>>,
    pub created_at: UtcTime,
    pub updated_at: UtcTime,
}

/// The parts of a task that a mobile client shows.
#[derive(Debug, Serialize, ToSchema)]
pub struct TaskSummary {
    pub id: TaskId,
    pub program: ProgramId,
    pub no: i32,
    pub theme: Theme,
    pub content: String,
    /// The area and post that issued it.
    pub issuer: PostRef,
    /// Whether it belongs to a fictitious programme for demonstration.
    pub illustrative: bool,
}

/// A progress report.
#[derive(Debug, Serialize, ToSchema)]
pub struct Report {
    pub id: ReportId,
    pub on: NaiveDate,
    pub content: String,
    pub created_at: UtcTime,
}

impl Report {
    fn of(row: ReportRow) -> Self {
        Self {
            id: row.id,
            on: row.on_date,
            content: row.content,
            created_at: row.recorded_at,
        }
    }
}

impl Assignment {
    /// Converts the rows. The traffic light is as of `today`.
    pub fn of(given: GivenTask, today: NaiveDate) -> Self {
        let GivenTask {
            assignment,
            current,
            task,
            area_code,
            area_name,
            issuer_code,
            illustrative,
            ..
        } = given;
        let (light, late) = (current.light(today), current.late());
        Self {
            id: assignment.id,
            version: current.version,
            task: TaskSummary {
                id: task.id,
                program: task.program_id,
                no: task.no,
                theme: task.theme,
                content: task.content,
                issuer: PostRef {
                    area: issuer_code,
                    post: task.issuer_post,
                },
                illustrative,
            },
            area: area_code,
            area_name,
            post: assignment.post,
            status: current.status,
            due_on: current.due_on,
            light,
            late,
            acknowledged_on: current.acknowledged_on,
            submitted_on: current.submitted_on,
            accepted_on: current.accepted_on,
            reason: current.reason,
            reports: None,
            created_at: assignment.created_at,
            updated_at: current.recorded_at,
        }
    }

    /// Converts the rows and adds the reports.
    pub fn with_reports(
        conn: &mut AnyConnection,
        given: GivenTask,
        today: NaiveDate,
    ) -> Result<Self, ApiError> {
        let reports = assignments::reports(conn, given.assignment.id)?;
        Ok(Self {
            reports: Some(reports.into_iter().map(Report::of).collect()),
            ..Self::of(given, today)
        })
    }
}
