//! Reopening an area that was closed or merged by mistake.

use actix_web::{HttpResponse, post, web};
use qiaojian_store::areas;
use serde::Deserialize;
use utoipa::ToSchema;

use super::wire::Area;
use crate::app::App;
use crate::auth::{Caller, needs};
use crate::extract::{Body, Segment};
use crate::headers::{IdempotencyKey, IfMatch};
use crate::problem::ApiError;
use crate::write::{Reply, Write};

/// The reason for reopening the area.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"reason": "误并，依原批复恢复"}))]
pub struct ReopenAreaInput {
    /// The document number or the reason; kept permanently.
    #[schema(max_length = 2000, example = "误并，依原批复恢复")]
    reason: String,
}

/// Undoes the closing or merger of an area, as if it had not happened.
///
/// The area keeps its id, counts, cohort and tokens. Areas below it and organizations in it that a merger gave to
/// another area belong to it again.
#[utoipa::path(
    tag = "areas",
    security(("oauth" = ["area:write"])),
    params(
        ("code" = String, Path, description = "Its last code; if several areas had it, the area that ended most recently is used"),
        IfMatch,
        IdempotencyKey
    ),
    request_body = ReopenAreaInput,
    responses(
        (status = 200, description = "Reopened", body = Area),
        (status = 404, description = "No area with this code was closed or merged, or it is outside the caller's area"),
        (status = 409, description = "Its code is already in use, or the area above it no longer exists; the error code says which")
    )
)]
#[post("/areas/{code}/reopen")]
pub async fn reopen(
    app: web::Data<App>,
    caller: Caller<needs::AreaWrite>,
    code: Segment<String>,
    write: Write,
    body: Body<ReopenAreaInput>,
) -> Result<HttpResponse, ApiError> {
    let Body { value: input, digest } = body;
    let (caller, expected) = (caller.principal(), write.version());
    write
        .run(&app, &digest, move |recording| {
            let after = areas::reopen(recording, &caller.visible, &code.0, &input.reason, expected)?;
            let shown = Area::with_ancestors(recording.conn(), &after)?;
            Reply::ok(after.version, &shown)
        })
        .await
}
