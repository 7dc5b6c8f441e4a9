//! Revoking a token permanently.

use actix_web::{HttpResponse, post, web};
use qiaojian_domain::ids::TokenId;
use qiaojian_store::tokens;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::wire::Token;
use crate::app::App;
use crate::auth::{Caller, needs};
use crate::extract::{Body, NoInput, Params, Segment};
use crate::headers::{IdempotencyKey, IfMatch};
use crate::problem::ApiError;
use crate::write::{Reply, Write};

/// Which other tokens to revoke with it.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct RevokeParams {
    /// `true` also revokes the tokens in the caller's subtree that it issued, directly or indirectly.
    #[serde(default)]
    descendants: bool,
}

/// A revoked token.
#[derive(Debug, Serialize, ToSchema)]
pub struct Revoked {
    #[serde(flatten)]
    token: Token,
    /// The number of other tokens that were revoked with it.
    descendants_revoked: usize,
}

/// Revokes a token that has no more permissions than the caller.
///
/// Every process refuses it and its access tokens within a second. Revoking it again changes nothing.
#[utoipa::path(
    tag = "tokens",
    security(("oauth" = ["token:admin"])),
    params(RevokeParams, ("id" = uuid::Uuid, Path, description = "The token"), IfMatch, IdempotencyKey),
    request_body = NoInput,
    responses(
        (status = 200, description = "Revoked", body = Revoked),
        (status = 409, description = "The token has permissions that the caller does not have")
    )
)]
#[post("/tokens/{id}/revoke")]
pub async fn revoke(
    app: web::Data<App>,
    caller: Caller<needs::TokenAdmin>,
    id: Segment<TokenId>,
    params: Params<RevokeParams>,
    write: Write,
    body: Body<NoInput>,
) -> Result<HttpResponse, ApiError> {
    let (caller, id, now, expected) = (caller.principal(), id.0, app.now(), write.version());
    let descendants = params.descendants;
    let reply = write
        .run(&app, &body.digest, move |recording| {
            let (visible, of) = (&caller.visible, (id, expected));
            let (found, others) = tokens::revoke_for(recording, visible, of, &caller.scopes, descendants)?;
            let revoked = Revoked {
                token: Token::one(recording.conn(), visible, &found, now)?,
                descendants_revoked: others,
            };
            Reply::ok(found.token.version, &revoked)
        })
        .await?;
    app.authority.revoke(id);
    app.authority.forget_access();
    Ok(reply)
}
