//! `/oauth/token` and `/oauth/revoke` (RFC 6749, RFC 7009). Errors have the format of these RFCs instead of problem
//! details.

pub mod revoke;
pub mod token;

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use qiaojian_domain::ids::TokenId;
use qiaojian_domain::token::TokenStatus;
use qiaojian_store::secrets::secret_matches;
use qiaojian_store::tokens::{self, TokenInArea};
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::problem::ApiError;

/// An error (RFC 6749 §5.2).
#[derive(Debug, Serialize, ToSchema)]
pub struct OAuthError {
    /// A stable identifier for programs.
    #[schema(example = "invalid_client")]
    error: &'static str,
    /// An English description for people.
    error_description: &'static str,
}

/// Returns an error reply (RFC 6749 §5.2).
fn refuse(error: &'static str, description: &'static str) -> HttpResponse {
    let mut reply = match error {
        "invalid_client" => HttpResponse::Unauthorized(),
        _ => HttpResponse::BadRequest(),
    };
    if error == "invalid_client" {
        reply.insert_header((header::WWW_AUTHENTICATE, "Basic realm=\"qiaojian\""));
    }
    reply.json(OAuthError {
        error,
        error_description: description,
    })
}

/// The error code (RFC 6749 §5.2) and description of a refusal.
struct Refusal(&'static str, &'static str);

impl Refusal {
    fn respond(self) -> HttpResponse {
        refuse(self.0, self.1)
    }
}

/// The credentials of a client, from the `Authorization: Basic` header or from the form.
struct Credentials {
    id: String,
    secret: String,
}

/// Returns the credentials in a request, or an error reply. RFC 6749 §2.3 allows only one way of sending them per
/// request.
fn credentials(
    request: &HttpRequest,
    form: (Option<String>, Option<String>),
) -> Result<Credentials, Refusal> {
    let missing = || {
        Refusal(
            "invalid_client",
            "client_id and client_secret are missing, or cannot be read",
        )
    };
    let basic = request
        .headers()
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("basic"))
        .map(|(_, value)| value.trim());
    match (basic, form) {
        (Some(_), (_, Some(_))) => Err(Refusal(
            "invalid_request",
            "send the credentials in the Authorization header or in the form, not both",
        )),
        (Some(basic), (named, None)) => {
            let decoded = STANDARD
                .decode(basic)
                .ok()
                .and_then(|bytes| String::from_utf8(bytes).ok());
            let decoded = decoded.as_deref().and_then(|text| text.split_once(':'));
            let (id, secret) = decoded.ok_or_else(missing)?;
            if named.is_some_and(|named| named != id) {
                return Err(Refusal(
                    "invalid_request",
                    "client_id differs from that in the Authorization header",
                ));
            }
            Ok(Credentials {
                id: id.to_owned(),
                secret: secret.to_owned(),
            })
        }
        (None, (Some(id), Some(secret))) => Ok(Credentials { id, secret }),
        _ => Err(missing()),
    }
}

/// Returns the active token with these credentials, or a refusal. Only a caller that knows the secret learns that the
/// token has expired.
async fn holder(app: &App, credentials: &Credentials) -> Result<Result<TokenInArea, Refusal>, ApiError> {
    let wrong = || Err(Refusal("invalid_client", "the credentials are wrong or revoked"));
    let Ok(id) = credentials.id.parse::<TokenId>() else {
        return Ok(wrong());
    };
    let found = app.read(move |conn| Ok(tokens::by_id(conn, id)?)).await?;
    let known = found.filter(|holder| {
        secret_matches(&credentials.secret, &holder.token.secret_hash)
            && holder.token.status == TokenStatus::Active
    });
    Ok(match known {
        None => wrong(),
        Some(holder) if holder.token.expires_at <= app.now() => Err(Refusal(
            "invalid_client",
            "the credentials have expired: an administrator can renew them (POST /v1/tokens/{id}/renew)",
        )),
        Some(holder) => Ok(holder),
    })
}
