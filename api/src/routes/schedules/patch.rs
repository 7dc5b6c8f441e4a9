//! Changing or ending a schedule, or setting its next period.

use std::sync::Arc;

use actix_web::{HttpResponse, patch, web};
use qiaojian_domain::ids::ScheduleId;
use qiaojian_domain::period::Period;
use qiaojian_store::schedules::{self, Change};
use serde_json::{Value, json};

use super::wire::{Schedule, ScheduleInput};
use crate::app::App;
use crate::auth::{Caller, needs};
use crate::derived_schema::{derived_schema, merge_patch_of, with_text};
use crate::extract::{MergePatch, Segment, fit, fit_input};
use crate::headers::IfMatchRequired;
use crate::problem::ApiError;
use crate::wire::merge_patch;
use crate::write::{Reply, Write};

derived_schema! {
    /// The fields to change.
    SchedulePatch of ScheduleInput = {
        let fixed = ["id", "program", "kind"];
        let changes = merge_patch_of::<ScheduleInput>("The fields that change from now on. Omitted fields stay unchanged.", |name| {
            !fixed.contains(&name)
        });
        let changes = with_text(changes, "next_period", "The next period to be issued.", json!("2022-06"));
        with_text(
            changes,
            "reason",
            "Required with `next_period`; kept permanently.",
            json!({"ends_period": "2022-12", "reason": "试点结束"}),
        )
    }
}

/// Changes a schedule with a JSON merge patch (RFC 7396) of its input fields, except `program`, `kind` and
/// `period.unit`.
///
/// Each period is still issued only once; one that has a row in `occurrences` keeps it. `ends_period` ends a schedule,
/// immediately if it is in the past. There are two additional fields: `next_period` sets the period to issue next,
/// either forward (skipped periods are listed as missed) or back (periods without a bulletin are decided again by the
/// catch-up policy); it requires `reason`, which is kept.
#[utoipa::path(
    tag = "schedules",
    security(("oauth" = ["schedule:write"])),
    params(("id" = uuid::Uuid, Path, description = "The schedule"), IfMatchRequired),
    request_body(content = SchedulePatch, content_type = "application/merge-patch+json"),
    responses(
        (status = 200, description = "Changed", body = Schedule),
        (status = 409, description = "Another schedule exists for these periods"),
        (status = 422, description = "The timing is invalid, or the reason is missing")
    )
)]
#[patch("/schedules/{id}")]
pub async fn patch(
    app: web::Data<App>,
    caller: Caller<needs::ScheduleWrite>,
    id: Segment<ScheduleId>,
    write: Write,
    body: MergePatch,
) -> Result<HttpResponse, ApiError> {
    let MergePatch { mut changes, digest } = body;
    let mut own = |name: &str| changes.remove(name);
    let reason: Option<String> = own("reason").map_or(Ok(None), fit)?;
    let next_period: Option<Period> = own("next_period").map_or(Ok(None), fit)?;
    let changes = Value::Object(changes);
    let (caller, id, expected) = (caller.principal(), id.0, write.required_version()?);
    let (clock, entropy) = (Arc::clone(&app.clock), Arc::clone(&app.entropy));
    write
        .run(&app, &digest, move |recording| {
            let before = ScheduleInput::of(&schedules::find(recording.conn(), &caller.visible, id)?)?;
            let mut merged = serde_json::to_value(&before)?;
            merge_patch(&mut merged, &changes);
            let input: ScheduleInput = fit_input(merged)?;
            let fixed = [
                ("/id", input.id.is_none()),
                ("/program", input.program == before.program),
                ("/kind", input.kind == before.kind),
                ("/period/unit", input.period.unit == before.period.unit),
            ];
            if let Some((pointer, _)) = fixed.into_iter().find(|(_, same)| !same) {
                return Err(ApiError::bad_parameter(
                    pointer,
                    "计划的编号、项目、种类和周期单位不能更改；请结束此计划（ends_period），另设一个。",
                    "The id, programme, kind and unit of a schedule cannot be changed. End it (ends_period) and create another.",
                ));
            }
            let change = Change {
                recipients: input.recipients,
                plan: input.plan(),
                approval: input.approval,
                next_period,
                reason: reason.clone(),
            };
            let sources = (clock.as_ref(), entropy.as_ref());
            let row = schedules::update(recording, sources, &caller.visible, id, expected, &change)?;
            Reply::ok(row.version, &Schedule::of(recording.conn(), row)?)
        })
        .await
}
