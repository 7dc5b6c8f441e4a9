//! Manual decisions about a delivery: redeliver or cancel.

use std::sync::Arc;

use actix_web::{HttpResponse, post, web};
use qiaojian_domain::delivery::DeliveryVerb;
use qiaojian_domain::ids::DeliveryId;
use qiaojian_domain::violation::{TEXT_CHARS, check_text};
use qiaojian_store::deliveries;
use serde::Deserialize;
use utoipa::ToSchema;

use super::wire::Delivery;
use crate::app::App;
use crate::auth::{Caller, Principal, needs};
use crate::extract::{Body, Segment};
use crate::headers::{IdempotencyKey, IfMatch};
use crate::problem::ApiError;
use crate::write::{Reply, Write};

/// The reason for the decision.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"reason": "对方来电称未收到，邮箱已恢复。"}))]
pub struct DeliveryStepInput {
    #[schema(example = "对方来电称未收到，邮箱已恢复。", max_length = 2000)]
    reason: String,
}

async fn step(
    app: &App,
    caller: Arc<Principal>,
    id: DeliveryId,
    write: Write,
    body: Body<DeliveryStepInput>,
    verb: DeliveryVerb,
) -> Result<HttpResponse, ApiError> {
    let Body { value: input, digest } = body;
    let mut violations = Vec::new();
    check_text(&mut violations, "/reason", &input.reason, TEXT_CHARS);
    if !violations.is_empty() {
        return Err(ApiError::invalid(violations));
    }
    let expected = write.version();
    write
        .run(app, &digest, move |recording| {
            let view = if verb == DeliveryVerb::Cancel {
                deliveries::cancel(recording, &caller.visible, id, expected, &input.reason)?
            } else {
                deliveries::redeliver(recording, &caller.visible, id, expected, &input.reason)?
            };
            let attempts = deliveries::attempts(recording.conn(), id)?;
            Reply::ok(view.delivery.version, &Delivery::with_attempts(view, attempts))
        })
        .await
}

/// Redelivers a delivery that is dead, expired or in review, with the same id and a new lifetime.
///
/// If its endpoint was disabled, it goes to the current endpoint of the post in that channel. If there is none, the
/// request is refused.
#[utoipa::path(
    tag = "deliveries",
    security(("oauth" = ["delivery:manage"])),
    params(
        ("id" = uuid::Uuid, Path, description = "The delivery"),
        IfMatch,
        IdempotencyKey
    ),
    request_body = DeliveryStepInput,
    responses(
        (status = 200, description = "Queued", body = Delivery),
        (status = 409, description = "The state does not allow it (nothing is sent twice), or its endpoint was disabled and not replaced"),
        (status = 422, description = "The reason is missing or too long")
    )
)]
#[post("/deliveries/{id}/redeliver")]
pub async fn redeliver(
    app: web::Data<App>,
    caller: Caller<needs::DeliveryManage>,
    id: Segment<DeliveryId>,
    write: Write,
    body: Body<DeliveryStepInput>,
) -> Result<HttpResponse, ApiError> {
    step(
        &app,
        caller.principal(),
        id.0,
        write,
        body,
        DeliveryVerb::Redeliver,
    )
    .await
}

/// Cancels a delivery before it is sent.
///
/// A delivery that is being sent cannot be cancelled.
#[utoipa::path(
    tag = "deliveries",
    security(("oauth" = ["delivery:manage"])),
    params(
        ("id" = uuid::Uuid, Path, description = "The delivery"),
        IfMatch,
        IdempotencyKey
    ),
    request_body = DeliveryStepInput,
    responses(
        (status = 200, description = "Cancelled", body = Delivery),
        (status = 409, description = "The current state does not allow it"),
        (status = 422, description = "The reason is missing or too long")
    )
)]
#[post("/deliveries/{id}/cancel")]
pub async fn cancel(
    app: web::Data<App>,
    caller: Caller<needs::DeliveryManage>,
    id: Segment<DeliveryId>,
    write: Write,
    body: Body<DeliveryStepInput>,
) -> Result<HttpResponse, ApiError> {
    step(&app, caller.principal(), id.0, write, body, DeliveryVerb::Cancel).await
}
