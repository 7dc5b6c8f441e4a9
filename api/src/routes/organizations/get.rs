//! One organization.

use actix_web::{HttpResponse, get, web};
use qiaojian_shared::ids::OrganizationId;
use qiaojian_shared::store::organizations;

use super::wire::Organization;
use crate::app::App;
use crate::auth::{Caller, needs};
use crate::extract::Segment;
use crate::problem::{ApiError, Problem};
use crate::write::show_text;

/// One organization of the caller's subtree, as it is known now.
#[utoipa::path(
    tag = "organizations",
    security(("oauth" = ["org:read"])),
    params(("id" = uuid::Uuid, Path, description = "The organization")),
    responses((status = 200, description = "The organization", body = Organization), (status = 404, description = "None, or outside the caller's area", body = Problem))
)]
#[get("/organizations/{id}")]
pub async fn get(
    app: web::Data<App>,
    caller: Caller<needs::OrgRead>,
    id: Segment<OrganizationId>,
) -> Result<HttpResponse, ApiError> {
    let caller = caller.principal();
    let (version, text) = app
        .read(move |conn| {
            let found = organizations::find(conn, &caller.visible, id.0)?;
            let text = serde_json::to_string(&Organization::of(&found)?)?;
            Ok((found.organization.version, text))
        })
        .await?;
    Ok(show_text(version, text))
}
