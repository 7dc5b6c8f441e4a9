//! The task breakdown table. A task is issued once, and assigned to areas and posts.

pub mod assignments;

use chrono::NaiveDate;
use diesel::dsl::exists;
use diesel::prelude::*;
use qiaojian_domain::Noun;
use qiaojian_domain::access::Post;
use qiaojian_domain::clock::UtcTime;
use qiaojian_domain::digest::{canonical, digest_of};
use qiaojian_domain::ids::{ActivityId, AreaId, AssignmentId, ProgramId, TaskId};
use qiaojian_domain::task::{Facts, Theme, check_assignees};
use serde::Serialize;

use super::areas::{self, AreaVersion, Subtree};
use super::audit::Entry;
use super::ledger::Recording;
use super::{StoreError, StoreResult, programs, same_request};
use crate::db::AnyConnection;
use crate::db::schema::{area_versions, assignments as assignments_table, tasks};
use crate::predicates::{last, within};

/// A row of `tasks`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Queryable, Selectable, Insertable)]
#[diesel(table_name = tasks)]
pub struct TaskRow {
    pub id: TaskId,
    pub version: i64,
    pub created_seq: i64,
    pub created_at: UtcTime,
    pub created_digest: String,
    pub updated_at: UtcTime,
    pub program_id: ProgramId,
    pub issuer_area_id: AreaId,
    pub issuer_post: Post,
    pub no: i32,
    pub theme: Theme,
    pub content: String,
    pub lead_post: Post,
    /// A JSON array of posts.
    pub supporting_posts: String,
    pub issued_on: NaiveDate,
    pub due_on: NaiveDate,
    pub origin_activity_id: Option<ActivityId>,
}

/// A task with the current code of the area that issued it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuedTask {
    pub task: TaskRow,
    pub issuer_code: String,
    /// Whether it belongs to a demonstration programme.
    pub illustrative: bool,
}

/// A task to issue.
#[derive(Debug, Clone)]
pub struct NewTask {
    pub id: TaskId,
    /// Digest of the request: repeating the request returns the same task.
    pub digest: String,
    pub program: ProgramId,
    pub issuer: AreaVersion,
    pub issuer_post: Post,
    pub facts: Facts,
    /// The activity that the task follows from.
    pub origin: Option<ActivityId>,
    pub assignees: Vec<Assignee>,
}

/// An assignee of a task.
#[derive(Debug, Clone)]
pub struct Assignee {
    /// The id of the new assignment.
    pub id: AssignmentId,
    pub area: AreaVersion,
    pub post: Post,
}

/// The filter of a list of tasks.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Only of this programme.
    pub program: Option<ProgramId>,
    /// Only of these themes.
    pub themes: Vec<Theme>,
}

/// The tasks visible to `visible`: those issued by one of its areas, and those assigned to one.
macro_rules! visible_to {
    ($visible:expr) => {{
        let is_within = last!(area_versions).and(within!($visible));
        let issued_by = area_versions::table
            .filter(area_versions::area_id.eq(tasks::issuer_area_id))
            .filter(is_within.clone());
        let given_to = assignments_table::table
            .inner_join(area_versions::table.on(area_versions::area_id.eq(assignments_table::area_id)))
            .filter(assignments_table::task_id.eq(tasks::id))
            .filter(is_within);
        tasks::table
            .filter(exists(issued_by).or(exists(given_to)))
            .select(TaskRow::as_select())
    }};
}

/// Returns the task with this id, if `visible` may see it.
///
/// # Errors
/// [`StoreError::NotFound`], or a database error.
pub fn find(conn: &mut AnyConnection, visible: &Subtree, id: TaskId) -> StoreResult<IssuedTask> {
    let found = visible_to!(visible)
        .filter(tasks::id.eq(id))
        .first(conn)
        .optional()?;
    let issued = with_issuers(conn, found.into_iter().collect())?;
    issued.into_iter().next().ok_or(StoreError::NotFound(Noun::Task))
}

