//! Replacing the secret of a token.

use actix_web::{HttpResponse, post, web};
use qiaojian_domain::ids::TokenId;
use qiaojian_store::secrets::{hash_secret, new_secret};
use qiaojian_store::tokens;

use super::create::SECRET_PREFIX;
use super::wire::{Token, TokenWithSecret};
use crate::app::App;
use crate::auth::{Caller, needs};
use crate::extract::{Body, NoInput, Segment};
use crate::headers::{IdempotencyKey, IfMatch};
use crate::problem::ApiError;
use crate::write::{Reply, Write};

/// Replaces the secret of a token; the new one is shown only in this reply.
///
/// The old secret no longer yields access tokens, and those issued before are refused by every process within a second.
#[utoipa::path(
    tag = "tokens",
    security(("oauth" = ["token:admin"])),
    params(("id" = uuid::Uuid, Path, description = "The token"), IfMatch, IdempotencyKey),
    request_body = NoInput,
    responses(
        (status = 200, description = "The new secret", body = TokenWithSecret),
        (status = 409, description = "The token is revoked, or has permissions that the caller does not have")
    )
)]
#[post("/tokens/{id}/rotate")]
pub async fn rotate(
    app: web::Data<App>,
    caller: Caller<needs::TokenAdmin>,
    id: Segment<TokenId>,
    write: Write,
    body: Body<NoInput>,
) -> Result<HttpResponse, ApiError> {
    let (caller, id, now, expected) = (caller.principal(), id.0, app.now(), write.version());
    let secret = new_secret(SECRET_PREFIX, app.entropy.as_ref());
    let reply = write
        .run(&app, &body.digest, move |recording| {
            let found = tokens::rotate(
                recording,
                &caller.visible,
                id,
                expected,
                &caller.scopes,
                &hash_secret(&secret),
            )?;
            let shown = TokenWithSecret {
                client_id: id,
                client_secret: secret.clone(),
                token: Token::one(recording.conn(), &caller.visible, &found, now)?,
            };
            Ok(Reply::ok(found.token.version, &shown)?.secret())
        })
        .await?;
    app.authority.forget_access();
    Ok(reply)
}
