//! Pausing and resuming a schedule.

use std::sync::Arc;

use actix_web::{HttpResponse, post, web};
use qiaojian_domain::ids::ScheduleId;
use qiaojian_store::{Recording, schedules, unless_stale};
use serde::Deserialize;
use utoipa::ToSchema;

use super::wire::Schedule;
use crate::app::App;
use crate::auth::{Caller, Principal, needs};
use crate::extract::{Body, NoInput, Segment};
use crate::headers::{IdempotencyKey, IfMatch};
use crate::problem::ApiError;
use crate::write::{Reply, Write};

/// What to do with the periods that came due in the meantime.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"skip_missed": false}))]
pub struct ResumeInput {
    /// `true`: they are listed as missed, and so are periods that were waiting to be composed. Otherwise they are
    /// caught up according to the schedule's policy.
    #[serde(default)]
    skip_missed: bool,
}

/// Checks that the schedule belongs to the caller and has the version that the caller read.
fn check(
    recording: &mut Recording<'_, '_>,
    caller: &Principal,
    id: ScheduleId,
    expected: Option<i64>,
) -> Result<(), ApiError> {
    let row = schedules::find(recording.conn(), &caller.visible, id)?;
    Ok(unless_stale(expected, row.version)?)
}

/// Pauses a schedule until it is resumed.
///
/// Pausing a paused schedule changes nothing.
#[utoipa::path(
    tag = "schedules",
    security(("oauth" = ["schedule:write"])),
    params(
        ("id" = uuid::Uuid, Path, description = "The schedule"),
        IfMatch,
        IdempotencyKey
    ),
    request_body = NoInput,
    responses(
        (status = 200, description = "Paused", body = Schedule)
    )
)]
#[post("/schedules/{id}/pause")]
pub async fn pause(
    app: web::Data<App>,
    caller: Caller<needs::ScheduleWrite>,
    id: Segment<ScheduleId>,
    write: Write,
    body: Body<NoInput>,
) -> Result<HttpResponse, ApiError> {
    let (caller, expected) = (caller.principal(), write.version());
    write
        .run(&app, &body.digest, move |recording| {
            check(recording, &caller, id.0, expected)?;
            let row = schedules::pause(recording, &caller.visible, id.0)?;
            Reply::ok(row.version, &Schedule::of(recording.conn(), row)?)
        })
        .await
}

/// Resumes a paused schedule.
///
/// Resuming a running schedule changes nothing.
#[utoipa::path(
    tag = "schedules",
    security(("oauth" = ["schedule:write"])),
    params(
        ("id" = uuid::Uuid, Path, description = "The schedule"),
        IfMatch,
        IdempotencyKey
    ),
    request_body = ResumeInput,
    responses(
        (status = 200, description = "Running", body = Schedule)
    )
)]
#[post("/schedules/{id}/resume")]
pub async fn resume(
    app: web::Data<App>,
    caller: Caller<needs::ScheduleWrite>,
    id: Segment<ScheduleId>,
    write: Write,
    body: Body<ResumeInput>,
) -> Result<HttpResponse, ApiError> {
    let (caller, expected) = (caller.principal(), write.version());
    let (clock, entropy) = (Arc::clone(&app.clock), Arc::clone(&app.entropy));
    let skip_missed = body.value.skip_missed;
    write
        .run(&app, &body.digest, move |recording| {
            check(recording, &caller, id.0, expected)?;
            let sources = (clock.as_ref(), entropy.as_ref());
            let row = schedules::resume(recording, sources, &caller.visible, id.0, skip_missed)?;
            Reply::ok(row.version, &Schedule::of(recording.conn(), row)?)
        })
        .await
}
