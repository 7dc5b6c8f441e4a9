//! Adding an area to a cohort.

use actix_web::{HttpResponse, post, web};
use qiaojian_domain::ids::{CohortId, ProgramId};
use qiaojian_store::programs;

use super::wire::{CohortInput, CohortMember};
use crate::app::App;
use crate::auth::{Caller, needs};
use crate::extract::{Body, Segment};
use crate::headers::IdempotencyKey;
use crate::problem::ApiError;
use crate::wire::area_in_body;
use crate::write::{Reply, Write};

/// Puts an area in the caller's subtree in a cohort from a given day.
///
/// Only the area that the programme belongs to, and areas above it, may do so.
#[utoipa::path(
    tag = "programs",
    security(("oauth" = ["program:write"])),
    params(
        ("id" = uuid::Uuid, Path, description = "The programme"),
        IdempotencyKey
    ),
    request_body = CohortInput,
    responses(
        (status = 200, description = "Recorded", body = CohortMember),
        (status = 403, description = "The programme belongs to another area"),
        (status = 404, description = "The programme was not found"),
        (status = 409, description = "A later change has been recorded"),
        (status = 422, description = "The area is not in the caller's subtree")
    )
)]
#[post("/programs/{id}/cohort")]
pub async fn set_cohort(
    app: web::Data<App>,
    caller: Caller<needs::ProgramWrite>,
    id: Segment<ProgramId>,
    write: Write,
    body: Body<CohortInput>,
) -> Result<HttpResponse, ApiError> {
    let Body { value: input, digest } = body;
    let row_id = CohortId::generate(app.clock.as_ref(), app.entropy.as_ref());
    let caller = caller.principal();
    write
        .run(&app, &digest, move |recording| {
            let known = recording.recorded();
            let found = programs::find_with_issuer(recording.conn(), id.0, known)?;
            if !caller.visible.contains(&found.issuer_path) {
                return Err(ApiError::not_yours(
                    "只有项目的发起地区及其上级可以调整分组。",
                    "Only the area that issues the programme, and the areas above it, may change its cohorts.",
                ));
            }
            let area = area_in_body(recording.conn(), &caller.visible, "/area", &input.area)?;
            let row = programs::set_cohort(recording, row_id, id.0, area.area_id, input.cohort, input.from)?;
            Reply::plain(&CohortMember::of(&row, area))
        })
        .await
}
