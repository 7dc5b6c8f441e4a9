//! Creating a schedule.

use actix_web::{HttpResponse, post, web};
use qiaojian_domain::ids::ScheduleId;
use qiaojian_store::Recording;
use qiaojian_store::schedules::{self, NewSchedule, ScheduleRow};

use super::wire::{Schedule, ScheduleInput};
use crate::app::App;
use crate::auth::{Caller, needs};
use crate::extract::Body;
use crate::headers::IdempotencyKey;
use crate::problem::ApiError;
use crate::routes::bulletins::wire::no_document;
use crate::routes::programs::meant;
use crate::wire::id_or_new;
use crate::write::{Reply, Write};

/// Records when bulletins of a programme of the caller's area are composed, in the name of that area and the caller's
/// post.
///
/// A spec that would fire twice in a period, or not at all in some period, is refused with the dates. Sending the same
/// `id` with the same body again returns the existing schedule with 200 instead of 201.
#[utoipa::path(
    tag = "schedules",
    security(("oauth" = ["schedule:write"])),
    params(IdempotencyKey),
    request_body = ScheduleInput,
    responses(
        (status = 201, description = "Recorded", body = Schedule),
        (status = 200, description = "Already recorded by the same request", body = Schedule),
        (status = 409, description = "The id is already in use, or another schedule exists for these periods"),
        (status = 422, description = "The programme belongs to another area, or the timing is invalid")
    )
)]
#[post("/schedules")]
pub async fn create(
    app: web::Data<App>,
    caller: Caller<needs::ScheduleWrite>,
    write: Write,
    body: Body<ScheduleInput>,
) -> Result<HttpResponse, ApiError> {
    let Body { value: input, digest } = body;
    if let Some(violation) = no_document("/kind", input.kind) {
        return Err(ApiError::invalid(vec![violation]));
    }
    let id: ScheduleId = id_or_new(input.id, app.clock.as_ref(), app.entropy.as_ref())?;
    let (caller, request_digest, today) = (caller.principal(), digest.clone(), app.today());
    write
        .run(&app, &digest, move |recording| {
            let issuer = (caller.area, caller.post);
            if let Some(before) = schedules::made_before(recording.conn(), id, &request_digest, issuer)? {
                return Ok(reply(recording, before)?.made_before());
            }
            let program = meant::find_own(recording.conn(), input.program, &caller, today)?;
            let new = NewSchedule {
                id,
                digest: request_digest.clone(),
                issuer: caller.area,
                issuer_post: caller.post,
                program: program.program_id,
                kind: input.kind,
                recipients: input.recipients,
                plan: input.plan(),
                approval: input.approval,
            };
            let row = schedules::create(recording, &new)?;
            reply(recording, row)
        })
        .await
}

fn reply(recording: &mut Recording<'_, '_>, row: ScheduleRow) -> Result<Reply, ApiError> {
    let (id, version) = (row.id, row.version);
    let shown = Schedule::of(recording.conn(), row)?;
    Reply::created(format!("/v1/schedules/{id}"), version, &shown)
}
