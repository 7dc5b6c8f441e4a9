//! Issuing a task and assigning it to areas below, all or none.

use std::collections::BTreeSet;
use std::sync::Arc;

use actix_web::{HttpResponse, post, web};
use qiaojian_domain::Violation;
use qiaojian_domain::area::AreaKind;
use qiaojian_domain::ids::{AssignmentId, TaskId};
use qiaojian_domain::task::{MOST_ASSIGNEES, check_assignees};
use qiaojian_store::db::AnyConnection;
use qiaojian_store::tasks::{self, Assignee, IssuedTask, NewTask};
use qiaojian_store::{activities, areas};

use super::wire::{Task, TaskInput};
use crate::app::App;
use crate::auth::{Caller, Principal, needs};
use crate::extract::Body;
use crate::headers::IdempotencyKey;
use crate::problem::ApiError;
use crate::routes::programs::meant;
use crate::wire::{id_or_new, missing_as, unknown_area};
use crate::write::{Reply, Write};

/// Issues a task today in the name of the caller's area and post, and assigns it to areas below.
///
/// Sending the same `id` with the same body again returns the existing task with 200 instead of 201.
#[utoipa::path(
    tag = "tasks",
    security(("oauth" = ["task:issue"])),
    params(IdempotencyKey),
    request_body = TaskInput,
    responses(
        (status = 201, description = "Issued", body = Task),
        (status = 200, description = "Already issued by the same request", body = Task),
        (status = 409, description = "The number or the id is already in use"),
        (status = 422, description = "A rule is violated, or an area is not below the caller's own")
    )
)]
#[post("/tasks")]
pub async fn create(
    app: web::Data<App>,
    caller: Caller<needs::TaskIssue>,
    write: Write,
    body: Body<TaskInput>,
) -> Result<HttpResponse, ApiError> {
    let Body { value: input, digest } = body;
    // Checked before any lookup. The other checks wait until it is known whether the request is a repetition, because a
    // due date may have passed since.
    if input.assign_to.len() > MOST_ASSIGNEES {
        let mut violations = Vec::new();
        check_assignees(&mut violations, input.assign_to.len());
        return Err(ApiError::invalid(violations));
    }
    issue(&app, caller.principal(), (write, digest), input.id, move || {
        Ok(input.clone())
    })
    .await
}

/// Issues the task that `input` returns, unless the same request has issued it before.
pub async fn issue(
    app: &App,
    caller: Arc<Principal>,
    (write, digest): (Write, String),
    id: Option<uuid::Uuid>,
    input: impl Fn() -> Result<TaskInput, ApiError> + Send + 'static,
) -> Result<HttpResponse, ApiError> {
    let today = app.today();
    let (clock, entropy) = (Arc::clone(&app.clock), Arc::clone(&app.entropy));
    let id: TaskId = id_or_new(id, clock.as_ref(), entropy.as_ref())?;
    let request_digest = digest.clone();
    write
        .run(app, &digest, move |recording| {
            let issuer = (caller.area, caller.post);
            let before = tasks::made_before(recording.conn(), &caller.visible, id, &request_digest, issuer)?;
            if let Some(before) = before {
                return Ok(reply(before)?.made_before());
            }
            let input = input()?;
            let ids = input
                .assign_to
                .iter()
                .map(|_| AssignmentId::generate(clock.as_ref(), entropy.as_ref()));
            let ids: Vec<_> = ids.collect();
            let new = NewTask {
                id,
                digest: request_digest.clone(),
                program: meant::find(recording.conn(), input.program, &caller, today)?.program_id,
                issuer: areas::by_id(recording.conn(), caller.area)?,
                issuer_post: caller.post,
                facts: input.facts(today),
                origin: input.origin,
                assignees: assignees(recording.conn(), &caller, &input, &ids)?,
            };
            check_origin(recording.conn(), &caller, &input)?;
            reply(tasks::create(recording, &new)?)
        })
        .await
}

fn reply(issued: IssuedTask) -> Result<Reply, ApiError> {
    let task = Task::of(issued)?;
    Reply::created(format!("/v1/tasks/{}", task.id), task.version, &task)
}

fn check_origin(conn: &mut AnyConnection, caller: &Principal, input: &TaskInput) -> Result<(), ApiError> {
    let Some(origin) = input.origin else { return Ok(()) };
    activities::find(conn, &caller.visible, origin)
        .map(drop)
        .map_err(|error| missing_as("/origin", error))
}

/// Returns the assignees, each of which must be in an area below the caller's own, or all violations.
fn assignees(
    conn: &mut AnyConnection,
    caller: &Principal,
    input: &TaskInput,
    ids: &[AssignmentId],
) -> Result<Vec<Assignee>, ApiError> {
    let below = areas::by_codes(
        conn,
        &caller.visible,
        input.assign_to.iter().map(|to| to.area.as_str()),
    )?;
    let mut named = BTreeSet::new();
    let mut violations = Vec::new();
    let mut assignees = Vec::new();
    for (index, (to, id)) in input.assign_to.iter().zip(ids).enumerate() {
        let pointer = format!("/assign_to/{index}/area");
        match below.get(&to.area) {
            None => violations.push(unknown_area(pointer)),
            Some(area) if area.area_id == caller.area => violations.push(own_area(pointer)),
            Some(area) if area.kind != AreaKind::Administrative => {
                violations.push(not_administrative(pointer));
            }
            Some(_) if !named.insert((&to.area, to.post)) => violations.push(named_twice(pointer)),
            Some(area) => assignees.push(Assignee {
                id: *id,
                area: area.clone(),
                post: to.post,
            }),
        }
    }
    if violations.is_empty() {
        Ok(assignees)
    } else {
        Err(ApiError::invalid(violations))
    }
}

fn own_area(pointer: String) -> Violation {
    Violation::new(
        pointer,
        "own_area",
        "只能交办给下级地区，不能交办给本级。",
        "A task can only be assigned to areas below your own.",
    )
}

fn not_administrative(pointer: String) -> Violation {
    Violation::new(
        pointer,
        "area_not_administrative",
        "统计用区划和占位区划不能承办任务。",
        "A statistical or placeholder area cannot be assigned a task.",
    )
}

fn named_twice(pointer: String) -> Violation {
    Violation::new(
        pointer,
        "assigned_twice",
        "同一地区和部门只能列一次。",
        "List each area and post only once.",
    )
}
