//! Reading one delivery.

use actix_web::{HttpResponse, get, web};
use qiaojian_domain::ids::DeliveryId;
use qiaojian_store::deliveries;

use super::wire::Delivery;
use crate::app::App;
use crate::auth::{Caller, needs};
use crate::extract::Segment;
use crate::problem::ApiError;
use crate::write::show;

/// Returns a delivery to an area in the caller's subtree, with its attempts.
///
/// The `ETag` changes with every step a worker takes.
#[utoipa::path(
    tag = "deliveries",
    security(("oauth" = ["delivery:manage"])),
    params(("id" = uuid::Uuid, Path, description = "The delivery")),
    responses(
        (status = 200, description = "The delivery", body = Delivery)
    )
)]
#[get("/deliveries/{id}")]
pub async fn get(
    app: web::Data<App>,
    caller: Caller<needs::DeliveryManage>,
    id: Segment<DeliveryId>,
) -> Result<HttpResponse, ApiError> {
    let caller = caller.principal();
    let delivery = app
        .read(move |conn| {
            let view = deliveries::find(conn, &caller.visible, id.0)?;
            let attempts = deliveries::attempts(conn, id.0)?;
            Ok(Delivery::with_attempts(view, attempts))
        })
        .await?;
    Ok(show(delivery.version, &delivery))
}
