//! Deleting a schedule that composed nothing.

use actix_web::{HttpResponse, delete, web};
use qiaojian_domain::ids::ScheduleId;
use qiaojian_store::schedules;

use crate::app::App;
use crate::auth::{Caller, needs};
use crate::extract::Segment;
use crate::headers::IfMatchRequired;
use crate::problem::ApiError;
use crate::write::{Reply, Write};

/// Deletes a schedule by which nothing was composed, together with its skipped and missed periods.
///
/// A schedule that composed bulletins is ended by `PATCH` (`ends_period`).
#[utoipa::path(
    tag = "schedules",
    security(("oauth" = ["schedule:write"])),
    params(("id" = uuid::Uuid, Path, description = "The schedule"), IfMatchRequired),
    responses(
        (status = 204, description = "Deleted"),
        (status = 409, description = "The schedule has composed bulletins")
    )
)]
#[delete("/schedules/{id}")]
pub async fn delete(
    app: web::Data<App>,
    caller: Caller<needs::ScheduleWrite>,
    id: Segment<ScheduleId>,
    write: Write,
) -> Result<HttpResponse, ApiError> {
    let (caller, id, expected) = (caller.principal(), id.0, write.required_version()?);
    write
        .run(&app, "", move |recording| {
            schedules::delete(recording, &caller.visible, id, expected)?;
            Ok(Reply::gone())
        })
        .await
}
