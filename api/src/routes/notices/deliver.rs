//! Sending a notice to the current endpoints of its post.

use std::sync::Arc;

use actix_web::{HttpResponse, post, web};
use qiaojian_domain::ids::NoticeId;
use qiaojian_store::bulletins::Mint;
use qiaojian_store::{areas, deliveries};

use super::wire::Notice;
use crate::app::App;
use crate::auth::{Caller, needs};
use crate::extract::{Body, NoInput, Segment};
use crate::headers::{IdempotencyKey, IfMatch};
use crate::problem::ApiError;
use crate::write::{Reply, Write};

/// Queues a published notice for those enabled endpoints of its addressee that it has not been delivered to.
///
/// Paused endpoints are included. Deliveries are queued for endpoints recorded since publication, and for those where
/// the delivery was `undeliverable`, `dead`, `expired` or cancelled. Deliveries that were sent or are waiting for a
/// person stay unchanged.
#[utoipa::path(
    tag = "notices",
    security(("oauth" = ["delivery:manage"])),
    params(
        ("id" = uuid::Uuid, Path, description = "The notice"),
        IfMatch,
        IdempotencyKey
    ),
    request_body = NoInput,
    responses(
        (status = 200, description = "Queued, or already being delivered; see /v1/deliveries", body = Notice),
        (status = 404, description = "Not found, or not addressed to the caller's subtree"),
        (status = 409, description = "The addressee has no enabled endpoint")
    )
)]
#[post("/notices/{id}/deliver")]
pub async fn deliver(
    app: web::Data<App>,
    caller: Caller<needs::DeliveryManage>,
    id: Segment<NoticeId>,
    write: Write,
    body: Body<NoInput>,
) -> Result<HttpResponse, ApiError> {
    let (caller, expected) = (caller.principal(), write.version());
    let (clock, entropy) = (Arc::clone(&app.clock), Arc::clone(&app.entropy));
    write
        .run(&app, &body.digest, move |recording| {
            let mint = Mint {
                clock: clock.as_ref(),
                entropy: entropy.as_ref(),
            };
            let (notice, bulletin) = deliveries::deliver(recording, mint, &caller.visible, id.0, expected)?;
            let area = areas::by_id(recording.conn(), notice.area_id)?;
            Reply::ok(notice.version, &Notice::of(&notice, &bulletin, &area)?)
        })
        .await
}
