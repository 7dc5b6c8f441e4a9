//! Correcting a programme.

use actix_web::{HttpResponse, patch, web};
use qiaojian_domain::Violation;
use qiaojian_domain::ids::ProgramId;
use qiaojian_store::programs;
use serde_json::{Value, json};

use super::wire::{Program, ProgramInput};
use crate::app::App;
use crate::auth::{Caller, needs};
use crate::derived_schema::{derived_schema, merge_patch_of, with_text};
use crate::extract::{MergePatch, Segment, fit, fit_input};
use crate::headers::IfMatchRequired;
use crate::problem::ApiError;
use crate::wire::merge_patch;
use crate::write::{Reply, Write};

derived_schema! {
    /// The fields to correct.
    ProgramPatch of ProgramInput = with_text(
        merge_patch_of::<ProgramInput>("The corrected fields. Omitted fields stay unchanged; `null` removes a field.", |name| {
            !["id", "issuer"].contains(&name)
        }),
        "reason",
        "Required; kept permanently.",
        json!({"title": "党建带侨建、侨建促党建", "reason": "标题录入有误"}),
    )
}

/// Corrects a programme with a JSON merge patch (RFC 7396) of its input fields, plus `reason`, which is required.
///
/// A correction applies from the beginning: growth is measured from the corrected baseline, also for past dates. What
/// was known before does not change, nor do published bulletins. Only the area that the programme belongs to, and areas
/// above it, may correct it.
#[utoipa::path(
    tag = "programs",
    security(("oauth" = ["program:write"])),
    params(("id" = uuid::Uuid, Path, description = "The programme"), IfMatchRequired),
    request_body(content = ProgramPatch, content_type = "application/merge-patch+json"),
    responses(
        (status = 200, description = "Corrected", body = Program),
        (status = 403, description = "The programme belongs to another area"),
        (status = 404, description = "The programme was not found"),
        (status = 409, description = "The code is already in use"),
        (status = 422, description = "A rule is violated, or the reason is missing")
    )
)]
#[patch("/programs/{id}")]
pub async fn patch(
    app: web::Data<App>,
    caller: Caller<needs::ProgramWrite>,
    id: Segment<ProgramId>,
    write: Write,
    body: MergePatch,
) -> Result<HttpResponse, ApiError> {
    let MergePatch { mut changes, digest } = body;
    let reason: Option<String> = changes.remove("reason").map_or(Ok(None), fit)?;
    let changes = Value::Object(changes);
    let (caller, id, expected) = (caller.principal(), id.0, write.required_version()?);
    write
        .run(&app, &digest, move |recording| {
            let known = recording.recorded();
            let found = programs::find_with_issuer(recording.conn(), id, known)?;
            if !caller.visible.contains(&found.issuer_path) {
                return Err(ApiError::not_yours(
                    "只有项目的发起地区及其上级可以更正项目。",
                    "Only the area that issues the programme, and the areas above it, may correct it.",
                ));
            }
            let reason = reason
                .as_deref()
                .ok_or_else(|| ApiError::invalid(vec![reason_required()]))?;
            let before = ProgramInput::of(&found)?;
            let mut merged = serde_json::to_value(&before)?;
            merge_patch(&mut merged, &changes);
            let input: ProgramInput = fit_input(merged)?;
            let fixed = [
                ("/id", input.id == before.id),
                ("/issuer", input.issuer == before.issuer),
            ];
            if let Some((pointer, _)) = fixed.into_iter().find(|(_, same)| !same) {
                return Err(ApiError::bad_parameter(
                    pointer,
                    "项目的编号和发起地区不能更改。",
                    "The id and the issuer of a programme cannot be changed.",
                ));
            }
            let corrected = programs::correct(recording, id, expected, &input.facts(), reason)?;
            let shown = Program::of(programs::find_with_issuer(recording.conn(), id, known)?)?;
            Reply::ok(corrected.version, &shown)
        })
        .await
}

fn reason_required() -> Violation {
    Violation::new(
        "/reason",
        "reason_required",
        "请说明更正的原因（reason）。",
        "Give the reason for the correction (reason).",
    )
}
