//! Manually pausing and resuming an endpoint.

use std::sync::Arc;

use actix_web::{HttpResponse, post, web};
use qiaojian_domain::delivery::EndpointStatus;
use qiaojian_domain::ids::EndpointId;
use qiaojian_domain::violation::{TEXT_CHARS, check_optional_text};
use qiaojian_store::endpoints::{self, EndpointRow};
use qiaojian_store::{Recording, unless_stale};
use serde::Deserialize;
use utoipa::ToSchema;

use super::wire::Endpoint;
use crate::app::App;
use crate::auth::{Caller, Principal, needs};
use crate::extract::{Body, Segment};
use crate::headers::{IdempotencyKey, IfMatch};
use crate::problem::ApiError;
use crate::write::{Reply, Write};

/// The reason for pausing.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"reason": "邮箱迁移中"}))]
pub struct PauseInput {
    #[serde(default)]
    #[schema(example = "邮箱迁移中", max_length = 2000)]
    reason: Option<String>,
}

/// What to do with notices that did not reach the post in the meantime.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"deliver": false}))]
pub struct EndpointResumeInput {
    /// `true`: the notices that have not reached the post, counted in `undelivered`, are queued for this endpoint.
    #[serde(default)]
    deliver: bool,
}

/// Changes the status of an endpoint in the caller's subtree if it has the version that the caller read.
pub fn set_status(
    recording: &mut Recording<'_, '_>,
    caller: &Principal,
    id: EndpointId,
    expected: Option<i64>,
    status: EndpointStatus,
    reason: Option<&str>,
) -> Result<EndpointRow, ApiError> {
    let row = endpoints::find(recording.conn(), &caller.visible, id)?;
    unless_stale(expected, row.version)?;
    if row.status == status {
        return Ok(row);
    }
    Ok(endpoints::set_status(
        recording,
        &caller.visible,
        id,
        status,
        reason,
    )?)
}

async fn step(
    app: &App,
    caller: Arc<Principal>,
    id: EndpointId,
    write: Write,
    digest: &str,
    (status, reason, deliver): (EndpointStatus, Option<String>, bool),
) -> Result<HttpResponse, ApiError> {
    let expected = write.version();
    let sources = (Arc::clone(&app.clock), Arc::clone(&app.entropy));
    write
        .run(app, digest, move |recording| {
            let row = set_status(recording, &caller, id, expected, status, reason.as_deref())?;
            Reply::ok(
                row.version,
                &Endpoint::delivering(recording, &sources, row, deliver)?,
            )
        })
        .await
}

/// Pauses an endpoint.
///
/// Queued deliveries, and those published in the meantime, wait until it is resumed or they expire.
#[utoipa::path(
    tag = "endpoints",
    security(("oauth" = ["endpoint:write"])),
    params(
        ("id" = uuid::Uuid, Path, description = "The endpoint"),
        IfMatch,
        IdempotencyKey
    ),
    request_body = PauseInput,
    responses(
        (status = 200, description = "Paused", body = Endpoint)
    )
)]
#[post("/endpoints/{id}/pause")]
pub async fn pause(
    app: web::Data<App>,
    caller: Caller<needs::EndpointWrite>,
    id: Segment<EndpointId>,
    write: Write,
    body: Body<PauseInput>,
) -> Result<HttpResponse, ApiError> {
    let Body { value: input, digest } = body;
    let mut violations = Vec::new();
    check_optional_text(&mut violations, "/reason", input.reason.as_deref(), TEXT_CHARS);
    if !violations.is_empty() {
        return Err(ApiError::invalid(violations));
    }
    let change = (EndpointStatus::Paused, input.reason, false);
    step(&app, caller.principal(), id.0, write, &digest, change).await
}

/// Resumes an endpoint, whether it was paused by a person or because of failures, and resets its failures.
///
/// Queued deliveries continue. Notices that expired in the meantime or had no endpoint are counted in `undelivered`,
/// and are queued if `deliver` is set.
#[utoipa::path(
    tag = "endpoints",
    security(("oauth" = ["endpoint:write"])),
    params(
        ("id" = uuid::Uuid, Path, description = "The endpoint"),
        IfMatch,
        IdempotencyKey
    ),
    request_body = EndpointResumeInput,
    responses(
        (status = 200, description = "Resumed", body = Endpoint),
        (status = 409, description = "The post already has an enabled endpoint with this address")
    )
)]
#[post("/endpoints/{id}/resume")]
pub async fn resume(
    app: web::Data<App>,
    caller: Caller<needs::EndpointWrite>,
    id: Segment<EndpointId>,
    write: Write,
    body: Body<EndpointResumeInput>,
) -> Result<HttpResponse, ApiError> {
    let change = (EndpointStatus::Active, None, body.value.deliver);
    step(&app, caller.principal(), id.0, write, &body.digest, change).await
}
