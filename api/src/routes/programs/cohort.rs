//! The cohorts of a programme.

use actix_web::{HttpRequest, HttpResponse, get, web};
use chrono::NaiveDate;
use qiaojian_domain::clock::UtcTime;
use qiaojian_domain::dates::day;
use qiaojian_domain::ids::ProgramId;
use qiaojian_store::db::snapshot;
use qiaojian_store::{ledger, programs};
use serde::Deserialize;
use utoipa::IntoParams;

use super::wire::CohortMember;
use crate::app::App;
use crate::auth::{Caller, needs};
use crate::extract::{Params, Segment};
use crate::page::{self, Page, Window};
use crate::problem::ApiError;

/// The day of the cohorts.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct CohortParams {
    /// The day of the cohorts (Asia/Shanghai). Defaults to today.
    #[serde(default, deserialize_with = "day::read_optional")]
    as_of: Option<NaiveDate>,
    /// Transaction time: returns the state as known at this time. Defaults to now.
    known_at: Option<UtcTime>,
    /// Page size: 1 to 200. The default is 50.
    limit: Option<i64>,
    cursor: Option<String>,
}

/// Lists the areas of a programme with their cohorts, by path.
#[utoipa::path(
    tag = "programs",
    security(("oauth" = ["area:read"])),
    params(("id" = uuid::Uuid, Path, description = "The programme"), CohortParams),
    responses(
        (status = 200, description = "A page of the list", body = Page<CohortMember>),
        (status = 404, description = "The programme was not found")
    )
)]
#[get("/programs/{id}/cohort")]
pub async fn cohort(
    app: web::Data<App>,
    _caller: Caller<needs::AreaRead>,
    request: HttpRequest,
    id: Segment<ProgramId>,
    params: Params<CohortParams>,
) -> Result<HttpResponse, ApiError> {
    let CohortParams {
        as_of,
        known_at,
        limit,
        cursor,
    } = params.0;
    let window = Window::<String>::new(&request, limit, cursor.as_deref())?;
    let as_of = as_of.unwrap_or_else(|| app.today());
    let page = app
        .read(move |conn| {
            let mut rows = snapshot(conn, |conn| {
                let known = ledger::known_at(conn, known_at)?.known;
                programs::find_known_at(conn, id.0, known)?;
                Ok::<_, ApiError>(programs::cohorts(conn, id.0, as_of, known)?)
            })?;
            // A cohort has a few dozen areas, so all are read and a page is returned.
            rows.retain(|(_, area)| window.after.as_ref().is_none_or(|after| area.path > *after));
            window.page(
                rows,
                |(_, area)| area.path.clone(),
                |(row, area)| CohortMember::of(&row, area),
            )
        })
        .await?;
    Ok(page::reply(&request, &page))
}
