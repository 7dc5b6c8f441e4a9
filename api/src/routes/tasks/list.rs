//! Listing tasks, with filters.

use actix_web::{HttpRequest, HttpResponse, get, web};
use qiaojian_domain::ids::{ProgramId, TaskId};
use qiaojian_domain::task::Theme;
use qiaojian_store::tasks::{self, Filter};
use serde::Deserialize;
use utoipa::IntoParams;

use super::wire::Task;
use crate::app::App;
use crate::auth::{Caller, needs};
use crate::extract::{List, Params};
use crate::page::{self, Page, Window};
use crate::problem::ApiError;

/// Which tasks to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListParams {
    #[param(value_type = Option<uuid::Uuid>)]
    program: Option<ProgramId>,
    /// Comma-separated.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    theme: List<Theme>,
    /// Page size: 1 to 200. The default is 50.
    limit: Option<i64>,
    cursor: Option<String>,
}

/// Lists tasks that were issued by or assigned to an area in the caller's subtree, oldest first.
#[utoipa::path(
    tag = "tasks",
    security(("oauth" = ["task:read"])),
    params(ListParams),
    responses((status = 200, description = "A page of the list", body = Page<Task>))
)]
#[get("/tasks")]
pub async fn list(
    app: web::Data<App>,
    caller: Caller<needs::TaskRead>,
    request: HttpRequest,
    params: Params<ListParams>,
) -> Result<HttpResponse, ApiError> {
    let ListParams {
        program,
        theme,
        limit,
        cursor,
    } = params.0;
    let window = Window::<TaskId>::new(&request, limit, cursor.as_deref())?;
    let filter = Filter {
        program,
        themes: theme.0,
    };
    let caller = caller.principal();
    let page = app
        .read(move |conn| {
            let rows = tasks::list(conn, &caller.visible, &filter, window.after, window.fetch())?;
            window.page(rows, |issued| issued.task.id, Task::of)?.transpose()
        })
        .await?;
    Ok(page::reply(&request, &page))
}
