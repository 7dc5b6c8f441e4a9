//! Listing assignments, with filters.

use actix_web::{HttpRequest, HttpResponse, get, web};
use qiaojian_domain::assignment::{AssignmentStatus, Light};
use qiaojian_domain::ids::{AssignmentId, TaskId};
use qiaojian_store::areas;
use qiaojian_store::tasks::assignments::{self, Filter};
use serde::Deserialize;
use utoipa::IntoParams;

use super::wire::Assignment;
use crate::app::App;
use crate::auth::{Caller, needs};
use crate::extract::{List, Params};
use crate::page::{self, Page, Window};
use crate::problem::ApiError;

/// Which assignments to list. List-valued parameters are comma-separated.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListParams {
    /// Only this area and all areas below it. Defaults to the caller's area.
    area: Option<String>,
    #[serde(default)]
    #[param(value_type = Option<String>)]
    status: List<AssignmentStatus>,
    #[param(value_type = Option<uuid::Uuid>)]
    task: Option<TaskId>,
    /// The current traffic light.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    light: List<Light>,
    /// Page size: 1 to 200. The default is 50.
    limit: Option<i64>,
    cursor: Option<String>,
}

/// Lists assignments in the caller's subtree, by area and id.
#[utoipa::path(
    tag = "assignments",
    security(("oauth" = ["task:read"])),
    params(ListParams),
    responses(
        (status = 200, description = "A page of the list", body = Page<Assignment>),
        (status = 404, description = "The area was not found, or is outside the caller's area")
    )
)]
#[get("/assignments")]
pub async fn list(
    app: web::Data<App>,
    caller: Caller<needs::TaskRead>,
    request: HttpRequest,
    params: Params<ListParams>,
) -> Result<HttpResponse, ApiError> {
    let ListParams {
        area,
        status,
        task,
        light,
        limit,
        cursor,
    } = params.0;
    let window = Window::<(String, AssignmentId)>::new(&request, limit, cursor.as_deref())?;
    let filter = Filter {
        task,
        statuses: status.0,
        lights: light.0,
    };
    let (caller, today) = (caller.principal(), app.today());
    let page = app
        .read(move |conn| {
            let within = match &area {
                Some(code) => areas::find(conn, &caller.visible, code)?.subtree(),
                None => caller.visible.clone(),
            };
            let rows = assignments::list(
                conn,
                &within,
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
