//! A token withdrawn for good.

use actix_web::{HttpResponse, post, web};
use qiaojian_shared::ids::TokenId;
use qiaojian_shared::store::tokens;

use super::wire::Token;
use crate::app::App;
use crate::auth::{Caller, needs};
use crate::extract::{Body, NoInput, Segment};
use crate::problem::{ApiError, Problem};
use crate::write::{Reply, Write};

/// Revokes a token. Every process refuses it, and the access tokens given for it, within a second. Revoking again changes nothing.
#[utoipa::path(
    tag = "tokens",
    security(("oauth" = ["token:admin"])),
    params(("id" = uuid::Uuid, Path, description = "The token"), ("If-Match" = Option<String>, Header, description = "Its ETag as read; honoured when given"), ("Idempotency-Key" = Option<String>, Header, description = "Same key and body: same answer for 24 h")),
    request_body(content = Option<NoInput>, description = "May be left out"),
    responses(
        (status = 200, description = "Revoked", body = Token),
        (status = 404, description = "None, or outside the caller's area", body = Problem),
        (status = 412, description = "Changed meanwhile", body = Problem)
    )
)]
#[post("/tokens/{id}/revoke")]
pub async fn revoke(
    app: web::Data<App>,
    caller: Caller<needs::TokenAdmin>,
    id: Segment<TokenId>,
    write: Write,
    body: Body<NoInput>,
) -> Result<HttpResponse, ApiError> {
    let (caller, id, now, expected) = (caller.principal(), id.0, app.now(), write.version());
    let reply = write
        .run(&app, &body.digest, move |recording| {
            let found = tokens::revoke(recording, &caller.visible, id, expected)?;
            Reply::ok(found.token.version, &Token::of(&found, now))
        })
        .await?;
    app.authority.revoke(id);
    Ok(reply)
}
