//! Middleware around every handler: authentication, the language of errors, and the headers of every reply.

use std::sync::Arc;

use actix_web::body::{BodySize, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage as _, HttpRequest, web};
use qiaojian_store::db::{Share, as_share};
use tracing_actix_web::RequestId;

use crate::app::App;
use crate::auth::Principal;
use crate::contract::Contract;
use crate::problem::{ApiError, Language};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Headers sent with every reply (OWASP secure headers). Pages set their own, stricter policy.
pub(crate) const SECURITY_HEADERS: &[(HeaderName, &str)] = &[
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CACHE_CONTROL, "no-store"),
    (header::STRICT_TRANSPORT_SECURITY, "max-age=31536000"),
];

/// Content security policy of a reply that is not a page: it may load nothing.
const DATA_POLICY: &str = "default-src 'none'; frame-ancestors 'none'";
/// Content security policy of the API documentation pages: they may load their own files. The vendored page sets its
/// styles inline.
const DOCS_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'";

/// Returns the request's id as it appears in the log.
pub fn request_id(request: &HttpRequest) -> String {
    request
        .extensions()
        .get::<RequestId>()
        .map(ToString::to_string)
        .unwrap_or_default()
}

/// The outermost layer. Renders errors in the caller's language with the request's id, and adds the headers of every
/// reply.
pub async fn finish(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let language = Language::of(request.headers().get(header::ACCEPT_LANGUAGE));
    let id = request_id(request.request());
    let policy = if request.path().starts_with("/docs/") {
        DOCS_POLICY
    } else {
        DATA_POLICY
    };
    let reply = next.call(request).await?.map_into_boxed_body();
    let problem = reply
        .response()
        .error()
        .and_then(|error| error.as_error::<ApiError>())
        .map(|error| {
            error.log(reply.request().method().as_str(), reply.request().path(), &id);
            error.respond(language, &id)
        })
        .or_else(|| is_silent(&reply).then(|| ApiError::no_such_route().respond(language, &id)));
    log_answer(reply.request(), reply.status(), &id);
    let mut reply = match problem {
        Some(problem) => reply.into_response(problem),
        None => reply,
    };
    let headers = reply.headers_mut();
    for (name, value) in SECURITY_HEADERS
        .iter()
        .chain([&(header::CONTENT_SECURITY_POLICY, policy)])
    {
        if !headers.contains_key(name) {
            headers.insert(name.clone(), HeaderValue::from_static(value));
        }
    }
    if let Ok(value) = HeaderValue::from_str(&id) {
        headers.insert(REQUEST_ID, value);
    }
    Ok(reply)
}

/// Whether the reply is a 404 without a body, as sent by the documentation pages.
fn is_silent(reply: &ServiceResponse<impl MessageBody>) -> bool {
    let has_no_body = matches!(
        reply.response().body().size(),
        BodySize::None | BodySize::Sized(0)
    );
    reply.status() == StatusCode::NOT_FOUND && has_no_body
}

/// Logs one line for each write and each refusal. Successful reads are not logged, and internal errors are not logged
/// twice (`ApiError::log`).
fn log_answer(request: &HttpRequest, status: StatusCode, request_id: &str) {
    let is_read = request.method().is_safe();
    if status.is_server_error() || (is_read && status.is_success()) {
        return;
    }
    let (method, path) = (request.method().as_str(), request.path());
    tracing::info!(request_id, method, path, status = status.as_u16(), "Answered.");
}

/// The gate of `/v1`. No request passes without a verified token, even if a handler forgets to check, or with query
/// parameters that its operation does not take.
pub async fn authenticate(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    match principal_of(&request).await {
        Ok(principal) => {
            let share = share_of(&principal);
            request.extensions_mut().insert(principal);
            if let Err(error) = Contract::refuse_undeclared_query(&request) {
                return Ok(request.error_response(error).map_into_boxed_body());
            }
            // Slow requests of one caller wait for each other, so that they do not delay other callers.
            Ok(as_share(share, next.call(request)).await?.map_into_boxed_body())
        }
        Err(error) => Ok(request.error_response(error).map_into_boxed_body()),
    }
}

/// Returns the share of the slow lane that a caller's requests are assigned to.
pub fn share_of(caller: &Principal) -> Share {
    caller.token.0.as_u128()
}

async fn principal_of(request: &ServiceRequest) -> Result<Arc<Principal>, ApiError> {
    let app = request
        .app_data::<web::Data<App>>()
        .ok_or_else(ApiError::no_such_route)?;
    let bearer = request
        .headers()
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| token.trim())
        .ok_or_else(ApiError::token_missing)?;
    app.authority.principal(&app.db, app.now(), bearer).await
}
