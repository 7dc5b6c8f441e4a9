//! Reading one assignment.

use actix_web::{HttpResponse, get, web};
use qiaojian_domain::ids::AssignmentId;
use qiaojian_store::tasks::assignments;

use super::wire::Assignment;
use crate::app::App;
use crate::auth::{Caller, needs};
use crate::extract::Segment;
use crate::problem::ApiError;
use crate::write::show;

/// Returns an assignment in the caller's subtree, with its reports.
#[utoipa::path(
    tag = "assignments",
    security(("oauth" = ["task:read"])),
    params(("id" = uuid::Uuid, Path, description = "The assignment")),
    responses((status = 200, description = "The assignment", body = Assignment))
)]
#[get("/assignments/{id}")]
pub async fn get(
    app: web::Data<App>,
    caller: Caller<needs::TaskRead>,
    id: Segment<AssignmentId>,
) -> Result<HttpResponse, ApiError> {
    let (caller, today) = (caller.principal(), app.today());
    let assignment = app
        .read(move |conn| {
            let found = assignments::find(conn, &caller.visible, id.0)?;
            Assignment::with_reports(conn, found, today)
        })
        .await?;
    Ok(show(assignment.version, &assignment))
}
