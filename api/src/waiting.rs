//! The placeholder server that answers while the database is unavailable at startup. Every request gets a 503 with
//! `Retry-After`, so that callers and load balancers get a reply immediately, instead of waiting on a socket that
//! nobody serves.

use std::net::TcpListener;

use actix_web::dev::Server;
use actix_web::http::{KeepAlive, header};
use actix_web::middleware::from_fn;
use actix_web::{App as ActixApp, HttpRequest, HttpResponse, HttpServer, web};
use qiaojian_store::db::DbError;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use tracing_actix_web::TracingLogger;

use crate::middleware::{finish, request_id};
use crate::problem::{ApiError, Language};
use crate::request_log::RequestSpan;
use crate::server::{HEAD_TIMEOUT, Listening};

/// How long an idle client may delay the start of the service itself, in seconds.
const DRAIN_SECONDS: u64 = 1;

impl Listening {
    /// Answers on this socket in place of the service, on a separate thread, until `stop`. The receiver is notified
    /// when it has ended. The socket stays bound, and connections that arrive in the meantime are queued for the next
    /// server.
    ///
    /// # Errors
    /// Returns an error if the socket cannot be shared, or if no thread can be started.
    pub fn stand_in(
        &self,
        stop: CancellationToken,
    ) -> std::io::Result<oneshot::Receiver<std::io::Result<()>>> {
        let listener = self.listener.try_clone()?;
        let (done, ended) = oneshot::channel();
        std::thread::Builder::new()
            .name("http-waiting".to_owned())
            .spawn(move || {
                let _ = done.send(run(listener, stop));
            })?;
        Ok(ended)
    }
}

fn run(listener: TcpListener, stop: CancellationToken) -> std::io::Result<()> {
    let system = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let local = tokio::task::LocalSet::new();
    system.block_on(local.run_until(async {
        let server = serve(listener)?;
        let handle = server.handle();
        tokio::task::spawn_local(async move {
            stop.cancelled().await;
            handle.stop(true).await;
        });
        server.await
    }))
}

fn serve(listener: TcpListener) -> std::io::Result<Server> {
    let server = HttpServer::new(|| {
        ActixApp::new()
            .route("/healthz", web::get().to(healthz))
            .default_service(web::to(away))
            .wrap(from_fn(finish))
            .wrap(TracingLogger::<RequestSpan>::new())
    })
    .workers(1)
    // A kept-alive connection would keep sending its requests to the placeholder.
    .keep_alive(KeepAlive::Disabled)
    .client_request_timeout(HEAD_TIMEOUT)
    .shutdown_timeout(DRAIN_SECONDS)
    .disable_signals()
    .listen(listener)?;
    Ok(server.run())
}

/// Reports that the process is running.
async fn healthz() -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/plain; charset=utf-8")
        .body("ok\n")
}

/// Reports that the database is unavailable. It is a reply and not an error, so that it is logged once and not for
/// every request.
async fn away(request: HttpRequest) -> HttpResponse {
    let language = Language::of(request.headers().get(header::ACCEPT_LANGUAGE));
    let cause = DbError::Unreachable("it is unavailable at startup".to_owned());
    ApiError::unavailable(cause).respond(language, &request_id(&request))
}

#[cfg(test)]
mod tests {
    use actix_web::http::StatusCode;
    use actix_web::test::{TestRequest, call_service, init_service};

    use super::*;

    #[actix_web::test]
    async fn everything_but_healthz_is_told_to_come_back() {
        let app = init_service(
            ActixApp::new()
                .route("/healthz", web::get().to(healthz))
                .default_service(web::to(away)),
        )
        .await;
        for (request, status) in [
            (TestRequest::get().uri("/healthz"), StatusCode::OK),
            (TestRequest::get().uri("/readyz"), StatusCode::SERVICE_UNAVAILABLE),
            (
                TestRequest::post().uri("/v1/tokens"),
                StatusCode::SERVICE_UNAVAILABLE,
            ),
        ] {
            let reply = call_service(&app, request.to_request()).await;
            assert_eq!(reply.status(), status);
            let come_back = reply.headers().contains_key(header::RETRY_AFTER);
            assert_eq!(come_back, status == StatusCode::SERVICE_UNAVAILABLE);
        }
    }
}
