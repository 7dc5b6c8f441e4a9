//! Actions on an assignment, from 交办 to 办结.

use chrono::NaiveDate;
use diesel::prelude::*;
use qiaojian_domain::assignment::{AssignmentStatus, AssignmentVerb, check_day};
use qiaojian_domain::ids::{AssignmentId, ReportId};
use qiaojian_domain::violation::{TEXT_CHARS, check_text};
use qiaojian_domain::{Noun, StateMachine, Violation};

use super::{AssignmentRow, AssignmentVersion, GivenTask, ReportRow};
use crate::audit::Entry;
use crate::db::AnyConnection;
use crate::db::schema::{assignment_reports, assignment_versions, assignments};
use crate::ledger::Recording;
use crate::same_request;
use crate::tasks::{Assignee, TaskRow};
use crate::{StoreError, StoreResult, unless_stale};

/// Assigns a task to one assignee, from its day of issue on.
pub(crate) fn issue(recording: &mut Recording<'_, '_>, task: &TaskRow, to: &Assignee) -> StoreResult<()> {
    let recorded = recording.recorded();
    let row = AssignmentRow {
        id: to.id,
        task_id: task.id,
        area_id: to.area.area_id,
        post: to.post,
        created_seq: recorded.seq,
        created_at: recorded.at,
    };
    let version = AssignmentVersion {
        assignment_id: to.id,
        version: 1,
        recorded_seq: recorded.seq,
        recorded_at: recorded.at,
        superseded_seq: None,
        superseded_at: None,
        valid_from: task.issued_on,
        valid_to: None,
        status: AssignmentStatus::Issued,
        due_on: task.due_on,
        acknowledged_on: None,
        submitted_on: None,
        accepted_on: None,
        reason: None,
    };
    diesel::insert_into(assignments::table)
        .values(&row)
        .execute(recording.conn())?;
    diesel::insert_into(assignment_versions::table)
        .values(&version)
        .execute(recording.conn())?;
    Ok(())
}

/// An action on an assignment, with its parameters except the date.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    Acknowledge,
    /// A progress report with this id and content.
    Report {
        id: ReportId,
        content: String,
    },
    Submit,
    Accept,
    /// With the reason.
    Return {
        reason: String,
    },
    /// With the reason.
    Cancel {
        reason: String,
    },
}

impl Act {
    /// Returns the verb of the action.
    pub const fn verb(&self) -> AssignmentVerb {
        match self {
            Self::Acknowledge => AssignmentVerb::Acknowledge,
            Self::Report { .. } => AssignmentVerb::Report,
            Self::Submit => AssignmentVerb::Submit,
            Self::Accept => AssignmentVerb::Accept,
            Self::Return { .. } => AssignmentVerb::Return,
            Self::Cancel { .. } => AssignmentVerb::Cancel,
        }
    }

    fn check(&self, violations: &mut Vec<Violation>) {
        match self {
            Self::Report { content, .. } => check_text(violations, "/content", content, TEXT_CHARS),
            Self::Return { reason } | Self::Cancel { reason } => {
                check_text(violations, "/reason", reason, TEXT_CHARS);
            }
            Self::Acknowledge | Self::Submit | Self::Accept => {}
        }
    }
}

