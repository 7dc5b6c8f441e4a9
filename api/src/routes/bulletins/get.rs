//! Reading one bulletin.

use actix_web::{HttpResponse, get, web};
use qiaojian_domain::ids::BulletinId;
use qiaojian_store::bulletins;

use super::wire::Bulletin;
use crate::app::App;
use crate::auth::{Caller, needs};
use crate::extract::Segment;
use crate::problem::ApiError;
use crate::write::show;

/// Returns a bulletin with its common figures.
///
/// The bulletin must be issued in the caller's subtree, or published and addressed to it.
#[utoipa::path(
    tag = "bulletins",
    security(("oauth" = ["bulletin:read"])),
    params(("id" = uuid::Uuid, Path, description = "The bulletin")),
    responses(
        (status = 200, description = "The bulletin", body = Bulletin),
        (status = 404, description = "Not found, or neither issued by nor addressed to the caller's subtree")
    )
)]
#[get("/bulletins/{id}")]
pub async fn get(
    app: web::Data<App>,
    caller: Caller<needs::BulletinRead>,
    id: Segment<BulletinId>,
) -> Result<HttpResponse, ApiError> {
    let caller = caller.principal();
    let seen = app
        .read(move |conn| Ok(bulletins::find_seen(conn, &caller.visible, id.0)?))
        .await?;
    Ok(show(seen.bulletin.version, &Bulletin::of(seen)?))
}
