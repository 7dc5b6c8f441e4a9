//! 签收: the addressee confirms that the notice was read.

use actix_web::{HttpResponse, post, web};
use qiaojian_domain::ids::NoticeId;
use qiaojian_store::{areas, notices, unless_stale};

use super::wire::Notice;
use crate::app::App;
use crate::auth::{Caller, needs};
use crate::extract::{Body, NoInput, Segment};
use crate::headers::{IdempotencyKey, IfMatch};
use crate::problem::ApiError;
use crate::write::{Reply, Write};

/// Acknowledges that a notice was read.
///
/// Only the addressed area and post may do so; repeating it changes nothing.
#[utoipa::path(
    tag = "notices",
    security(("oauth" = ["bulletin:read"])),
    params(
        ("id" = uuid::Uuid, Path, description = "The notice"),
        IfMatch,
        IdempotencyKey
    ),
    request_body = NoInput,
    responses(
        (status = 200, description = "Acknowledged, now or earlier", body = Notice),
        (status = 403, description = "The notice is addressed to another area or post"),
        (status = 404, description = "Not found, or not addressed to the caller's subtree")
    )
)]
#[post("/notices/{id}/acknowledge")]
pub async fn acknowledge(
    app: web::Data<App>,
    caller: Caller<needs::BulletinRead>,
    id: Segment<NoticeId>,
    write: Write,
    body: Body<NoInput>,
) -> Result<HttpResponse, ApiError> {
    let (caller, expected) = (caller.principal(), write.version());
    write
        .run(&app, &body.digest, move |recording| {
            let (found, _) = notices::find(recording.conn(), &caller.visible, id.0)?;
            if (found.area_id, found.post) != (caller.area, caller.post) {
                return Err(ApiError::not_yours(
                    "只有收文的地区和部门可以签收。",
                    "Only the area and post it is addressed to may acknowledge it.",
                ));
            }
            unless_stale(expected, found.version)?;
            let (notice, bulletin) = notices::acknowledge(recording, &caller.visible, id.0)?;
            let area = areas::by_id(recording.conn(), notice.area_id)?;
            Reply::ok(notice.version, &Notice::of(&notice, &bulletin, &area)?)
        })
        .await
}
