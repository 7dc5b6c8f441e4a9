//! Reading one endpoint.

use actix_web::{HttpResponse, get, web};
use qiaojian_domain::ids::EndpointId;
use qiaojian_store::endpoints;

use super::wire::Endpoint;
use crate::app::App;
use crate::auth::{Caller, needs};
use crate::extract::Segment;
use crate::problem::ApiError;
use crate::write::show;

/// Returns an endpoint in the caller's subtree.
#[utoipa::path(
    tag = "endpoints",
    security(("oauth" = ["endpoint:write"])),
    params(("id" = uuid::Uuid, Path, description = "The endpoint")),
    responses(
        (status = 200, description = "The endpoint", body = Endpoint)
    )
)]
#[get("/endpoints/{id}")]
pub async fn get(
    app: web::Data<App>,
    caller: Caller<needs::EndpointWrite>,
    id: Segment<EndpointId>,
) -> Result<HttpResponse, ApiError> {
    let caller = caller.principal();
    let endpoint = app
        .read(move |conn| {
            let row = endpoints::find(conn, &caller.visible, id.0)?;
            Endpoint::of(conn, row)
        })
        .await?;
    Ok(show(endpoint.version, &endpoint))
}
