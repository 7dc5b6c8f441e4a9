//! The rows of an assignment, its versions and its reports.

use chrono::NaiveDate;
use diesel::prelude::*;
use qiaojian_domain::access::Post;
use qiaojian_domain::assignment::{AssignmentStatus, Light, Party, late, light};
use qiaojian_domain::clock::UtcTime;
use qiaojian_domain::digest::digest_of;
use qiaojian_domain::ids::{AreaId, AssignmentId, ReportId, TaskId};
use serde::Serialize;

use crate::db::schema::{assignment_reports, assignment_versions, assignments};
use crate::tasks::TaskRow;

/// The immutable part of an assignment.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = assignments)]
pub struct AssignmentRow {
    pub id: AssignmentId,
    pub task_id: TaskId,
    pub area_id: AreaId,
    pub post: Post,
    pub created_seq: i64,
    pub created_at: UtcTime,
}

/// One version of an assignment. Its valid time runs from `valid_from` to `valid_to`, its transaction time from
/// `recorded_*` to `superseded_*`; both ends are exclusive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Queryable, Selectable, Insertable)]
#[diesel(table_name = assignment_versions)]
pub struct AssignmentVersion {
    pub assignment_id: AssignmentId,
    pub version: i64,
    pub recorded_seq: i64,
    pub recorded_at: UtcTime,
    pub superseded_seq: Option<i64>,
    pub superseded_at: Option<UtcTime>,
    pub valid_from: NaiveDate,
    pub valid_to: Option<NaiveDate>,
    pub status: AssignmentStatus,
    pub due_on: NaiveDate,
    pub acknowledged_on: Option<NaiveDate>,
    /// Date of the latest submission; once accepted, of the accepted one.
    pub submitted_on: Option<NaiveDate>,
    pub accepted_on: Option<NaiveDate>,
    /// Why it was returned or cancelled.
    pub reason: Option<String>,
}

impl AssignmentVersion {
    /// Returns the light (红黄绿灯) on `today`.
    pub fn light(&self, today: NaiveDate) -> Light {
        light(self.status, self.due_on, self.submitted_on, today)
    }

    /// Returns whether the accepted submission came after the due date; `None` until one is accepted.
    pub fn late(&self) -> Option<bool> {
        late(self.status, self.due_on, self.submitted_on)
    }

    /// Returns the digest of this version, for the audit trail.
    ///
    /// # Errors
    /// Never in practice: every version has a JSON form.
    pub(super) fn digest(&self) -> Result<String, serde_json::Error> {
        digest_of(self)
    }
}

/// A progress report.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = assignment_reports)]
pub struct ReportRow {
    pub id: ReportId,
    pub assignment_id: AssignmentId,
    pub on_date: NaiveDate,
    pub content: String,
    pub recorded_seq: i64,
    pub recorded_at: UtcTime,
}

/// The current state of an assignment, with its task and the position of its area in the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GivenTask {
    pub assignment: AssignmentRow,
    pub current: AssignmentVersion,
    pub task: TaskRow,
    pub area_code: String,
    pub area_name: String,
    pub area_path: String,
    /// The code of the area that issued the task.
    pub issuer_code: String,
    /// Whether it belongs to a demonstration programme.
    pub illustrative: bool,
}

impl GivenTask {
    /// Returns whether a post in an area is this party to the assignment.
    pub fn is_party(&self, party: Party, area: AreaId, post: Post) -> bool {
        match party {
            Party::Issuer => self.task.issuer_area_id == area && self.task.issuer_post == post,
            Party::Assignee => self.assignment.area_id == area && self.assignment.post == post,
        }
    }
}
