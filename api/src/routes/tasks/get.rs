//! Reading one task.

use actix_web::{HttpResponse, get, web};
use qiaojian_domain::ids::TaskId;
use qiaojian_store::tasks;

use super::wire::Task;
use crate::app::App;
use crate::auth::{Caller, needs};
use crate::extract::Segment;
use crate::problem::ApiError;
use crate::write::show;

/// Returns a task that was issued by or assigned to an area in the caller's subtree.
#[utoipa::path(
    tag = "tasks",
    security(("oauth" = ["task:read"])),
    params(("id" = uuid::Uuid, Path, description = "The task")),
    responses((status = 200, description = "The task", body = Task), (status = 404, description = "Not found, or neither issued by nor assigned to the caller's area"))
)]
#[get("/tasks/{id}")]
pub async fn get(
    app: web::Data<App>,
    caller: Caller<needs::TaskRead>,
    id: Segment<TaskId>,
) -> Result<HttpResponse, ApiError> {
    let caller = caller.principal();
    let found = app
        .read(move |conn| Ok(tasks::find(conn, &caller.visible, id.0)?))
        .await?;
    Ok(show(found.task.version, &Task::of(found)?))
}
