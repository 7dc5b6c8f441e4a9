//! Recording an organization.

use actix_web::{HttpResponse, post, web};
use qiaojian_domain::ids::OrganizationId;
use qiaojian_domain::organization::later_status;
use qiaojian_store::areas::AreaVersion;
use qiaojian_store::organizations::{self, Created, NewOrganization};

use super::wire::{Organization, OrganizationInput};
use crate::app::App;
use crate::auth::{Caller, Principal, needs};
use crate::extract::Body;
use crate::headers::IdempotencyKey;
use crate::problem::ApiError;
use crate::wire::{area_in_body, id_or_new};
use crate::write::{Reply, Write};

/// Records an organization in the caller's subtree, with a status up to `established` and its dates.
///
/// Sending the same `id` with the same body again returns the existing organization with 200 instead of 201.
#[utoipa::path(
    tag = "organizations",
    security(("oauth" = ["org:write"])),
    request_body = OrganizationInput,
    params(IdempotencyKey),
    responses(
        (status = 201, description = "Recorded", body = Organization),
        (status = 200, description = "Already recorded by the same request", body = Organization),
        (status = 409, description = "The area already has an active organization of this kind, or the id is already in use")
    )
)]
#[post("/organizations")]
pub async fn create(
    app: web::Data<App>,
    caller: Caller<needs::OrgWrite>,
    write: Write,
    body: Body<OrganizationInput>,
) -> Result<HttpResponse, ApiError> {
    let Body { value: input, digest } = body;
    if let Some(violation) = later_status(input.status) {
        return Err(ApiError::invalid(vec![violation]));
    }
    let id: OrganizationId = id_or_new(input.id, app.clock.as_ref(), app.entropy.as_ref())?;
    let (caller, today, request_digest) = (caller.principal(), app.today(), digest.clone());
    write
        .run(&app, &digest, move |recording| {
            let area = area_in_body(recording.conn(), &caller.visible, "/area", &input.area)?;
            let new = to_record(&caller, (id, &request_digest), &input, area);
            let (found, before) = match organizations::create(recording, &caller.visible, &new, today)? {
                Created::New(found) => (found, false),
                Created::Before(found) => (found, true),
            };
            let reply = Reply::created(
                format!("/v1/organizations/{id}"),
                found.organization.version,
                &Organization::of(&found)?,
            )?;
            Ok(if before { reply.made_before() } else { reply })
        })
        .await
}

/// Returns the organization that a caller asks to record in an area of its subtree.
pub(super) fn to_record(
    caller: &Principal,
    (id, digest): (OrganizationId, &str),
    input: &OrganizationInput,
    area: AreaVersion,
) -> NewOrganization {
    NewOrganization {
        id,
        verification: caller.report_on(&[&area.path]),
        digest: digest.to_owned(),
        area,
        parent: input.parent,
        facts: input.facts(),
    }
}
