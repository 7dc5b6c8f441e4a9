//! Recording where a post receives notices.

use std::sync::Arc;

use actix_web::{HttpResponse, post, web};
use qiaojian_domain::ids::EndpointId;
use qiaojian_store::endpoints::{self, NewEndpoint};

use super::wire::{Endpoint, EndpointInput};
use crate::app::App;
use crate::auth::{Caller, needs};
use crate::extract::Body;
use crate::headers::IdempotencyKey;
use crate::problem::ApiError;
use crate::wire::{area_in_body, id_or_new};
use crate::write::{Reply, Write};

/// Records an endpoint at which a post of an area in the caller's subtree receives notices.
///
/// Notices published from then on are sent to it too.
///
/// A post has at most one endpoint per channel and address that is not disabled, so that a mailbox receives a notice
/// only once. In an email address, full-width characters are converted to half-width, invisible characters are removed,
/// and the domain is converted to lower case.
///
/// Sending the same `id` with the same body again returns the existing endpoint with 200 instead of 201.
#[utoipa::path(
    tag = "endpoints",
    security(("oauth" = ["endpoint:write"])),
    params(IdempotencyKey),
    request_body = EndpointInput,
    responses(
        (status = 201, description = "Recorded", body = Endpoint),
        (status = 200, description = "Already recorded by the same request", body = Endpoint),
        (status = 409, description = "The id is already in use, or the post already has an enabled endpoint with this address"),
        (status = 422, description = "The area is not in the caller's subtree, the channel is not supported, or the address is invalid")
    )
)]
#[post("/endpoints")]
pub async fn create(
    app: web::Data<App>,
    caller: Caller<needs::EndpointWrite>,
    write: Write,
    body: Body<EndpointInput>,
) -> Result<HttpResponse, ApiError> {
    let Body { value: input, digest } = body;
    let id: EndpointId = id_or_new(input.id, app.clock.as_ref(), app.entropy.as_ref())?;
    let sources = (Arc::clone(&app.clock), Arc::clone(&app.entropy));
    let (caller, request_digest) = (caller.principal(), digest.clone());
    write
        .run(&app, &digest, move |recording| {
            let area = area_in_body(recording.conn(), &caller.visible, "/area", &input.area)?;
            let before = endpoints::made_before(recording.conn(), id, &request_digest)?;
            let is_known = before.is_some();
            let new = NewEndpoint {
                id,
                digest: request_digest.clone(),
                area: area.area_id,
                post: input.post,
                channel: input.channel,
                address: input.address.clone(),
                on_uncertain: input.on_uncertain,
            };
            let row = match before {
                Some(row) => row,
                None => endpoints::create(recording, &new)?,
            };
            let version = row.version;
            let shown = Endpoint::delivering(recording, &sources, row, input.deliver && !is_known)?;
            let reply = Reply::created(format!("/v1/endpoints/{id}"), version, &shown)?;
            Ok(if is_known { reply.made_before() } else { reply })
        })
        .await
}
