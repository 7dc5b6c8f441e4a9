//! Voiding an organization that never existed.

use actix_web::{HttpResponse, delete, web};
use qiaojian_domain::access::Scope;
use qiaojian_domain::ids::OrganizationId;
use qiaojian_domain::violation::{TEXT_CHARS, check_text};
use qiaojian_store::organizations::{self, Voided};

use super::wire::Organization;

use crate::app::App;
use crate::auth::{Caller, needs};
use crate::extract::{Params, Segment};
use crate::headers::IfMatchRequired;
use crate::problem::ApiError;
use crate::wire::ReasonParams;
use crate::write::{Reply, Write};

/// Voids an organization that was recorded by mistake.
///
/// A voided organization is absent at a later `known_at` and present at an earlier one. An organization that ceased to
/// exist is closed instead.
///
/// An organization that an area above has verified can only be voided by that area. If the area itself requests it, the
/// organization is marked `verification: void_asked` with the reason and still counts; the area above voids it with
/// `verify` or refuses with `reject`.
#[utoipa::path(
    tag = "organizations",
    security(("oauth" = ["org:write"])),
    params(("id" = uuid::Uuid, Path, description = "The organization"), IfMatchRequired, ReasonParams),
    responses(
        (status = 204, description = "Voided"),
        (status = 202, description = "The area above was asked to void it", body = Organization),
        (status = 409, description = "Voiding was already requested")
    )
)]
#[delete("/organizations/{id}")]
pub async fn delete(
    app: web::Data<App>,
    caller: Caller<needs::OrgWrite>,
    id: Segment<OrganizationId>,
    write: Write,
    params: Params<ReasonParams>,
) -> Result<HttpResponse, ApiError> {
    let reason = params.0.reason;
    let mut violations = Vec::new();
    check_text(&mut violations, "reason", &reason, TEXT_CHARS);
    if !violations.is_empty() {
        return Err(ApiError::bad_request(violations));
    }
    let (caller, id, expected) = (caller.principal(), id.0, Some(write.required_version()?));
    write
        .run(&app, "", move |recording| {
            let stands = organizations::find(recording.conn(), &caller.visible, id)?;
            let judges = caller.judges(&stands.area_path) && caller.scopes.contains(&Scope::OrgVerify);
            let of = (id, expected);
            match organizations::void_or_ask(recording, &caller.visible, of, &reason, judges)? {
                Voided::Gone => Ok(Reply::gone()),
                Voided::Asked(found) => {
                    Reply::accepted(found.organization.version, &Organization::of(&found)?)
                }
            }
        })
        .await
}
