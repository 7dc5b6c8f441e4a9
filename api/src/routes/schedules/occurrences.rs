//! The occurrences of a schedule.

use actix_web::{HttpRequest, HttpResponse, get, web};
use qiaojian_domain::clock::UtcTime;
use qiaojian_domain::ids::{OccurrenceId, ScheduleId};
use qiaojian_store::{occurrences, schedules};

use super::wire::Occurrence;
use crate::app::App;
use crate::auth::{Caller, needs};
use crate::extract::{Params, Segment};
use crate::page::{self, Page, Window};
use crate::problem::ApiError;
use crate::wire::PageParams;

/// Lists the periods of a schedule that have come due, oldest first: composed, skipped or missed, each with its reason.
#[utoipa::path(
    tag = "schedules",
    security(("oauth" = ["bulletin:read"])),
    params(("id" = uuid::Uuid, Path, description = "The schedule"), PageParams),
    responses(
        (status = 200, description = "A page of the list", body = Page<Occurrence>)
    )
)]
#[get("/schedules/{id}/occurrences")]
pub async fn list(
    app: web::Data<App>,
    caller: Caller<needs::BulletinRead>,
    request: HttpRequest,
    id: Segment<ScheduleId>,
    params: Params<PageParams>,
) -> Result<HttpResponse, ApiError> {
    let window = Window::<(UtcTime, OccurrenceId)>::new(&request, params.limit, params.cursor.as_deref())?;
    let caller = caller.principal();
    let page = app
        .read(move |conn| {
            let schedule = schedules::find(conn, &caller.visible, id.0)?;
            let rows = occurrences::of_schedule(conn, schedule.id, window.after, window.fetch())?;
            window.page(rows, |row| (row.due_at, row.id), Occurrence::of)
        })
        .await?;
    Ok(page::reply(&request, &page))
}
