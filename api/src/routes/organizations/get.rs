//! One organization.

use actix_web::{HttpResponse, get, web};
use chrono::NaiveDate;
use qiaojian_shared::clock::UtcTime;
use qiaojian_shared::db::snapshot;
use qiaojian_shared::domain::dates::day;
use qiaojian_shared::ids::OrganizationId;
use qiaojian_shared::store::organizations;
use serde::Deserialize;
use utoipa::IntoParams;

use super::moment::{Times, subtree_on};
use super::wire::{Organization, name_successors};
use crate::app::App;
use crate::auth::{Caller, needs};
use crate::extract::{Params, Segment};
use crate::problem::{ApiError, Problem};
use crate::write::show_text;

/// On which day, and as known when.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct MomentParams {
    /// As it was on this day; today when only `known_at` is given.
    #[serde(default, deserialize_with = "day::read_optional")]
    as_of: Option<NaiveDate>,
    /// As the register was known at that moment. A later one is clamped to the ledger clock, and echoed.
    known_at: Option<UtcTime>,
}

/// One organization of the caller's subtree, as it is known last; with `as_of` or `known_at` as it was then, in the tree of that day.
#[utoipa::path(
    tag = "organizations",
    security(("oauth" = ["org:read"])),
    params(("id" = uuid::Uuid, Path, description = "The organization"), MomentParams),
    responses(
        (status = 200, description = "The organization", body = Organization),
        (status = 400, description = "A day to come", body = Problem),
        (status = 404, description = "None, not then, or outside the caller's area", body = Problem)
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
    let times = Times {
        as_of: params.as_of,
        known_at: params.known_at,
    };
    if times.are_asked_for() {
        let today = app.today();
        let shown = app
            .read_slow(move |conn| {
                snapshot(conn, |conn| {
                    let moment = times.moment(conn, today)?;
                    let within = subtree_on(conn, caller.area, moment)?;
                    let found = organizations::find_on(conn, &within, id.0, moment)?;
                    let mut shown = Organization::on(&found, moment)?;
                    let known = Some(moment.known);
                    name_successors(conn, &caller.visible, known, std::slice::from_mut(&mut shown))?;
                    Ok(shown)
                })
            })
            .await?;
        // What was has no version to change: no ETag.
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
