//! 作用发挥: organizations without recent activities, or without any recorded activity.

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

/// The period without activities after which an organization is dormant.
const SILENT: Months = Months::new(12);

/// Which organizations to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct DormantParams {
    /// Only this area and all areas below it. Defaults to the caller's area.
    area: Option<String>,
    /// `dormant`, `unknown`, comma-separated. Defaults to `dormant`.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    finding: List<Dormancy>,
    /// Valid time: the day on which the year without activities ends, and the day of the area tree. Defaults to today
    /// (Asia/Shanghai).
    #[serde(default, deserialize_with = "day::read_optional")]
    as_of: Option<NaiveDate>,
    /// Transaction time: returns the register as known at this time. Pass the same value for all pages of a list to
    /// keep them consistent.
    known_at: Option<UtcTime>,
    /// Page size: 1 to 200. The default is 50.
    limit: Option<i64>,
    cursor: Option<String>,
}

/// An organization without activities.
#[derive(Debug, Serialize, ToSchema)]
pub struct Dormant {
    #[serde(flatten)]
    organization: Organization,
    finding: Dormancy,
    /// The last activity in its area or involving it; `null` if none is recorded.
    last_activity_on: Option<NaiveDate>,
}

/// Lists established organizations in the caller's subtree without an activity for a year, by area and id.
///
/// An activity belongs to an organization if it is in the same area or involves the organization. Organizations that
/// were established, or reopened, within the year are not listed. If no activity was ever recorded, it is unknown
/// whether the organization is active; those are listed with `finding=unknown`.
#[utoipa::path(
    tag = "organizations",
    security(("oauth" = ["org:read"])),
    params(DormantParams),
    responses(
        (status = 200, description = "A page of the list", body = Page<Dormant>),
        (status = 400, description = "A parameter is invalid, such as an `as_of` in the future"),
        (status = 404, description = "The area was not found, or is outside the caller's area")
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
