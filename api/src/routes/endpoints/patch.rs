//! Correcting an endpoint.

use std::sync::Arc;

use actix_web::{HttpResponse, patch, web};
use qiaojian_domain::delivery::OnUncertain;
use qiaojian_domain::ids::EndpointId;
use qiaojian_store::endpoints::{self, Change};
use serde::Deserialize;
use utoipa::ToSchema;

use super::wire::Endpoint;
use crate::app::App;
use crate::auth::{Caller, needs};
use crate::extract::{Body, Segment};
use crate::headers::IfMatchRequired;
use crate::problem::ApiError;
use crate::write::{Reply, Write};

/// The fields to change; omitted fields stay unchanged. Area, post and channel cannot be changed: record another
/// endpoint instead.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"on_uncertain": "resend"}))]
pub struct EndpointPatch {
    #[serde(default)]
    #[schema(example = "qiaolian@example.org", max_length = 254)]
    address: Option<String>,
    #[serde(default)]
    on_uncertain: Option<OnUncertain>,
    /// `true`: the notices that have not reached the post so far, counted in `undelivered`, are queued for this
    /// endpoint.
    #[serde(default)]
    deliver: bool,
}

/// Corrects an endpoint and resets its failures.
///
/// Queued deliveries go to the new address. A paused or disabled endpoint stays so until it is resumed.
#[utoipa::path(
    tag = "endpoints",
    security(("oauth" = ["endpoint:write"])),
    params(("id" = uuid::Uuid, Path, description = "The endpoint"), IfMatchRequired),
    request_body(content = EndpointPatch, content_type = "application/merge-patch+json"),
    responses(
        (status = 200, description = "Corrected", body = Endpoint),
        (status = 409, description = "The post already has an enabled endpoint with this address"),
        (status = 422, description = "The address is invalid")
    )
)]
#[patch("/endpoints/{id}")]
pub async fn patch(
    app: web::Data<App>,
    caller: Caller<needs::EndpointWrite>,
    id: Segment<EndpointId>,
    write: Write,
    body: Body<EndpointPatch>,
) -> Result<HttpResponse, ApiError> {
    let Body { value: input, digest } = body;
    let change = Change {
        address: input.address,
        on_uncertain: input.on_uncertain,
    };
    let (caller, id, expected) = (caller.principal(), id.0, write.required_version()?);
    let sources = (Arc::clone(&app.clock), Arc::clone(&app.entropy));
    write
        .run(&app, &digest, move |recording| {
            let row = endpoints::update(recording, &caller.visible, id, expected, &change)?;
            Reply::ok(
                row.version,
                &Endpoint::delivering(recording, &sources, row, input.deliver)?,
            )
        })
        .await
}