/// Returns the tasks that `visible` may see, by id, after `after`.
///
/// # Errors
/// Returns an error if the database fails.
pub fn list(
    conn: &mut AnyConnection,
    visible: &Subtree,
    filter: &Filter,
    after: Option<TaskId>,
    limit: i64,
) -> QueryResult<Vec<IssuedTask>> {
    let mut query = visible_to!(visible).order(tasks::id).limit(limit).into_boxed();
    if let Some(program) = filter.program {
        query = query.filter(tasks::program_id.eq(program));
    }
    if !filter.themes.is_empty() {
        query = query.filter(tasks::theme.eq_any(filter.themes.clone()));
    }
    if let Some(after) = after {
        query = query.filter(tasks::id.gt(after));
    }
    let rows = query.load(conn)?;
    with_issuers(conn, rows)
}

fn with_issuers(conn: &mut AnyConnection, rows: Vec<TaskRow>) -> QueryResult<Vec<IssuedTask>> {
    let codes = areas::codes(conn, rows.iter().map(|task| task.issuer_area_id))?;
    let illustrative = programs::illustrative(conn)?;
    let issuer_code = |task: &TaskRow| codes.get(&task.issuer_area_id).cloned().unwrap_or_default();
    Ok(rows
        .into_iter()
        .map(|task| IssuedTask {
            issuer_code: issuer_code(&task),
            illustrative: illustrative.contains(&task.program_id),
            task,
        })
        .collect())
}

/// Returns the task that the same request of the same issuer has already created, in its current state.
///
/// # Errors
/// [`StoreError::Conflict`] `id_taken` if the id belongs to another request or issuer, or a database error.
pub fn made_before(
    conn: &mut AnyConnection,
    visible: &Subtree,
    id: TaskId,
    digest: &str,
    issuer: (AreaId, Post),
) -> StoreResult<Option<IssuedTask>> {
    let known: Option<(String, AreaId, Post)> = tasks::table
        .find(id)
        .select((tasks::created_digest, tasks::issuer_area_id, tasks::issuer_post))
        .first(conn)
        .optional()?;
    match same_request::made_before(known, |(known, area, post)| {
        known == digest && (*area, *post) == issuer
    })? {
        None => Ok(None),
        Some(_) => find(conn, visible, id).map(Some),
    }
}

/// Issues a task and assigns it to its assignees, all or nothing. The day of issue may be in the past. Call
/// [`made_before`] first.
///
/// # Errors
/// [`StoreError::Invalid`], [`StoreError::Conflict`] `task_no_taken` if the issuer has a task with this number in the
/// programme, or a database error.
pub fn create(recording: &mut Recording<'_, '_>, new: &NewTask) -> StoreResult<IssuedTask> {
    let facts = &new.facts;
    let mut violations = facts.violations();
    check_assignees(&mut violations, new.assignees.len());
    if !violations.is_empty() {
        return Err(StoreError::Invalid(violations));
    }
    let recorded = recording.recorded();
    let task = TaskRow {
        id: new.id,
        version: 1,
        created_seq: recorded.seq,
        created_at: recorded.at,
        created_digest: new.digest.clone(),
        updated_at: recorded.at,
        program_id: new.program,
        issuer_area_id: new.issuer.area_id,
        issuer_post: new.issuer_post,
        no: facts.no,
        theme: facts.theme,
        content: facts.content.clone(),
        lead_post: facts.lead_post,
        supporting_posts: canonical(&facts.supporting_posts)?,
        issued_on: facts.issued_on,
        due_on: facts.due_on,
        origin_activity_id: new.origin,
    };
    diesel::insert_into(tasks::table)
        .values(&task)
        .execute(recording.conn())?;
    for assignee in &new.assignees {
        assignments::issue(recording, &task, assignee)?;
    }
    // One entry for all assignments: its digest covers every assignee.
    let after = digest(&task, &new.assignees)?;
    let id = task.id.to_string();
    recording.audit(&Entry {
        verb: "create",
        resource: Noun::Task,
        id: &id,
        area: Some(task.issuer_area_id),
        before: None,
        after: Some(&after),
    })?;
    with_issuers(recording.conn(), vec![task])?
        .pop()
        .ok_or(StoreError::NotFound(Noun::Task))
}

fn digest(task: &TaskRow, assignees: &[Assignee]) -> Result<String, serde_json::Error> {
    let given: Vec<_> = assignees
        .iter()
        .map(|assignee| (assignee.id, assignee.area.area_id, assignee.post))
        .collect();
    digest_of(&(task, given))
}
