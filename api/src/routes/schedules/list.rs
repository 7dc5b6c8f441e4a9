//! Listing all schedules.

use actix_web::{HttpRequest, HttpResponse, get, web};
use qiaojian_domain::ids::ScheduleId;
use qiaojian_store::{areas, schedules};

use super::wire::Schedule;
use crate::app::App;
use crate::auth::{Caller, needs};
use crate::extract::Params;
use crate::page::{self, Page, Window};
use crate::problem::ApiError;
use crate::wire::PageParams;

/// Lists schedules of issuers in the caller's subtree, oldest first.
#[utoipa::path(
    tag = "schedules",
    security(("oauth" = ["bulletin:read"])),
    params(PageParams),
    responses((status = 200, description = "A page of the list", body = Page<Schedule>))
)]
#[get("/schedules")]
pub async fn list(
    app: web::Data<App>,
    caller: Caller<needs::BulletinRead>,
    request: HttpRequest,
    params: Params<PageParams>,
) -> Result<HttpResponse, ApiError> {
    let window = Window::<ScheduleId>::new(&request, params.limit, params.cursor.as_deref())?;
    let caller = caller.principal();
    let page = app
        .read(move |conn| {
            let rows = schedules::list(conn, &caller.visible, window.after, window.fetch())?;
            let issuers = areas::codes(conn, rows.iter().map(|row| row.issuer_area_id))?;
            window
                .page(rows, |row| row.id, |row| Schedule::with_issuer(row, &issuers))?
                .transpose()
        })
        .await?;
    Ok(page::reply(&request, &page))
}
