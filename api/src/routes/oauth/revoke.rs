//! A client gives up its own credentials.

use actix_web::{HttpRequest, HttpResponse, post, web};
use qiaojian_shared::store::{Actor, Recording, Subtree, tokens};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{credentials, holder, refuse};
use crate::app::App;
use crate::middleware::request_id;
use crate::problem::ApiError;

/// A revocation request (RFC 7009 §2.1). The client revokes itself, whatever `token` is sent: access tokens end with it.
#[derive(Debug, Deserialize, ToSchema)]
pub struct RevokeRequest {
    /// Accepted, not looked at.
    #[serde(rename = "token")]
    _token: Option<String>,
    client_id: Option<String>,
    #[schema(format = Password)]
    client_secret: Option<String>,
}

/// Revokes the client's own credentials and every access token given for them.
#[utoipa::path(
    tag = "oauth",
    security(("client" = []), ()),
    request_body(content = RevokeRequest, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "Revoked"),
        (status = 400, description = "RFC 6749 §5.2"),
        (status = 401, description = "RFC 6749 §5.2")
    )
)]
#[post("/oauth/revoke")]
pub async fn revoke(
    app: web::Data<App>,
    request: HttpRequest,
    form: Result<web::Form<RevokeRequest>, actix_web::Error>,
) -> Result<HttpResponse, ApiError> {
    let Ok(form) = form.map(web::Form::into_inner) else {
        return Ok(refuse(
            "invalid_request",
            "send application/x-www-form-urlencoded",
        ));
    };
    let Some(credentials) = credentials(&request, (form.client_id, form.client_secret)) else {
        return Ok(refuse(
            "invalid_client",
            "client_id and client_secret are missing",
        ));
    };
    let Some(holder) = holder(&app, &credentials).await? else {
        return Ok(refuse(
            "invalid_client",
            "the credentials are wrong, expired or revoked",
        ));
    };
    let id = holder.token.id;
    let actor = Actor {
        token: Some(id),
        request_id: request_id(&request),
    };
    app.db
        .write(move |tx| {
            let mut recording = Recording::begin(tx, &actor)?;
            tokens::revoke(&mut recording, &Subtree::everything(), id, None).map_err(ApiError::from)
        })
        .await?;
    app.authority.revoke(id);
    Ok(HttpResponse::Ok().finish())
}
