//! Issuing an access token for a client's credentials.

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, post, web};
use qiaojian_domain::access::{read_scopes, write_scopes};
use qiaojian_domain::ids::new_uuid;
use qiaojian_store::tokens;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{OAuthError, credentials, holder, refuse};
use crate::app::App;
use crate::auth::ACCESS_TOKEN_SECONDS;
use crate::problem::ApiError;

/// A token request (RFC 6749 §4.4.2).
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"grant_type": "client_credentials", "client_id": "0190a000-0000-7000-8000-000000000000", "client_secret": "…"}))]
pub struct TokenRequest {
    /// `client_credentials`.
    grant_type: Option<String>,
    client_id: Option<String>,
    #[schema(format = Password)]
    client_secret: Option<String>,
    /// Space-separated. Defaults to all scopes of the client.
    scope: Option<String>,
}

/// An access token (RFC 6749 §5.1).
#[derive(Debug, Serialize, ToSchema)]
pub struct TokenReply {
    /// A JWT signed with EdDSA.
    access_token: String,
    token_type: &'static str,
    /// In seconds.
    expires_in: i64,
    scope: String,
}

/// Issues an access token that is valid for 15 minutes.
///
/// The client's credentials are sent in the form or as HTTP Basic.
#[utoipa::path(
    tag = "oauth",
    security(("client" = []), ()),
    request_body(content = TokenRequest, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "An access token", body = TokenReply),
        (status = 400, description = "The request is malformed, or requests a scope that the client does not have", body = OAuthError),
        (status = 401, description = "The credentials are missing, wrong, expired or revoked", body = OAuthError)
    )
)]
#[post("/oauth/token")]
pub async fn token(
    app: web::Data<App>,
    request: HttpRequest,
    form: Result<web::Form<TokenRequest>, actix_web::Error>,
) -> Result<HttpResponse, ApiError> {
    let Ok(form) = form.map(web::Form::into_inner) else {
        return Ok(refuse(
            "invalid_request",
            "send application/x-www-form-urlencoded",
        ));
    };
    match form.grant_type.as_deref() {
        Some("client_credentials") => {}
        Some(_) => {
            return Ok(refuse(
                "unsupported_grant_type",
                "grant_type must be client_credentials",
            ));
        }
        None => return Ok(refuse("invalid_request", "grant_type is missing")),
    }
    let credentials = match credentials(&request, (form.client_id, form.client_secret)) {
        Ok(credentials) => credentials,
        Err(refusal) => return Ok(refusal.respond()),
    };
    let holder = match holder(&app, &credentials).await? {
        Ok(holder) => holder,
        Err(refusal) => return Ok(refusal.respond()),
    };
    let held = read_scopes(&holder.token.scopes).map_err(|error| ApiError::internal(&error))?;
    let scopes = match form.scope.as_deref().map(read_scopes) {
        None => held,
        Some(Ok(asked)) if asked.is_subset(&held) => asked,
        Some(_) => {
            return Ok(refuse(
                "invalid_scope",
                "a scope is unknown, or the client does not have it",
            ));
        }
    };
    let now = app.now();
    let access_token = app.authority.issue(
        &holder,
        &scopes,
        now,
        new_uuid(app.clock.as_ref(), app.entropy.as_ref()),
    )?;
    let id = holder.token.id;
    app.db
        .write(move |tx| tokens::touch(tx.conn, id, now).map_err(ApiError::from))
        .await?;
    let expires_in = ACCESS_TOKEN_SECONDS.min(holder.token.expires_at.unix_seconds() - now.unix_seconds());
    let reply = TokenReply {
        access_token,
        token_type: "Bearer",
        expires_in,
        scope: write_scopes(&scopes),
    };
    Ok(HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(reply))
}
