//! Liveness, readiness, public keys and the OpenAPI document.

use actix_web::{HttpResponse, get, web};
use qiaojian_store::db::schema_is_current;
use qiaojian_store::worker_nodes;

use crate::app::App;
use crate::contract::Contract;
use crate::problem::ApiError;

/// Reports whether the process is running.
#[utoipa::path(tag = "service", security(()), responses((status = 200, description = "The process is running", body = String)))]
#[get("/healthz")]
pub async fn healthz() -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/plain; charset=utf-8")
        .body("ok\n")
}

/// Reports whether the service is ready to serve requests.
///
/// The service is ready if the database responds and has the schema this binary was built for, the clock is not in
/// doubt, and the disk is not full. If a worker is holding back, a second line gives the reason.
#[utoipa::path(tag = "service", security(()), responses(
    (status = 200, description = "The service is ready", body = String),
    (status = 503, description = "The service is not ready")
))]
#[get("/readyz")]
pub async fn readyz(app: web::Data<App>) -> Result<HttpResponse, ApiError> {
    app.unless_in_doubt()?;
    app.unless_full().await?;
    let (current, held) = app
        .read(|conn| Ok((schema_is_current(conn)?, worker_nodes::held(conn)?)))
        .await?;
    if !current {
        let cause = qiaojian_store::db::DbError::Unreachable(
            "the schema is older than this binary; run `qiaojian migrate`".to_owned(),
        );
        return Err(ApiError::unavailable(cause));
    }
    Ok(HttpResponse::Ok()
        .content_type("text/plain; charset=utf-8")
        .body(match held {
            None => "ready\n".to_owned(),
            Some(why) => format!("ready\na worker is paused: {why}\n"),
        }))
}

/// Returns the public keys that verify access tokens (RFC 7517).
#[utoipa::path(tag = "service", security(()), responses((status = 200, description = "A JWK set", body = serde_json::Value)))]
#[get("/.well-known/jwks.json")]
pub async fn jwks(app: web::Data<App>) -> HttpResponse {
    HttpResponse::Ok().json(app.authority.jwks())
}

/// Returns the OpenAPI document.
#[utoipa::path(tag = "service", security(()), responses((status = 200, description = "OpenAPI 3.1", body = serde_json::Value)))]
#[get("/openapi.json")]
pub async fn openapi(document: web::Data<Contract>) -> HttpResponse {
    HttpResponse::Ok()
        .content_type("application/json")
        .body(document.text())
}
