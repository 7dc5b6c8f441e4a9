//! Assignments: a task as assigned to one area and post, with its actions and their dates.

mod act;
mod row;

use chrono::{Days, NaiveDate};
use diesel::dsl::not;
use diesel::prelude::*;
use qiaojian_domain::Noun;
use qiaojian_domain::assignment::{AssignmentStatus, Light, YELLOW_DAYS};
use qiaojian_domain::ids::{AssignmentId, TaskId};

pub(super) use act::issue;
pub use act::{Act, act};
pub use row::{AssignmentRow, AssignmentVersion, GivenTask, ReportRow};

use crate::areas::{self, Subtree};
use crate::db::AnyConnection;
use crate::db::schema::{area_versions, assignment_reports, assignment_versions, assignments, tasks};
use crate::predicates::{head, last_area, within};
use crate::tasks::TaskRow;
use crate::{StoreError, StoreResult, programs};

/// The filter of a list of assignments.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Only of this task.
    pub task: Option<TaskId>,
    /// Only these statuses.
    pub statuses: Vec<AssignmentStatus>,
    /// Only with one of these lights on `today`.
    pub lights: Vec<Light>,
}

type Found = (AssignmentRow, AssignmentVersion, TaskRow, String, String, String);

/// The latest known assignments of the areas of `visible`.
macro_rules! heads_in {
    ($visible:expr) => {
        assignments::table
            .inner_join(
                assignment_versions::table.on(assignment_versions::assignment_id
                    .eq(assignments::id)
                    .and(head!(assignment_versions))),
            )
            .inner_join(tasks::table.on(tasks::id.eq(assignments::task_id)))
            .inner_join(last_area!(assignments::area_id))
            .filter(within!($visible))
            .select((
                AssignmentRow::as_select(),
                AssignmentVersion::as_select(),
                TaskRow::as_select(),
                area_versions::code,
                area_versions::name,
                area_versions::path,
            ))
    };
}

/// Returns the assignment with this id, if its area belongs to `visible`.
///
/// # Errors
/// [`StoreError::NotFound`], or a database error.
pub fn find(conn: &mut AnyConnection, visible: &Subtree, id: AssignmentId) -> StoreResult<GivenTask> {
    let found: Option<Found> = heads_in!(visible)
        .filter(assignments::id.eq(id))
        .first(conn)
        .optional()?;
    let given = with_issuers(conn, found.into_iter().collect())?;
    given
        .into_iter()
        .next()
        .ok_or(StoreError::NotFound(Noun::Assignment))
}

/// Returns the assignments of `within` (a part of what the caller sees), by area path and id, after the cursor `after`.
/// Lights are those of `today`.
///
/// # Errors
/// Returns an error if the database fails.
pub fn list(
    conn: &mut AnyConnection,
    within: &Subtree,
    filter: &Filter,
    today: NaiveDate,
    after: Option<&(String, AssignmentId)>,
    limit: i64,
) -> QueryResult<Vec<GivenTask>> {
    use AssignmentStatus as S;
    let mut query = heads_in!(within)
        .order((area_versions::path, assignments::id))
        .limit(limit)
        .into_boxed();
    if let Some(task) = filter.task {
        query = query.filter(assignments::task_id.eq(task));
    }
    if !filter.statuses.is_empty() {
        query = query.filter(assignment_versions::status.eq_any(filter.statuses.clone()));
    }
    if !filter.lights.is_empty() {
        // These three conditions are `qiaojian_domain::assignment::light` in SQL; a test compares the two.
        let working =
            || assignment_versions::status.eq_any([S::Issued, S::Acknowledged, S::InProgress, S::Returned]);
        let submitted_late = || {
            assignment_versions::status
                .eq_any([S::Submitted, S::Accepted])
                .and(assignment_versions::submitted_on.gt(assignment_versions::due_on.nullable()))
        };
        let soon = today
            .checked_add_days(Days::new(YELLOW_DAYS.unsigned_abs()))
            .unwrap_or(today);
        let red = || working().and(assignment_versions::due_on.lt(today));
        let yellow = || {
            working()
                .and(assignment_versions::due_on.between(today, soon))
                .or(submitted_late())
        };
        if !filter.lights.contains(&Light::Red) {
            query = query.filter(not(red()));
        }
        if !filter.lights.contains(&Light::Yellow) {
            query = query.filter(not(yellow()));
        }
        if !filter.lights.contains(&Light::Green) {
            query = query.filter(red().or(yellow()));
        }
    }
    if let Some((path, id)) = after.cloned() {
        // `>=` narrows the index range; the second condition resolves ties within one area.
        query = query
            .filter(area_versions::path.ge(path.clone()))
            .filter(area_versions::path.gt(path).or(assignments::id.gt(id)));
    }
    let rows = query.load(conn)?;
    with_issuers(conn, rows)
}

fn with_issuers(conn: &mut AnyConnection, rows: Vec<Found>) -> QueryResult<Vec<GivenTask>> {
    let codes = areas::codes(conn, rows.iter().map(|(_, _, task, ..)| task.issuer_area_id))?;
    let illustrative = programs::illustrative(conn)?;
    let issuer_code = |task: &TaskRow| codes.get(&task.issuer_area_id).cloned().unwrap_or_default();
    Ok(rows
        .into_iter()
        .map(
            |(assignment, current, task, area_code, area_name, area_path)| GivenTask {
                issuer_code: issuer_code(&task),
                illustrative: illustrative.contains(&task.program_id),
                assignment,
                current,
                task,
                area_code,
                area_name,
                area_path,
            },
        )
        .collect())
}

/// Returns the reports of an assignment, in chronological order.
///
/// # Errors
/// Returns an error if the database fails.
pub fn reports(conn: &mut AnyConnection, id: AssignmentId) -> QueryResult<Vec<ReportRow>> {
    assignment_reports::table
        .filter(assignment_reports::assignment_id.eq(id))
        .order((
            assignment_reports::on_date,
            assignment_reports::recorded_seq,
            assignment_reports::id,
        ))
        .select(ReportRow::as_select())
        .load(conn)
}
