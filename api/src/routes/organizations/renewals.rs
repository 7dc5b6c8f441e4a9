//! 换届: organizations whose term ends.

use actix_web::{HttpRequest, HttpResponse, get, web};
use chrono::{Days, NaiveDate};
use qiaojian_domain::clock::UtcTime;
use qiaojian_domain::dates::day;
use qiaojian_domain::ids::OrganizationId;
use qiaojian_store::db::snapshot;
use qiaojian_store::organizations;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::wire::{Organization, hide_parents};
use crate::app::App;
use crate::auth::{Caller, needs};
use crate::extract::Params;
use crate::moment::{Times, View};
use crate::page::{self, Page, Window};
use crate::problem::ApiError;

/// The default number of days to look ahead: half a year.
const AHEAD: u64 = 180;
/// The maximum number of days to look ahead: ten years.
const FURTHEST: u64 = 3660;

/// Which renewals to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct RenewalParams {
    /// Only this area and all areas below it. Defaults to the caller's area.
    area: Option<String>,
    /// Only terms that end within this many days of `as_of`, or have ended: 0 to 3660. The default is 180.
    within_days: Option<u64>,
    /// Valid time: returns the state and the area tree on this day. Defaults to today (Asia/Shanghai), as currently
    /// known.
    #[serde(default, deserialize_with = "day::read_optional")]
    as_of: Option<NaiveDate>,
    /// Transaction time: returns the register as known at this time. Pass the same value for all pages of a list to
    /// keep them consistent.
    known_at: Option<UtcTime>,
    /// Page size: 1 to 200. The default is 50.
    limit: Option<i64>,
    cursor: Option<String>,
}

/// An organization whose term ends.
#[derive(Debug, Serialize, ToSchema)]
pub struct Renewal {
    #[serde(flatten)]
    organization: Organization,
    /// Days from `as_of` until the term ends; negative when it has ended.
    days_left: i64,
}

/// Lists established organizations in the caller's subtree whose term ends soon or has ended (换届), earliest first.
#[utoipa::path(
    tag = "organizations",
    security(("oauth" = ["org:read"])),
    params(RenewalParams),
    responses(
        (status = 200, description = "A page of the list", body = Page<Renewal>),
        (status = 404, description = "The area was not found, or is outside the caller's area")
    )
)]
#[get("/organizations/renewals")]
pub async fn renewals(
    app: web::Data<App>,
    caller: Caller<needs::OrgRead>,
    request: HttpRequest,
    params: Params<RenewalParams>,
) -> Result<HttpResponse, ApiError> {
    let RenewalParams {
        area,
        within_days,
        as_of,
        known_at,
        limit,
        cursor,
    } = params.0;
    let window = Window::<(NaiveDate, OrganizationId)>::new(&request, limit, cursor.as_deref())?;
    let (caller, today) = (caller.principal(), app.today());
    let (times, day) = (Times { as_of, known_at }, as_of.unwrap_or(today));
    let until = Some(within_days.unwrap_or(AHEAD))
        .filter(|days| *days <= FURTHEST)
        .and_then(|days| day.checked_add_days(Days::new(days)));
    let until = until.ok_or_else(|| {
        ApiError::bad_parameter(
            "within_days",
            format!("within_days 应在 0 与 {FURTHEST} 之间。"),
            format!("within_days must be between 0 and {FURTHEST}."),
        )
    })?;
    let page = app
        .read_slow(move |conn| {
            snapshot(conn, |conn| {
                let view = View::of(conn, &caller, area.as_deref(), (times, today))?;
                let (after, fetch) = (window.after.as_ref(), window.fetch());
                let ends = |row: &organizations::OrganizationInArea| {
                    row.organization.term_ends_on.unwrap_or(until) // all of these have a date
                };
                let key =
                    |row: &organizations::OrganizationInArea| (ends(row), row.organization.organization_id);
                let rows = view.rows(fetch, key, |moment, which| {
                    let scope = (&view.within, moment);
                    organizations::renewals(conn, scope, (until, &which), after, fetch)
                })?;
                let page = window.page(rows, key, |row| {
                    Ok(Renewal {
                        days_left: (ends(&row) - day).num_days(),
                        organization: Organization::at(&row, view.moment)?,
                    })
                })?;
                let mut page = page.transpose()?;
                hide_parents(
                    conn,
                    &caller.visible,
                    page.items.iter_mut().map(|item| &mut item.organization),
                )?;
                page.write()
            })
        })
        .await?;
    Ok(page::reply_written(&request, page))
}
