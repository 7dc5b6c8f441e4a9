//! Extending a token's lifetime, with the same id and secret.

use actix_web::{HttpResponse, post, web};
use qiaojian_domain::ids::TokenId;
use qiaojian_store::tokens;
use serde::Deserialize;
use utoipa::ToSchema;

use super::life::Life;
use super::wire::Token;
use crate::app::App;
use crate::auth::{Caller, needs};
use crate::extract::{Body, Segment};
use crate::headers::{IdempotencyKey, IfMatch};
use crate::problem::ApiError;
use crate::write::{Reply, Write};

/// The new lifetime.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"expires_in_days": 30}))]
pub struct RenewInput {
    /// Days from now: 1 to 730, and no longer than the lifetime of the caller's token. Defaults to 90 days, or to the
    /// lifetime of the caller's token if that is shorter.
    #[serde(default)]
    expires_in_days: Option<i64>,
}

/// Renews a token, even an expired one, with the same id and secret.
///
/// Replies stored under its `Idempotency-Key`s are kept.
#[utoipa::path(
    tag = "tokens",
    security(("oauth" = ["token:admin"])),
    params(("id" = uuid::Uuid, Path, description = "The token"), IfMatch, IdempotencyKey),
    request_body = RenewInput,
    responses(
        (status = 200, description = "Renewed", body = Token),
        (status = 409, description = "The token is revoked, or has permissions that the caller does not have"),
        (status = 422, description = "The lifetime exceeds the limit")
    )
)]
#[post("/tokens/{id}/renew")]
pub async fn renew(
    app: web::Data<App>,
    caller: Caller<needs::TokenAdmin>,
    id: Segment<TokenId>,
    write: Write,
    body: Body<RenewInput>,
) -> Result<HttpResponse, ApiError> {
    let Body { value: input, digest } = body;
    let (caller, id, now, expected) = (caller.principal(), id.0, app.now(), write.version());
    let life = Life::asked(input.expires_in_days)?;
    write
        .run(&app, &digest, move |recording| {
            let expires_at = life.ends(recording.conn(), caller.token, now)?;
            let (visible, of) = (&caller.visible, (id, expected));
            let found = tokens::renew(recording, visible, of, &caller.scopes, expires_at)?;
            Reply::ok(
                found.token.version,
                &Token::one(recording.conn(), visible, &found, now)?,
            )
        })
        .await
}
