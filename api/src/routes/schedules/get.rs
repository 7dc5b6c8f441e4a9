//! Reading one schedule.

use actix_web::{HttpResponse, get, web};
use qiaojian_domain::ids::ScheduleId;
use qiaojian_store::schedules;

use super::wire::Schedule;
use crate::app::App;
use crate::auth::{Caller, needs};
use crate::extract::Segment;
use crate::problem::ApiError;
use crate::write::show;

/// Returns a schedule of an issuer in the caller's subtree.
#[utoipa::path(
    tag = "schedules",
    security(("oauth" = ["bulletin:read"])),
    params(("id" = uuid::Uuid, Path, description = "The schedule")),
    responses(
        (status = 200, description = "The schedule", body = Schedule)
    )
)]
#[get("/schedules/{id}")]
pub async fn get(
    app: web::Data<App>,
    caller: Caller<needs::BulletinRead>,
    id: Segment<ScheduleId>,
) -> Result<HttpResponse, ApiError> {
    let caller = caller.principal();
    let schedule = app
        .read(move |conn| {
            let row = schedules::find(conn, &caller.visible, id.0)?;
            Schedule::of(conn, row)
        })
        .await?;
    Ok(show(schedule.version, &schedule))
}
