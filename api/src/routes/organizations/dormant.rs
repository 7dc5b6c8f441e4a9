//! 作用发挥: organizations where nothing happens any more, or of which no activity was ever recorded.

use actix_web::{HttpRequest, HttpResponse, get, web};
use chrono::{Months, NaiveDate};
use qiaojian_domain::clock::UtcTime;
use qiaojian_domain::dates::day;
use qiaojian_domain::ids::{AreaId, OrganizationId};
use qiaojian_domain::organization::Dormancy;
use qiaojian_store::db::snapshot;
use qiaojian_store::organizations::{self, Lost, OrganizationInArea};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::wire::{Organization, hide_parents};
use crate::app::App;
use crate::auth::{Caller, needs};
use crate::extract::{List, Params};
use crate::moment::{Times, subtree_asked_for};
use crate::page::{self, Page, Window};
use crate::problem::ApiError;

/// How long nothing has happened.
const SILENT: Months = Months::new(12);

/// Which to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct DormantParams {
    /// Only this area and all areas below it. Defaults to the caller's area.
    area: Option<String>,
    /// `dormant`, `unknown`, comma-separated; `dormant` when left out.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    finding: List<Dormancy>,
    /// The day up to which a year has passed, in the tree of that day; today (Asia/Shanghai) when left out.
    #[serde(default, deserialize_with = "day::read_optional")]
    as_of: Option<NaiveDate>,
    /// Transaction time: returns the register as known at this time. Pass the same value for all pages of a list to
    /// keep them consistent.
    known_at: Option<UtcTime>,
    /// Page size: 1 to 200. The default is 50.
    limit: Option<i64>,
    cursor: Option<String>,
}

/// An organization where nothing happens.
#[derive(Debug, Serialize, ToSchema)]
pub struct Dormant {
    #[serde(flatten)]
    organization: Organization,
    finding: Dormancy,
    /// The last activity of its area, or that touched it; `null` where none is recorded.
    last_activity_on: Option<NaiveDate>,
}

/// Established organizations of the caller's subtree without an activity for a year, by area and id.
///
/// An activity is theirs when it is of their area or touched it. What was established, or established again, within the year is not
/// listed. Where no activity was ever recorded, nobody knows whether the organization is active: those are listed with
/// `finding=unknown`.
#[utoipa::path(
    tag = "organizations",
    security(("oauth" = ["org:read"])),
    params(DormantParams),
    responses(
        (status = 200, description = "Part of the list", body = Page<Dormant>),
        (status = 400, description = "A parameter is wrong, as an `as_of` after today"),
        (status = 404, description = "The area is none, or outside the caller's")
    )
)]
#[get("/organizations/dormant")]
pub async fn dormant(
    app: web::Data<App>,
    caller: Caller<needs::OrgRead>,
    request: HttpRequest,
    params: Params<DormantParams>,
) -> Result<HttpResponse, ApiError> {
    let DormantParams {
        area,
        finding,
        as_of,
        known_at,
        limit,
        cursor,
    } = params.0;
    let window = Window::<(String, OrganizationId)>::new(&request, limit, cursor.as_deref())?;
    let findings = if finding.0.is_empty() {
        vec![Dormancy::Dormant]
    } else {
        finding.0
    };
    let (caller, today) = (caller.principal(), app.today());
    let times = Times { as_of, known_at };
    let page = app
        .read_slow(move |conn| {
            snapshot(conn, |conn| {
                let moment = times.moment(conn, today)?;
                let within = subtree_asked_for(conn, caller.area, area.as_deref(), moment)?;
                let since = moment.as_of.checked_sub_months(SILENT).unwrap_or(moment.as_of);
                let (after, fetch) = (window.after.as_ref(), window.fetch());
                let lost = Lost::of(conn, (caller.area, &caller.visible), &within, moment)?;
                let key =
                    |row: &OrganizationInArea| (row.area_path.clone(), row.organization.organization_id);
                let rows = lost.told(moment, fetch, key, |moment, which| {
                    let asked = (since, &*findings, &which);
                    organizations::dormant(conn, &within, moment, asked, after, fetch)
                })?;
                let stood: Vec<AreaId> = rows.iter().map(|row| row.organization.area_id).collect();
                let last = organizations::last_activities(conn, &stood, moment)?;
                let page = window.page(rows, key, |row| {
                    let last_activity_on = last.get(&row.organization.area_id).copied();
                    Ok(Dormant {
                        finding: match last_activity_on {
                            Some(_) => Dormancy::Dormant,
                            None => Dormancy::Unknown,
                        },
                        last_activity_on,
                        organization: Organization::on(&row, moment)?,
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
