//! Disabling an endpoint.

use actix_web::{HttpResponse, delete, web};
use qiaojian_domain::delivery::EndpointStatus;
use qiaojian_domain::ids::EndpointId;
use qiaojian_domain::violation::{TEXT_CHARS, check_text};

use super::steps::set_status;
use crate::app::App;
use crate::auth::{Caller, needs};
use crate::extract::{Params, Segment};
use crate::headers::IfMatchRequired;
use crate::problem::ApiError;
use crate::wire::ReasonParams;
use crate::write::{Reply, Write};

/// Disables an endpoint: nothing new is queued for it, and queued deliveries are cancelled.
///
/// The endpoint remains in the list as `disabled`, because deliveries refer to it.
#[utoipa::path(
    tag = "endpoints",
    security(("oauth" = ["endpoint:write"])),
    params(("id" = uuid::Uuid, Path, description = "The endpoint"), IfMatchRequired, ReasonParams),
    responses(
        (status = 204, description = "Disabled")
    )
)]
#[delete("/endpoints/{id}")]
pub async fn delete(
    app: web::Data<App>,
    caller: Caller<needs::EndpointWrite>,
    id: Segment<EndpointId>,
    write: Write,
    params: Params<ReasonParams>,
) -> Result<HttpResponse, ApiError> {
    let reason = params.0.reason;
    let mut violations = Vec::new();
    check_text(&mut violations, "reason", &reason, TEXT_CHARS);
    if !violations.is_empty() {
        return Err(ApiError::bad_request(violations));
    }
    let (caller, id, expected) = (caller.principal(), id.0, Some(write.required_version()?));
    write
        .run(&app, "", move |recording| {
            set_status(
                recording,
                &caller,
                id,
                expected,
                EndpointStatus::Disabled,
                Some(&reason),
            )?;
            Ok(Reply::gone())
        })
        .await
}
