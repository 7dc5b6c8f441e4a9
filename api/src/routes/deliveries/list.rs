//! Listing deliveries, with filters.

use actix_web::{HttpRequest, HttpResponse, get, web};
use qiaojian_domain::delivery::{Channel, DeliveryState};
use qiaojian_domain::ids::{BulletinId, DeliveryId};
use qiaojian_store::areas;
use qiaojian_store::deliveries::{self, Filter};
use serde::Deserialize;
use utoipa::IntoParams;

use super::wire::Delivery;
use crate::app::App;
use crate::auth::{Caller, needs};
use crate::extract::{List, Params};
use crate::page::{self, Page, Window};
use crate::problem::ApiError;

/// Which deliveries to list. List-valued parameters are comma-separated.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListParams {
    /// Only for this bulletin.
    #[param(value_type = Option<uuid::Uuid>)]
    bulletin: Option<BulletinId>,
    #[serde(default)]
    #[param(value_type = Option<String>)]
    state: List<DeliveryState>,
    /// Only through this channel.
    #[param(value_type = Option<String>)]
    channel: Option<Channel>,
    /// Only to this area and all areas below it. Defaults to the caller's area.
    area: Option<String>,
    /// Page size: 1 to 200. The default is 50.
    limit: Option<i64>,
    cursor: Option<String>,
}

/// Lists deliveries to areas in the caller's subtree, newest first.
#[utoipa::path(
    tag = "deliveries",
    security(("oauth" = ["delivery:manage"])),
    params(ListParams),
    responses(
        (status = 200, description = "A page of the list", body = Page<Delivery>),
        (status = 404, description = "The area was not found, or is outside the caller's area")
    )
)]
#[get("/deliveries")]
pub async fn list(
    app: web::Data<App>,
    caller: Caller<needs::DeliveryManage>,
    request: HttpRequest,
    params: Params<ListParams>,
) -> Result<HttpResponse, ApiError> {
    let ListParams {
        bulletin,
        state,
        channel,
        area,
        limit,
        cursor,
    } = params.0;
    let window = Window::<DeliveryId>::new(&request, limit, cursor.as_deref())?;
    let filter = Filter {
        bulletin,
        states: state.0,
        channel,
    };
    let caller = caller.principal();
    let page = app
        .read(move |conn| {
            let within = match &area {
                Some(code) => areas::find(conn, &caller.visible, code)?.subtree(),
                None => caller.visible.clone(),
            };
            let rows = deliveries::list(conn, &within, &filter, window.after, window.fetch())?;
            window.page(rows, |view| view.delivery.id, Delivery::of)
        })
        .await?;
    Ok(page::reply(&request, &page))
}
