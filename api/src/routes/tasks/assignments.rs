//! The assignments of a task.

use actix_web::{HttpRequest, HttpResponse, get, web};
use qiaojian_domain::ids::{AssignmentId, TaskId};
use qiaojian_store::tasks;
use qiaojian_store::tasks::assignments::{self, Filter};

use crate::app::App;
use crate::auth::{Caller, needs};
use crate::extract::{Params, Segment};
use crate::page::{self, Page, Window};
use crate::problem::ApiError;
use crate::routes::assignments::wire::Assignment;
use crate::wire::PageParams;

/// Lists the assignments of a task in the caller's subtree, by area.
///
/// The issuer sees all; an assignee sees its own and those below.
#[utoipa::path(
    tag = "tasks",
    security(("oauth" = ["task:read"])),
    params(("id" = uuid::Uuid, Path, description = "The task"), PageParams),
    responses(
        (status = 200, description = "A page of the list", body = Page<Assignment>),
        (status = 404, description = "Not found, or neither issued by nor assigned to the caller's area")
    )
)]
#[get("/tasks/{id}/assignments")]
pub async fn list(
    app: web::Data<App>,
    caller: Caller<needs::TaskRead>,
    request: HttpRequest,
    id: Segment<TaskId>,
    params: Params<PageParams>,
) -> Result<HttpResponse, ApiError> {
    let window = Window::<(String, AssignmentId)>::new(&request, params.limit, params.cursor.as_deref())?;
    let (caller, today) = (caller.principal(), app.today());
    let page = app
        .read(move |conn| {
            let task = tasks::find(conn, &caller.visible, id.0)?.task.id;
            let filter = Filter {
                task: Some(task),
                ..Filter::default()
            };
            let rows = assignments::list(
                conn,
                &caller.visible,
                &filter,
                today,
                window.after.as_ref(),
                window.fetch(),
            )?;
            window.page(
                rows,
                |given| (given.area_path.clone(), given.assignment.id),
                |given| Assignment::of(given, today),
            )
        })
        .await?;
    Ok(page::reply(&request, &page))
}
