//! `/oauth/token` and `/oauth/revoke` (RFC 6749, RFC 7009): errors as those say, not as problem details.

pub mod revoke;
pub mod token;

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use qiaojian_shared::domain::token::TokenStatus;
use qiaojian_shared::ids::TokenId;
use qiaojian_shared::secrets::secret_matches;
use qiaojian_shared::store::tokens::{self, TokenInArea};

use crate::app::App;
use crate::problem::ApiError;

/// An error of RFC 6749 §5.2.
fn refuse(error: &'static str, description: &'static str) -> HttpResponse {
    let mut reply = match error {
        "invalid_client" => HttpResponse::Unauthorized(),
        _ => HttpResponse::BadRequest(),
    };
    if error == "invalid_client" {
        reply.insert_header((header::WWW_AUTHENTICATE, "Basic realm=\"qiaojian\""));
    }
    reply.json(serde_json::json!({ "error": error, "error_description": description }))
}

/// The credentials of a client: from the `Authorization: Basic` header, or from the form.
struct Credentials {
    id: String,
    secret: String,
}

fn credentials(request: &HttpRequest, form: (Option<String>, Option<String>)) -> Option<Credentials> {
    let basic = request
        .headers()
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Basic "));
    match (basic, form) {
        (Some(basic), _) => {
            let decoded = String::from_utf8(STANDARD.decode(basic.trim()).ok()?).ok()?;
            let (id, secret) = decoded.split_once(':')?;
            Some(Credentials {
                id: id.to_owned(),
                secret: secret.to_owned(),
            })
        }
        (None, (Some(id), Some(secret))) => Some(Credentials { id, secret }),
        _ => None,
    }
}

/// The token these credentials hold, if they do and it is in force.
async fn holder(app: &App, credentials: &Credentials) -> Result<Option<TokenInArea>, ApiError> {
    let Ok(id) = credentials.id.parse::<TokenId>() else {
        return Ok(None);
    };
    let found = app.read(move |conn| Ok(tokens::by_id(conn, id)?)).await?;
    let now = app.now();
    Ok(found.filter(|holder| {
        secret_matches(&credentials.secret, &holder.token.secret_hash)
            && holder.token.status == TokenStatus::Active
            && holder.token.expires_at > now
    }))
}
