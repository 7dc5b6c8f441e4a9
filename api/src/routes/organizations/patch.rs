//! Correcting an organization: what was recorded was never true.

use actix_web::{HttpResponse, patch, web};
use qiaojian_domain::ids::OrganizationId;
use qiaojian_store::organizations::{self, Correction};
use serde_json::{Value, json};

use super::wire::{Organization, OrganizationInput};
use crate::app::App;
use crate::auth::{Caller, needs};
use crate::derived_schema::{derived_schema, merge_patch_of, with_text};
use crate::extract::{MergePatch, Segment, fit, fit_input};
use crate::headers::IfMatchRequired;
use crate::problem::ApiError;
use crate::wire::{area_in_body, merge_patch};
use crate::write::{Reply, Write};

derived_schema! {
    /// The fields to correct.
    OrganizationPatch of OrganizationInput = with_text(
        merge_patch_of::<OrganizationInput>("The corrected fields. Omitted fields stay unchanged; `null` removes a field.", |name| name != "id"),
        "reason",
        "Required to correct a date, or the area, parent, host, kind or status.",
        json!({"name": "禹会区侨联", "reason": "名称录入有误"}),
    )
}

/// Corrects an organization with a JSON merge patch (RFC 7396) of its input fields, plus `reason`.
///
/// A correction applies from the beginning: figures of past dates change with it, but what was known before does not.
/// Area, parent, host, kind, status and dates require `reason`. To record that they *changed*, use a transition.
#[utoipa::path(
    tag = "organizations",
    security(("oauth" = ["org:write"])),
    params(("id" = uuid::Uuid, Path, description = "The organization"), IfMatchRequired),
    request_body(content = OrganizationPatch, content_type = "application/merge-patch+json"),
    responses(
        (status = 200, description = "Corrected", body = Organization),
        (status = 422, description = "A rule is violated, or a required reason is missing")
    )
)]
#[patch("/organizations/{id}")]
pub async fn patch(
    app: web::Data<App>,
    caller: Caller<needs::OrgWrite>,
    id: Segment<OrganizationId>,
    write: Write,
    body: MergePatch,
) -> Result<HttpResponse, ApiError> {
    let MergePatch { mut changes, digest } = body;
    let reason: Option<String> = changes.remove("reason").map_or(Ok(None), fit)?;
    let (caller, today, id, expected) = (
        caller.principal(),
        app.today(),
        id.0,
        Some(write.required_version()?),
    );
    let changes = Value::Object(changes);
    write
        .run(&app, &digest, move |recording| {
            let found = organizations::find(recording.conn(), &caller.visible, id)?;
            let mut merged = serde_json::to_value(OrganizationInput::of(&found)?)?;
            merge_patch(&mut merged, &changes);
            let input: OrganizationInput = fit_input(merged)?;
            if input.id.is_some_and(|given| OrganizationId(given) != id) {
                return Err(ApiError::bad_parameter(
                    "/id",
                    "id 不能更改。",
                    "An id cannot be changed.",
                ));
            }
            let area = area_in_body(recording.conn(), &caller.visible, "/area", &input.area)?;
            let facts = input.facts();
            let correction = Correction {
                facts: &facts,
                area: &area,
                parent: input.parent,
                reason: reason.as_deref(),
                verification: caller.report_on(&[&found.area_path, &area.path]),
            };
            let corrected =
                organizations::correct(recording, &caller.visible, id, expected, &correction, today)?;
            Reply::ok(corrected.organization.version, &Organization::of(&corrected)?)
        })
        .await
}
