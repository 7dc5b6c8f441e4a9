//! Recording a programme.

use actix_web::{HttpResponse, post, web};
use qiaojian_domain::ids::ProgramId;
use qiaojian_store::areas;
use qiaojian_store::programs::{self, NewProgram};

use super::wire::{Program, ProgramInput};
use crate::app::App;
use crate::auth::{Caller, needs};
use crate::extract::Body;
use crate::headers::IdempotencyKey;
use crate::problem::ApiError;
use crate::wire::{area_in_body, id_or_new};
use crate::write::{Reply, Write};

/// Records a programme of an area in the caller's subtree.
///
/// Sending the same `id` with the same body again returns the existing programme with 200 instead of 201.
#[utoipa::path(
    tag = "programs",
    security(("oauth" = ["program:write"])),
    params(IdempotencyKey),
    request_body = ProgramInput,
    responses(
        (status = 201, description = "Recorded", body = Program),
        (status = 200, description = "Already recorded by the same request", body = Program),
        (status = 409, description = "The code or the id is already in use")
    )
)]
#[post("/programs")]
pub async fn create(
    app: web::Data<App>,
    caller: Caller<needs::ProgramWrite>,
    write: Write,
    body: Body<ProgramInput>,
) -> Result<HttpResponse, ApiError> {
    let Body { value: input, digest } = body;
    let id: ProgramId = id_or_new(input.id, app.clock.as_ref(), app.entropy.as_ref())?;
    let (caller, request_digest) = (caller.principal(), digest.clone());
    write
        .run(&app, &digest, move |recording| {
            let issuer = match &input.issuer {
                Some(code) => area_in_body(recording.conn(), &caller.visible, "/issuer", code)?,
                None => areas::by_id(recording.conn(), caller.area)?,
            };
            let new = NewProgram {
                id,
                digest: request_digest.clone(),
                issuer: issuer.area_id,
                facts: input.facts(),
                // Only the demo's own programme is illustrative.
                illustrative: false,
            };
            let program = programs::create(recording, &new)?;
            let is_new = program.recorded_seq == recording.recorded().seq;
            let known = recording.recorded();
            let shown = Program::of(programs::find_with_issuer(recording.conn(), id, known)?)?;
            let reply = Reply::created(format!("/v1/programs/{id}"), shown.version, &shown)?;
            Ok(if is_new { reply } else { reply.made_before() })
        })
        .await
}
