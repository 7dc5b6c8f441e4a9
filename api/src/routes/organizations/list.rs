//! Listing the register, with filters.

use actix_web::{HttpRequest, HttpResponse, get, web};
use chrono::NaiveDate;
use qiaojian_domain::area::Level;
use qiaojian_domain::clock::UtcTime;
use qiaojian_domain::dates::day;
use qiaojian_domain::ids::OrganizationId;
use qiaojian_domain::organization::{Kind, Status, Verification};
use qiaojian_store::areas;
use qiaojian_store::db::snapshot;
use qiaojian_store::organizations::{self, Lost, OrganizationInArea};
use serde::Deserialize;
use utoipa::IntoParams;

use super::wire::{Organization, name_successors};
use crate::app::App;
use crate::auth::{Caller, needs};
use crate::extract::{List, Params, check_search};
use crate::moment::{Times, subtree_asked_for};
use crate::page::{self, Page, Window};
use crate::problem::ApiError;

/// Which organizations to list. List-valued parameters are comma-separated.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListParams {
    /// Only this area and all areas below it. Defaults to the caller's area.
    area: Option<String>,
    /// Only areas of these levels.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    level: List<Level>,
    #[serde(default)]
    #[param(value_type = Option<String>)]
    kind: List<Kind>,
    #[serde(default)]
    #[param(value_type = Option<String>)]
    status: List<Status>,
    /// Only organizations with these verification statuses; `unverified` selects those waiting for the area above.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    verification: List<Verification>,
    /// A substring of the name.
    q: Option<String>,
    /// Valid time: returns the state and the area tree on this day. Defaults to today if only `known_at` is given.
    #[serde(default, deserialize_with = "day::read_optional")]
    as_of: Option<NaiveDate>,
    /// Transaction time: returns the register as known at this time. Pass the same value for all pages of a list to
    /// keep them consistent.
    known_at: Option<UtcTime>,
    /// Page size: 1 to 200. The default is 50.
    limit: Option<i64>,
    cursor: Option<String>,
}

/// Lists organizations in the caller's subtree, by area and id, as currently known or as they were at `as_of` or
/// `known_at`.
#[utoipa::path(
    tag = "organizations",
    security(("oauth" = ["org:read"])),
    params(ListParams),
    responses(
        (status = 200, description = "A page of the list", body = Page<Organization>),
        (status = 400, description = "A parameter is invalid, such as an `as_of` in the future"),
        (status = 404, description = "The area was not found, or is outside the caller's area")
    )
)]
#[get("/organizations")]
pub async fn list(
    app: web::Data<App>,
    caller: Caller<needs::OrgRead>,
    request: HttpRequest,
    params: Params<ListParams>,
) -> Result<HttpResponse, ApiError> {
    let ListParams {
        area,
        level,
        kind,
        status,
        verification,
        q,
        as_of,
        known_at,
        limit,
        cursor,
    } = params.0;
    check_search(q.as_deref())?;
    let window = Window::<(String, OrganizationId)>::new(&request, limit, cursor.as_deref())?;
    let filter = organizations::Filter {
        levels: level.0,
        kinds: kind.0,
        statuses: status.0,
        verifications: verification.0,
        name_contains: q.filter(|q| !q.is_empty()),
        ..organizations::Filter::default()
    };
    let caller = caller.principal();
    let times = Times { as_of, known_at };
    if times.are_asked_for() {
        let today = app.today();
        let page = app
            .read_slow(move |conn| {
                snapshot(conn, |conn| {
                    let moment = times.moment(conn, today)?;
                    let within = subtree_asked_for(conn, caller.area, area.as_deref(), moment)?;
                    let lost = Lost::of(conn, (caller.area, &caller.visible), &within, moment)?;
                    let (after, limit) = (window.after.as_ref(), window.fetch());
                    let rows = lost.list(conn, (&within, moment), &filter, after, limit)?;
                    let page = window.page(rows, key_of, |row| Organization::on(&row, moment))?;
                    let mut page = page.transpose()?;
                    name_successors(conn, &caller.visible, Some(moment.known), &mut page.items)?;
                    page.write()
                })
            })
            .await?;
        return Ok(page::reply_written(&request, page));
    }
    let page = app
        .read(move |conn| {
            let within = match &area {
                Some(code) => areas::find(conn, &caller.visible, code)?.subtree(),
                None => caller.visible.clone(),
            };
            let rows = organizations::list(conn, &within, &filter, window.after.as_ref(), window.fetch())?;
            let page = window.page(rows, key_of, |row| Organization::of(&row))?;
            let mut page = page.transpose()?;
            name_successors(conn, &caller.visible, None, &mut page.items)?;
            page.write()
        })
        .await?;
    Ok(page::reply_written(&request, page))
}

fn key_of(row: &OrganizationInArea) -> (String, OrganizationId) {
    (row.area_path.clone(), row.organization.organization_id)
}
