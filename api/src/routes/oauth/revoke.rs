//! Revocation of an access token or of a client's own credentials.

use actix_web::{HttpRequest, HttpResponse, post, web};
use qiaojian_store::{Actor, Recording, Subtree, tokens};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{OAuthError, credentials, holder, refuse};
use crate::app::App;
use crate::middleware::request_id;
use crate::problem::ApiError;

/// A revocation request (RFC 7009 §2.1).
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"token": "…", "client_id": "0190a000-0000-7000-8000-000000000000", "client_secret": "…"}))]
pub struct RevokeRequest {
    /// An access token of the client, of which only that token is revoked; or the client's secret, with which the
    /// client and all its access tokens are revoked.
    token: Option<String>,
    client_id: Option<String>,
    #[schema(format = Password)]
    client_secret: Option<String>,
}

/// Revokes an access token of the client, or the client itself if `token` is its secret.
///
/// An unknown token changes nothing (RFC 7009 §2.2).
#[utoipa::path(
    tag = "oauth",
    security(("client" = []), ()),
    request_body(content = RevokeRequest, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "Revoked"),
        (status = 400, description = "The request is malformed, or requests a scope that the client does not have", body = OAuthError),
        (status = 401, description = "The credentials are missing, wrong, expired or revoked", body = OAuthError)
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
    let credentials = match credentials(&request, (form.client_id, form.client_secret)) {
        Ok(credentials) => credentials,
        Err(refusal) => return Ok(refusal.respond()),
    };
    let holder = match holder(&app, &credentials).await? {
        Ok(holder) => holder,
        Err(refusal) => return Ok(refusal.respond()),
    };
    let Some(token) = form.token else {
        return Ok(refuse(
            "invalid_request",
            "token is missing; send an access token, or the client secret to revoke the client",
        ));
    };
    let id = holder.token.id;
    let gives_up_client = token == credentials.secret;
    let access = app
        .authority
        .read_access(&token)
        .filter(|(client, ..)| *client == id);
    if !gives_up_client && access.is_none() {
        return Ok(HttpResponse::Ok().finish());
    }
    let actor = Actor {
        token: Some(id),
        request_id: request_id(&request),
    };
    app.db
        .write(move |tx| {
            let mut recording = Recording::begin(tx, &actor)?;
            match access {
                Some((client, access, ends)) if !gives_up_client => {
                    tokens::revoke_access(&mut recording, access, client, ends)
                }
                _ => tokens::revoke(&mut recording, &Subtree::everything(), id, None).map(drop),
            }
            .map_err(ApiError::from)
        })
        .await?;
    if gives_up_client {
        app.authority.revoke(id);
    } else {
        app.authority.forget_access();
    }
    Ok(HttpResponse::Ok().finish())
}
