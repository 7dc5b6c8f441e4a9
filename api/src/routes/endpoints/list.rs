//! Listing endpoints, with filters.

use actix_web::{HttpRequest, HttpResponse, get, web};
use qiaojian_domain::delivery::EndpointStatus;
use qiaojian_domain::ids::EndpointId;
use qiaojian_store::areas;
use qiaojian_store::endpoints::{self, Filter};
use serde::Deserialize;
use utoipa::IntoParams;

use super::wire::Endpoint;
use crate::app::App;
use crate::auth::{Caller, needs};
use crate::extract::{List, Params};
use crate::page::{self, Page, Window};
use crate::problem::ApiError;

/// Which endpoints to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListParams {
    /// Only this area and all areas below it. Defaults to the caller's area.
    area: Option<String>,
    /// Only endpoints with these statuses, comma-separated. Defaults to all.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    status: List<EndpointStatus>,
    /// `true`: only endpoints whose last send failed; `false`: only the others.
    failing: Option<bool>,
    /// Page size: 1 to 200. The default is 50.
    limit: Option<i64>,
    cursor: Option<String>,
}

/// Lists endpoints in the caller's subtree, oldest first; including inactive ones.
#[utoipa::path(
    tag = "endpoints",
    security(("oauth" = ["endpoint:write"])),
    params(ListParams),
    responses(
        (status = 200, description = "A page of the list", body = Page<Endpoint>),
        (status = 404, description = "The area was not found, or is outside the caller's area")
    )
)]
#[get("/endpoints")]
pub async fn list(
    app: web::Data<App>,
    caller: Caller<needs::EndpointWrite>,
    request: HttpRequest,
    params: Params<ListParams>,
) -> Result<HttpResponse, ApiError> {
    let ListParams {
        area,
        status,
        failing,
        limit,
        cursor,
    } = params.0;
    let filter = Filter {
        statuses: status.0,
        failing,
    };
    let window = Window::<EndpointId>::new(&request, limit, cursor.as_deref())?;
    let caller = caller.principal();
    let page = app
        .read(move |conn| {
            let within = match &area {
                Some(code) => areas::find(conn, &caller.visible, code)?.subtree(),
                None => caller.visible.clone(),
            };
            let rows = endpoints::list(conn, &within, &filter, window.after, window.fetch())?;
            let codes = areas::codes(conn, rows.iter().map(|row| row.area_id))?;
            window.page(rows, |row| row.id, |row| Endpoint::with_area(row, &codes))
        })
        .await?;
    Ok(page::reply(&request, &page))
}
