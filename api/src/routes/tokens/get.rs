//! Reading one token.

use actix_web::{HttpResponse, get, web};
use qiaojian_domain::ids::TokenId;
use qiaojian_store::tokens;

use super::wire::Token;
use crate::app::App;
use crate::auth::{Caller, needs};
use crate::extract::Segment;
use crate::problem::ApiError;
use crate::write::show;

/// Returns a token in the caller's subtree, without its secret.
#[utoipa::path(
    tag = "tokens",
    security(("oauth" = ["token:admin"])),
    params(("id" = uuid::Uuid, Path, description = "The token")),
    responses((status = 200, description = "The token", body = Token))
)]
#[get("/tokens/{id}")]
pub async fn get(
    app: web::Data<App>,
    caller: Caller<needs::TokenAdmin>,
    id: Segment<TokenId>,
) -> Result<HttpResponse, ApiError> {
    let (caller, now) = (caller.principal(), app.now());
    let token = app
        .read(move |conn| {
            let found = tokens::find(conn, &caller.visible, id.0)?;
            Token::one(conn, &caller.visible, &found, now)
        })
        .await?;
    Ok(show(token.version, &token))
}
