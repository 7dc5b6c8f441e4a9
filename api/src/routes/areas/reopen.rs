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

/// Undoes the closing or merger of an area, as if it had not happened. The area keeps its id, counts, cohort and
/// tokens. Areas below it and organizations in it that a merger gave to another area belong to it again.
#[utoipa::path(
    tag = "areas",
    security(("oauth" = ["area:write"])),
    params(
        ("code" = String, Path, description = "The code it had when it ended; of several areas the one that ended last"),
        IfMatch,
        IdempotencyKey
    ),
    request_body = ReopenAreaInput,
    responses(
        (status = 200, description = "It stands again", body = Area),
        (status = 404, description = "No area of this code has ended, or outside the caller's area"),
        (status = 409, description = "Its code is in use, or the area above it is no more: the code says which")
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
