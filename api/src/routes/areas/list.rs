//! Listing the areas in the caller's subtree, with filters.

use actix_web::{HttpRequest, HttpResponse, get, web};
use chrono::NaiveDate;
use qiaojian_domain::area::{AreaKind, Level};
use qiaojian_domain::clock::UtcTime;
use qiaojian_domain::dates::day;
use qiaojian_store::areas::Filter;
use qiaojian_store::db::snapshot;
use serde::Deserialize;
use utoipa::IntoParams;

use super::wire::{self, Area};
use crate::app::App;
use crate::auth::{Caller, needs};
use crate::extract::{List, Params, check_search};
use crate::moment::Times;
use crate::page::{self, Page, Window};
use crate::problem::ApiError;

/// Which areas to list. List-valued parameters are comma-separated.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListParams {
    /// Only areas directly below this area.
    parent: Option<String>,
    #[serde(default)]
    #[param(value_type = Option<String>)]
    level: List<Level>,
    /// Defaults to `administrative`, which includes parks.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    kind: List<AreaKind>,
    /// A substring of the name, or a code. Without `as_of` and `known_at`, former names and codes match too.
    q: Option<String>,
    /// Valid time: returns the state on this day. Defaults to today if only `known_at` is given.
    #[serde(default, deserialize_with = "day::read_optional")]
    as_of: Option<NaiveDate>,
    /// Transaction time: returns the state as known at this time. A later time is clamped to the ledger clock.
    known_at: Option<UtcTime>,
    /// Page size: 1 to 200. The default is 50.
    limit: Option<i64>,
    cursor: Option<String>,
}

/// Lists areas in the caller's subtree, each after the area above it.
#[utoipa::path(
    tag = "areas",
    security(("oauth" = ["area:read"])),
    params(ListParams),
    responses(
        (status = 200, description = "A page of the list", body = Page<Area>),
        (status = 404, description = "The parent was not found, or is outside the caller's area")
    )
)]
#[get("/areas")]
pub async fn list(
    app: web::Data<App>,
    caller: Caller<needs::AreaRead>,
    request: HttpRequest,
    params: Params<ListParams>,
) -> Result<HttpResponse, ApiError> {
    let ListParams {
        parent,
        level,
        kind,
        q,
        as_of,
        known_at,
        limit,
        cursor,
    } = params.0;
    check_search(q.as_deref())?;
    let window = Window::<String>::new(&request, limit, cursor.as_deref())?;
    let (times, today) = (Times { as_of, known_at }, app.today());
    let caller = caller.principal();
    let page = app
        .read(move |conn| {
            snapshot(conn, |conn| {
                let tree = wire::tree(conn, &caller, times, today)?;
                let parent = parent.as_deref().map(|code| tree.find(conn, code)).transpose()?;
                let filter = Filter {
                    parent: parent.map(|area| area.area_id),
                    levels: level.0.clone(),
                    kinds: kind.0.clone(),
                    name_contains: q.clone().filter(|q| !q.is_empty()),
                };
                tree.page(conn, &tree.visible, &filter, &window)
            })
        })
        .await?;
    Ok(page::reply(&request, &page))
}
