//! Reading one notice.

use actix_web::{HttpResponse, get, web};
use qiaojian_domain::ids::NoticeId;

use super::document::find;
use super::wire::Notice;
use crate::app::App;
use crate::auth::{Caller, needs};
use crate::extract::Segment;
use crate::problem::ApiError;
use crate::write::show;

/// Returns a published notice to an area in the caller's subtree, with its content.
#[utoipa::path(
    tag = "notices",
    security(("oauth" = ["bulletin:read"])),
    params(("id" = uuid::Uuid, Path, description = "The notice")),
    responses(
        (status = 200, description = "The notice", body = Notice),
        (status = 404, description = "Not found, or not addressed to the caller's subtree")
    )
)]
#[get("/notices/{id}")]
pub async fn get(
    app: web::Data<App>,
    caller: Caller<needs::BulletinRead>,
    id: Segment<NoticeId>,
) -> Result<HttpResponse, ApiError> {
    let (notice, bulletin, area) = find(&app, caller.principal(), id.0).await?;
    Ok(show(notice.version, &Notice::of(&notice, &bulletin, &area)?))
}
