//! Reading one organization.

use actix_web::{HttpResponse, get, web};
use qiaojian_domain::ids::OrganizationId;
use qiaojian_store::Subtree;
use qiaojian_store::db::snapshot;
use qiaojian_store::organizations::{self, Lost};

use super::wire::{Organization, name_successors};
use crate::app::App;
use crate::auth::{Caller, needs};
use crate::extract::{Params, Segment};
use crate::moment::{MomentParams, subtree_asked_for};
use crate::problem::ApiError;
use crate::write::show_text;

/// Returns an organization in the caller's subtree, as currently known.
///
/// With `as_of` or `known_at` it is returned as it was then, in the area tree of that day.
#[utoipa::path(
    tag = "organizations",
    security(("oauth" = ["org:read"])),
    params(("id" = uuid::Uuid, Path, description = "The organization"), MomentParams),
    responses(
        (status = 200, description = "The organization", body = Organization),
        (status = 400, description = "`as_of` is in the future"),
        (status = 404, description = "Not found, not existing then, or outside the caller's area")
    )
)]
#[get("/organizations/{id}")]
pub async fn get(
    app: web::Data<App>,
    caller: Caller<needs::OrgRead>,
    id: Segment<OrganizationId>,
    params: Params<MomentParams>,
) -> Result<HttpResponse, ApiError> {
    let caller = caller.principal();
    let times = params.times();
    if times.are_asked_for() {
        let today = app.today();
        let shown = app
            .read_slow(move |conn| {
                snapshot(conn, |conn| {
                    let moment = times.moment(conn, today)?;
                    let within = subtree_asked_for(conn, caller.area, None, moment)?;
                    let found = organizations::find_on(conn, &within, id.0, moment)?;
                    let own = Subtree::rooted_at(&found.area_path);
                    let lost = Lost::of(conn, (caller.area, &caller.visible), &own, moment)?;
                    let moment = lost.moment_of(id.0, moment);
                    let found = organizations::find_on(conn, &within, id.0, moment)?;
                    let mut shown = Organization::on(&found, moment)?;
                    let known = Some(moment.known);
                    name_successors(conn, &caller.visible, known, std::slice::from_mut(&mut shown))?;
                    Ok(shown)
                })
            })
            .await?;
        // A past state has no version that could be changed, so there is no ETag.
        return Ok(HttpResponse::Ok().json(shown));
    }
    let (version, text) = app
        .read(move |conn| {
            let found = organizations::find(conn, &caller.visible, id.0)?;
            let mut shown = Organization::of(&found)?;
            name_successors(conn, &caller.visible, None, std::slice::from_mut(&mut shown))?;
            let text = serde_json::to_string(&shown)?;
            Ok((found.organization.version, text))
        })
        .await?;
    Ok(show_text(version, text))
}
