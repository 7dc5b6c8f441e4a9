//! 合并: merging an organization into another.

use actix_web::{HttpResponse, post, web};
use chrono::NaiveDate;
use qiaojian_domain::dates::{Precision, day};
use qiaojian_domain::ids::{ChangeId, OrganizationId};
use qiaojian_domain::violation::{NAME_CHARS, check_optional_line};
use qiaojian_store::StoreError;
use qiaojian_store::organizations::{self, Merging};
use serde::Deserialize;
use utoipa::ToSchema;

use super::turns::When;
use super::wire::Organization;
use crate::app::App;
use crate::auth::{Caller, needs};
use crate::extract::{Body, Segment};
use crate::headers::{IdempotencyKey, IfMatch};
use crate::problem::ApiError;
use crate::write::{Reply, Write};

/// The organization to merge into, the date and the reason.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"into": "0190a000-0000-7000-8000-000000000000", "on": "2022-06-01", "reason": "两会合并"}))]
pub struct MergeInput {
    /// An active organization of the same kind, in the caller's subtree and the same province. It continues unchanged.
    into: OrganizationId,
    /// When it happened (Asia/Shanghai); not after today. The merged organization counts until then.
    #[serde(deserialize_with = "day::read")]
    on: NaiveDate,
    /// Defaults to `day`.
    #[serde(default)]
    precision: Option<Precision>,
    /// Required.
    #[serde(default)]
    #[schema(max_length = 2000)]
    reason: Option<String>,
    /// The number of the document.
    #[serde(default)]
    #[schema(max_length = 100)]
    doc_no: Option<String>,
}

/// Merges an established organization into another of its kind from a given day, with a reason.
///
/// The merger appears in the histories of both. A mistaken merger is corrected by `PATCH` of the organization that was
/// merged.
#[utoipa::path(
    tag = "organizations",
    security(("oauth" = ["org:write"])),
    params(
        ("id" = uuid::Uuid, Path, description = "The organization that is merged"),
        IfMatch,
        IdempotencyKey
    ),
    request_body = MergeInput,
    responses(
        (status = 200, description = "Merged", body = Organization),
        (status = 409, description = "The organization is not established"),
        (status = 422, description = "A rule is violated, or the organizations cannot be merged")
    )
)]
#[post("/organizations/{id}/merge")]
pub async fn merge(
    app: web::Data<App>,
    caller: Caller<needs::OrgWrite>,
    id: Segment<OrganizationId>,
    write: Write,
    body: Body<MergeInput>,
) -> Result<HttpResponse, ApiError> {
    let Body { value: input, digest } = body;
    let mut violations = Vec::new();
    check_optional_line(&mut violations, "/doc_no", input.doc_no.as_deref(), NAME_CHARS);
    if !violations.is_empty() {
        return Err(ApiError::invalid(violations));
    }
    let when = When::of(input.on, input.precision, input.reason)?;
    let change = ChangeId::generate(app.clock.as_ref(), app.entropy.as_ref());
    let (caller, today, expected, id) = (caller.principal(), app.today(), write.version(), id.0);
    write
        .run(&app, &digest, move |recording| {
            let stands = organizations::find(recording.conn(), &caller.visible, id)?;
            let mut about = vec![stands.area_path.as_str()];
            let into = match organizations::find(recording.conn(), &caller.visible, input.into) {
                Err(StoreError::NotFound(_)) => None, // reported by the store
                found => Some(found?),
            };
            about.extend(into.as_ref().map(|into| into.area_path.as_str()));
            let merging = Merging {
                change,
                into: input.into,
                on: when.on,
                reason: when.reason.clone(),
                doc_no: input.doc_no.clone(),
                verification: caller.report_on(&about),
            };
            let found = organizations::merge(recording, &caller.visible, id, expected, &merging, today)?;
            let shown = Organization {
                merged_into: Some(input.into),
                ..Organization::of(&found)?
            };
            Reply::ok(found.organization.version, &shown)
        })
        .await
}