/// Applies an action to an assignment on a day, which may be in the past but not before the previous action. The caller
/// must check that it is the party that may perform it ([`GivenTask::is_party`]). Repeating an acknowledgement or a
/// recorded report changes nothing.
///
/// # Errors
/// [`StoreError::Conflict`] `id_taken` for the id of another report, [`StoreError::Stale`], [`StoreError::Refused`],
/// [`StoreError::Invalid`], or a database error.
pub fn act(
    recording: &mut Recording<'_, '_>,
    found: GivenTask,
    expected: Option<i64>,
    act: &Act,
    on: NaiveDate,
    today: NaiveDate,
) -> StoreResult<GivenTask> {
    let head = &found.current;
    if let Act::Report { id, content } = act
        && is_reported(recording.conn(), head.assignment_id, *id, content, (on, today))?
    {
        return Ok(found);
    }
    unless_stale(expected, head.version)?;
    // A repeated acknowledgement, from a client that did not receive the response, changes nothing.
    let is_said_again = matches!(act, Act::Acknowledge) && head.acknowledged_on.is_some();
    if is_said_again && head.status != AssignmentStatus::Cancelled {
        return Ok(found);
    }
    let status = head.status.after(act.verb())?;
    let mut violations = Vec::new();
    check_day(&mut violations, on, head.valid_from, today);
    act.check(&mut violations);
    if !violations.is_empty() {
        return Err(StoreError::Invalid(violations));
    }
    let recorded = recording.recorded();
    let mut next = AssignmentVersion {
        version: head.version + 1,
        recorded_seq: recorded.seq,
        recorded_at: recorded.at,
        valid_from: on,
        status,
        reason: None,
        ..head.clone()
    };
    match act {
        Act::Acknowledge => next.acknowledged_on = Some(on),
        Act::Report { id, content } => record_report(recording, head.assignment_id, *id, content, on)?,
        Act::Submit => next.submitted_on = Some(on),
        Act::Accept => next.accepted_on = Some(on),
        Act::Return { reason } | Act::Cancel { reason } => next.reason = Some(reason.clone()),
    }
    replace_head(recording, head, &next)?;
    let id = head.assignment_id.to_string();
    recording.audit(&Entry {
        verb: act.verb().as_str(),
        resource: Noun::Assignment,
        id: &id,
        area: Some(found.assignment.area_id),
        before: Some(&head.digest()?),
        after: Some(&next.digest()?),
    })?;
    Ok(GivenTask {
        current: next,
        ..found
    })
}

/// Returns whether this report is already recorded with its id. A report without a date has the date on which it was
/// first sent.
fn is_reported(
    conn: &mut AnyConnection,
    assignment: AssignmentId,
    id: ReportId,
    content: &str,
    (on, today): (NaiveDate, NaiveDate),
) -> StoreResult<bool> {
    let known: Option<ReportRow> = assignment_reports::table
        .find(id)
        .select(ReportRow::as_select())
        .first(conn)
        .optional()?;
    let same = same_request::made_before(known, |row| {
        row.assignment_id == assignment && row.content == content && (row.on_date == on || on == today)
    })?;
    Ok(same.is_some())
}

fn record_report(
    recording: &mut Recording<'_, '_>,
    assignment: AssignmentId,
    id: ReportId,
    content: &str,
    on: NaiveDate,
) -> StoreResult<()> {
    let recorded = recording.recorded();
    let row = ReportRow {
        id,
        assignment_id: assignment,
        on_date: on,
        content: content.to_owned(),
        recorded_seq: recorded.seq,
        recorded_at: recorded.at,
    };
    diesel::insert_into(assignment_reports::table)
        .values(&row)
        .execute(recording.conn())?;
    Ok(())
}

/// Records that `next` is true from its `valid_from` on; earlier days keep their recorded state.
fn replace_head(
    recording: &mut Recording<'_, '_>,
    head: &AssignmentVersion,
    next: &AssignmentVersion,
) -> StoreResult<()> {
    let key = (head.assignment_id, head.recorded_seq, head.valid_from);
    if head.recorded_seq == next.recorded_seq {
        // This transaction wrote the row itself: nobody has read it, so it can be deleted.
        diesel::delete(assignment_versions::table.find(key)).execute(recording.conn())?;
    } else {
        diesel::update(assignment_versions::table.find(key))
            .set((
                assignment_versions::superseded_seq.eq(next.recorded_seq),
                assignment_versions::superseded_at.eq(next.recorded_at),
            ))
            .execute(recording.conn())?;
    }
    if head.valid_from < next.valid_from {
        let before = AssignmentVersion {
            recorded_seq: next.recorded_seq,
            recorded_at: next.recorded_at,
            valid_to: Some(next.valid_from),
            ..head.clone()
        };
        diesel::insert_into(assignment_versions::table)
            .values(&before)
            .execute(recording.conn())?;
    }
    diesel::insert_into(assignment_versions::table)
        .values(next)
        .execute(recording.conn())?;
    Ok(())
}
