//! Reading one area.

use actix_web::{HttpResponse, get, web};
use qiaojian_store::areas;
use qiaojian_store::db::snapshot;

use super::wire::{self, Area};
use crate::app::App;
use crate::auth::{Caller, needs};
use crate::extract::{Params, Segment};
use crate::moment::MomentParams;
use crate::problem::ApiError;
use crate::write::show;

/// Returns an area in the caller's subtree, or one above it, with the names of the areas above.
///
/// With `as_of` or `known_at` it is returned as it was then, found by the code it had then or has now.
#[utoipa::path(
    tag = "areas",
    security(("oauth" = ["area:read"])),
    params(("code" = String, Path, description = "The area's code"), MomentParams),
    responses(
        (status = 200, description = "The area", body = Area),
        (status = 400, description = "`as_of` is in the future"),
        (
            status = 404,
            description = "Not found, not existing then, or outside the caller's area; if an area of the caller's had this code before, \
                `errors` gives its current code"
        )
    )
)]
#[get("/areas/{code}")]
pub async fn get(
    app: web::Data<App>,
    caller: Caller<needs::AreaRead>,
    code: Segment<String>,
    params: Params<MomentParams>,
) -> Result<HttpResponse, ApiError> {
    let (times, today) = (params.times(), app.today());
    let caller = caller.principal();
    let area = app
        .read(move |conn| {
            snapshot(conn, |conn| {
                let tree = wire::tree(conn, &caller, times, today)?;
                match tree.show(conn, &code.0) {
                    Err(error) if error.is_not_found() && !times.are_asked_for() => {
                        let former = areas::former(conn, &caller.visible, &code.0)?;
                        Err(former.map_or(error, |former| ApiError::had_this_code(&former)))
                    }
                    shown => shown,
                }
            })
        })
        .await?;
    if times.are_asked_for() {
        // A past state has no version that could be changed, so there is no ETag.
        return Ok(HttpResponse::Ok().json(area));
    }
    Ok(show(area.version, &area))
}
