//! 发布: publishing a bulletin.

use std::sync::Arc;

use actix_web::{HttpResponse, post, web};
use qiaojian_domain::bulletin::BulletinVerb;
use qiaojian_domain::ids::BulletinId;
use qiaojian_domain::{StateMachine, Violation};
use qiaojian_store::areas::AreaVersion;
use qiaojian_store::bulletins::{self, Mint};
use qiaojian_store::notices::Undeliverable;
use serde::Deserialize;
use utoipa::ToSchema;

use super::steps::own;
use super::wire::Bulletin;
use crate::app::App;
use crate::auth::{Caller, needs};
use crate::extract::{Body, Segment};
use crate::headers::{IdempotencyKey, IfMatch};
use crate::problem::ApiError;
use crate::write::{Reply, Write};

/// The caller's confirmation of unreachable addressees.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"unreachable": 0}))]
pub struct PublishInput {
    /// The number of addressees that have no endpoint, as given in the refusal; publishes nevertheless. Defaults to 0.
    #[serde(default)]
    unreachable: usize,
}

/// Publishes an approved bulletin (发布): assigns its serial number and sends it to every endpoint of its addressees.
///
/// A published bulletin cannot be changed.
///
/// Bulletins of one series (programme, kind and unit of period) are published in the order of their periods. While one
/// of an earlier period is a draft or approved, publish or withdraw that one first.
///
/// If addressees have only disabled endpoints or none, the request is refused with their names, until `unreachable`
/// gives their number. Each of them then has a delivery that is `undeliverable`, with the reason. The notice is in
/// their inbox nevertheless, and `POST /v1/notices/{id}/deliver` sends it once they have an endpoint.
#[utoipa::path(
    tag = "bulletins",
    security(("oauth" = ["bulletin:publish"])),
    params(
        ("id" = uuid::Uuid, Path, description = "The bulletin"),
        IfMatch,
        IdempotencyKey
    ),
    request_body = PublishInput,
    responses(
        (status = 200, description = "Done", body = Bulletin),
        (status = 403, description = "The bulletin belongs to another area"),
        (status = 404, description = "Not found, or neither issued by nor addressed to the caller's subtree"),
        (status = 409, description = "The current state does not allow it, an earlier period is pending, or addressees have no endpoint")
    )
)]
#[post("/bulletins/{id}/publish")]
pub async fn publish(
    app: web::Data<App>,
    caller: Caller<needs::BulletinPublish>,
    id: Segment<BulletinId>,
    write: Write,
    body: Body<PublishInput>,
) -> Result<HttpResponse, ApiError> {
    let (caller, id, expected) = (caller.principal(), id.0, write.version());
    let (clock, entropy) = (Arc::clone(&app.clock), Arc::clone(&app.entropy));
    let confirmed = body.value.unreachable;
    write
        .run(&app, &body.digest, move |recording| {
            let found = own(recording, &caller, id, expected)?;
            found
                .state
                .after(BulletinVerb::Publish)
                .map_err(|refused| ApiError::refused(&refused))?;
            let unreachable = bulletins::unreachable(recording.conn(), id)?;
            if unreachable.len() != confirmed {
                let named = unreachable.iter().map(|(area, _, why)| nowhere(area, *why));
                return Err(ApiError::unreachable(named.collect()));
            }
            let mint = Mint {
                clock: clock.as_ref(),
                entropy: entropy.as_ref(),
            };
            let row = bulletins::publish(recording, mint, id)?;
            let seen = bulletins::find_seen(recording.conn(), &caller.visible, id)?;
            Reply::ok(row.version, &Bulletin::of(seen)?)
        })
        .await
}

fn nowhere(area: &AreaVersion, why: Undeliverable) -> Violation {
    let (zh, en) = match why {
        Undeliverable::NoEndpoint => ("没有接收端", "has no endpoint"),
        Undeliverable::EndpointsDisabled => ("的接收端均已停用", "has only disabled endpoints"),
    };
    Violation::new(
        "/unreachable",
        why.as_str(),
        format!("{}（{}）{zh}。", area.name, area.code),
        format!("{} ({}) {en}.", area.name, area.code),
    )
}
