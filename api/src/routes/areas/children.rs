//! The areas directly below an area.

use actix_web::{HttpRequest, HttpResponse, get, web};
use chrono::NaiveDate;
use qiaojian_domain::area::AreaKind;
use qiaojian_domain::clock::UtcTime;
use qiaojian_domain::dates::day;
use qiaojian_store::areas::Filter;
use qiaojian_store::db::snapshot;
use serde::Deserialize;
use utoipa::IntoParams;

use super::wire::{self, Area};
use crate::app::App;
use crate::auth::{Caller, needs};
use crate::extract::{List, Params, Segment};
use crate::moment::Times;
use crate::page::{self, Page, Window};
use crate::problem::ApiError;

/// Which children to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ChildrenParams {
    /// Comma-separated. Defaults to `administrative`.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    kind: List<AreaKind>,
    /// Valid time: returns the state on this day. Defaults to today if only `known_at` is given.
    #[serde(default, deserialize_with = "day::read_optional")]
    as_of: Option<NaiveDate>,
    /// Transaction time: returns the state as known at this time. A later time is clamped to the ledger clock.
    known_at: Option<UtcTime>,
    /// Page size: 1 to 200. The default is 50.
    limit: Option<i64>,
    cursor: Option<String>,
}

/// Lists the areas directly below an area in the caller's subtree, by code; parks included.
#[utoipa::path(
    tag = "areas",
    security(("oauth" = ["area:read"])),
    params(("code" = String, Path, description = "The area's code"), ChildrenParams),
    responses(
        (status = 200, description = "A page of the list", body = Page<Area>)
    )
)]
#[get("/areas/{code}/children")]
pub async fn children(
    app: web::Data<App>,
    caller: Caller<needs::AreaRead>,
    request: HttpRequest,
    code: Segment<String>,
    params: Params<ChildrenParams>,
) -> Result<HttpResponse, ApiError> {
    let ChildrenParams {
        kind,
        as_of,
        known_at,
        limit,
        cursor,
    } = params.0;
    let (times, today) = (Times { as_of, known_at }, app.today());
    let window = Window::<String>::new(&request, limit, cursor.as_deref())?;
    let caller = caller.principal();
    let page = app
        .read(move |conn| {
            snapshot(conn, |conn| {
                let tree = wire::tree(conn, &caller, times, today)?;
                let parent = tree.find(conn, &code.0)?;
                let filter = Filter {
                    parent: Some(parent.area_id),
                    kinds: kind.0.clone(),
                    ..Filter::default()
                };
                tree.page(conn, &parent.subtree(), &filter, &window)
            })
        })
        .await?;
    Ok(page::reply(&request, &page))
}
