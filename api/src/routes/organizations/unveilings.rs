//! 一同挂牌: organizations that are not yet unveiled, or were not unveiled together.

use actix_web::{HttpRequest, HttpResponse, get, web};
use chrono::NaiveDate;
use qiaojian_domain::clock::UtcTime;
use qiaojian_domain::dates::day;
use qiaojian_domain::ids::OrganizationId;
use qiaojian_domain::organization::{PreciseDate, Unveiling};
use qiaojian_domain::program::Choice;
use qiaojian_store::db::{AnyConnection, snapshot};
use qiaojian_store::organizations::{self, Checked};
use qiaojian_store::{Moment, ledger, programs};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::wire::{Organization, hide_parents};
use crate::app::App;
use crate::auth::{Caller, needs};
use crate::extract::{List, Params};
use crate::moment::{Times, View};
use crate::page::{self, Page, Window};
use crate::problem::ApiError;

/// Which organizations to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct UnveilingParams {
    /// Only this area and all areas below it. Defaults to the caller's area.
    area: Option<String>,
    /// `not_unveiled`, `apart`, `together`, `alone`, `unknown`, comma-separated. Defaults to the findings that need
    /// attention, `not_unveiled,apart`.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    finding: List<Unveiling>,
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

/// An organization with the finding of the check.
#[derive(Debug, Serialize, ToSchema)]
pub struct UnveilingCheck {
    #[serde(flatten)]
    organization: Organization,
    finding: Unveiling,
    /// When the organization above it (`parent`) was unveiled, if the caller may see that organization.
    parent_unveiled_on: Option<NaiveDate>,
    /// How many organizations in the requested area were unveiled on the same day, including this one; 0 if it is not
    /// unveiled.
    unveiled_together: i64,
}

/// Lists established organizations in the caller's subtree that are not unveiled, or not together with their parent
/// (一同挂牌), by area and id.
///
/// A missing date means that an organization is not unveiled only if it was established after the baseline of the
/// current programme of the requested area, because the register is complete from then on. For older organizations it
/// is `unknown`, also if only the date of the organization above is missing.
#[utoipa::path(
    tag = "organizations",
    security(("oauth" = ["org:read"])),
    params(UnveilingParams),
    responses(
        (status = 200, description = "A page of the list", body = Page<UnveilingCheck>),
        (status = 404, description = "The area was not found, or is outside the caller's area")
    )
)]
#[get("/organizations/unveilings")]
pub async fn unveilings(
    app: web::Data<App>,
    caller: Caller<needs::OrgRead>,
    request: HttpRequest,
    params: Params<UnveilingParams>,
) -> Result<HttpResponse, ApiError> {
    let UnveilingParams {
        area,
        finding,
        as_of,
        known_at,
        limit,
        cursor,
    } = params.0;
    let window = Window::<(String, OrganizationId)>::new(&request, limit, cursor.as_deref())?;
    let findings = if finding.0.is_empty() {
        vec![Unveiling::NotUnveiled, Unveiling::Apart]
    } else {
        finding.0
    };
    let (caller, today) = (caller.principal(), app.today());
    let times = Times { as_of, known_at };
    let page = app
        .read_slow(move |conn| {
            snapshot(conn, |conn| {
                let view = View::of(conn, &caller, area.as_deref(), (times, today))?;
                let (after, fetch) = (window.after.as_ref(), window.fetch());
                let followed_since = followed_since(conn, &view, today)?;
                let rows = view.rows(fetch, key_of, |moment, which| {
                    let asked = organizations::UnveilingCheck {
                        visible: &view.visible,
                        within: &view.within,
                        moment,
                        followed_since,
                        findings: &findings,
                        which: &which,
                    };
                    organizations::unveilings(conn, asked, after, fetch)
                })?;
                let dates: Vec<PreciseDate> = rows.iter().filter_map(|row| row.unveiled).collect();
                let together = organizations::unveiled_together(conn, (&view.within, view.moment), &dates)?;
                let page = window.page(rows, key_of, |row| {
                    let days = row.unveiled.map(|date| (date.earliest(), date.counts_from()));
                    Ok(UnveilingCheck {
                        organization: Organization::at(&row.found, view.moment)?,
                        finding: row.finding,
                        parent_unveiled_on: row.parent_unveiled.map(|date| date.on),
                        unveiled_together: days.and_then(|days| together.get(&days).copied()).unwrap_or(0),
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

/// Returns the baseline of the current programme of the requested area. The register is complete from that day on.
fn followed_since(
    conn: &mut AnyConnection,
    view: &View,
    today: NaiveDate,
) -> Result<Option<NaiveDate>, ApiError> {
    let Moment { as_of, known } = match view.moment {
        Some(moment) => moment,
        None => Moment {
            as_of: today,
            known: ledger::known(conn)?,
        },
    };
    Ok(
        match programs::current(conn, view.within.lower(), as_of, known)? {
            Choice::One(program) => Some(program.baseline_on),
            Choice::None | Choice::Several => None,
        },
    )
}

fn key_of(row: &Checked) -> (String, OrganizationId) {
    (
        row.found.area_path.clone(),
        row.found.organization.organization_id,
    )
}
