//! One area.

use actix_web::{HttpResponse, get, web};
use qiaojian_shared::store::areas;

use super::wire::Area;
use crate::app::App;
use crate::auth::{Caller, needs};
use crate::extract::Segment;
use crate::problem::{ApiError, Problem};
use crate::write::show;

/// One area of the caller's subtree, or one that stands above it, with the names of those above.
#[utoipa::path(
    tag = "areas",
    security(("oauth" = ["area:read"])),
    params(("code" = String, Path, description = "The area's code")),
    responses(
        (status = 200, description = "The area", body = Area),
        (status = 404, description = "None, or outside the caller's area", body = Problem)
    )
)]
#[get("/areas/{code}")]
pub async fn get(
    app: web::Data<App>,
    caller: Caller<needs::AreaRead>,
    code: Segment<String>,
) -> Result<HttpResponse, ApiError> {
    let caller = caller.principal();
    let area = app
        .read(move |conn| {
            let found = areas::find_or_ancestor(conn, &caller.visible, &code.0)?;
            Area::with_ancestors(conn, &found)
        })
        .await?;
    Ok(show(area.version, &area))
}
