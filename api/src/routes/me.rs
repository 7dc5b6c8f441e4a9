//! `GET /v1/me`: what every client may know about itself.

use actix_web::{HttpResponse, get, web};
use qiaojian_domain::access::{Post, Role, Scope};
use qiaojian_domain::clock::UtcTime;
use qiaojian_domain::ids::TokenId;
use qiaojian_store::{areas, tokens};
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::auth::AnyCaller;
use crate::problem::ApiError;

/// The calling client.
#[derive(Debug, Serialize, ToSchema)]
pub struct Me {
    client_id: TokenId,
    label: String,
    /// The code of the area that the client is bound to.
    area: String,
    area_name: String,
    post: Post,
    role: Role,
    /// The scopes of this access token.
    scopes: Vec<Scope>,
    /// The scopes that the client may request.
    client_scopes: Vec<String>,
    /// When the client's credentials expire, unless an administrator renews them.
    expires_at: UtcTime,
    /// When this access token expires.
    access_expires_at: UtcTime,
}

/// Returns the caller's area, post, scopes and the expiry of its credentials.
#[utoipa::path(
    tag = "tokens",
    security(("oauth" = [])),
    responses((status = 200, description = "The caller", body = Me))
)]
#[get("/me")]
pub async fn me(app: web::Data<App>, caller: AnyCaller) -> Result<HttpResponse, ApiError> {
    let caller = caller.0;
    let me = app
        .read(move |conn| {
            let found = tokens::by_id(conn, caller.token)?.ok_or_else(ApiError::token_unknown)?;
            let area = areas::find(conn, &caller.visible, &found.area_code)?;
            Ok(Me {
                client_id: found.token.id,
                label: found.token.label,
                area: area.code,
                area_name: area.name,
                post: found.token.post,
                role: found.token.role,
                scopes: caller.scopes.iter().copied().collect(),
                client_scopes: found.token.scopes.split(' ').map(str::to_owned).collect(),
                expires_at: found.token.expires_at,
                access_expires_at: caller.expires_at,
            })
        })
        .await?;
    Ok(HttpResponse::Ok().json(me))
}
