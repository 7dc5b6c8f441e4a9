//! The HTTP server.

mod bare;

use std::future::ready;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use actix_http::{HttpService, Request, Response};
use actix_service::{
    IntoServiceFactory, Service, ServiceFactory, ServiceFactoryExt as _, fn_service, map_config,
};
use actix_web::body::MessageBody;
use actix_web::dev::{AppConfig, Server};
use actix_web::middleware::{Compress, from_fn};
use actix_web::rt::net::TcpStream;
use actix_web::web::Redirect;
use actix_web::{App as ActixApp, web};
use qiaojian_domain::ids::new_uuid;
use tracing_actix_web::TracingLogger;
use utoipa_actix_web::AppExt as _;
use utoipa_swagger_ui::{Config, SwaggerUi};

use bare::{NewId, Worded};

use crate::app::App;
use crate::contract::Contract;
use crate::middleware::finish;
use crate::problem::ApiError;
use crate::request_log::RequestSpan;
use crate::{openapi, routes};

/// How long a client may leave a reply unread before its connection is closed and its request is dropped.
const UNREAD_TIMEOUT: Duration = Duration::from_secs(20);
/// Number of open files reserved for the database, logs and documents. The rest of the system's limit may be used for
/// connections.
const RESERVED_FILES: u64 = 128;
/// Maximum number of connections, whatever the system allows, because each may hold a reply in memory.
const MAX_CONNECTIONS: u64 = 10_000;
/// Minimum number of connections, even if the system's limit is lower.
const MIN_CONNECTIONS: u64 = 32;

/// How long requests may take to finish after SIGTERM, in seconds.
const DRAIN_SECONDS: u64 = 25;
/// Maximum time for a client to send the request head.
pub(crate) const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// Maximum time for a connection to close.
const LINGER: Duration = Duration::from_secs(1);

/// A bound socket, so that the port is known before the server runs.
pub struct Listening {
    pub(crate) listener: TcpListener,
}

/// Binds `address`.
///
/// # Errors
/// Returns an error if the address cannot be bound.
pub fn listen(address: &str) -> std::io::Result<Listening> {
    let listener = TcpListener::bind(address)?;
    // Each connection inherits the timeout. A client that does not read fills its window, and the kernel then drops the
    // connection.
    #[cfg(target_os = "linux")]
    socket2::SockRef::from(&listener).set_tcp_user_timeout(Some(UNREAD_TIMEOUT))?;
    Ok(Listening { listener })
}

/// Returns the maximum number of connections per HTTP thread, so that enough files remain for everything else.
fn max_connections(threads: usize) -> usize {
    let allowed = rlimit::increase_nofile_limit(MAX_CONNECTIONS + RESERVED_FILES).unwrap_or(RESERVED_FILES);
    let connections = allowed
        .saturating_sub(RESERVED_FILES)
        .clamp(MIN_CONNECTIONS, MAX_CONNECTIONS);
    usize::try_from(connections).unwrap_or(usize::MAX) / threads.max(1)
}

impl Listening {
    /// Returns the bound address with its port.
    ///
    /// # Errors
    /// Returns an error if the system does not report the address.
    pub fn address(&self) -> std::io::Result<std::net::SocketAddr> {
        self.listener.local_addr()
    }
}

/// Starts the server on `listening` with `workers` threads. It is stopped by its handle, not by signals, which the
/// process handles.
///
/// # Errors
/// Returns an error if the socket cannot be served.
pub fn serve(app: &App, listening: Listening, workers: usize) -> std::io::Result<Server> {
    let app = app.clone();
    let contract = web::Data::new(Contract::of(&openapi::document()));
    let (clock, entropy) = (Arc::clone(&app.clock), Arc::clone(&app.entropy));
    let new_id: NewId = Arc::new(move || new_uuid(clock.as_ref(), entropy.as_ref()).to_string());
    let service = move || {
        ActixApp::new()
            .into_utoipa_app()
            .app_data(web::Data::new(app.clone()))
            .app_data(contract.clone())
            .configure(routes::configure)
            .into_app()
            .service(SwaggerUi::new("/docs/{_:.*}").config(swagger()))
            .route("/docs", web::get().to(async || Redirect::to("/docs/")))
            .default_service(web::to(async || {
                Err::<actix_web::HttpResponse, _>(ApiError::no_such_route())
            }))
            .wrap(Compress::default())
            .wrap(from_fn(finish))
            .wrap(TracingLogger::<RequestSpan>::new())
    };
    run(listening, workers, service, new_id)
}

/// Runs actix-web's own server, with [`Worded`] connections.
fn run<F, I, S, B>(listening: Listening, workers: usize, service: F, new_id: NewId) -> std::io::Result<Server>
where
    F: Fn() -> I + Send + Clone + 'static,
    I: IntoServiceFactory<S, Request>,
    S: ServiceFactory<Request, Config = AppConfig, Error = actix_web::Error> + 'static,
    S::InitError: std::fmt::Debug,
    S::Response: Into<Response<B>> + 'static,
    S::Service: 'static,
    <S::Service as Service<Request>>::Future: 'static,
    B: MessageBody + 'static,
{
    let address = listening.address()?;
    let builder = Server::build()
        .workers(workers)
        .max_concurrent_connections(max_connections(workers))
        .shutdown_timeout(DRAIN_SECONDS)
        .disable_signals();
    let stopping = builder.graceful_shutdown_signal();
    let builder = builder.listen("http", listening.listener, move || {
        let (new_id, stopping) = (Arc::clone(&new_id), stopping.clone());
        let worded = fn_service(move |stream: TcpStream| {
            let peer = stream.peer_addr().ok();
            ready(Ok::<_, actix_http::error::DispatchError>((
                Worded::new(stream, Arc::clone(&new_id)),
                peer,
            )))
        });
        let service = service().into_factory().map_err(|error| error.error_response());
        let http = HttpService::build()
            .graceful_shutdown_signal(move || {
                let stopping = stopping.clone();
                async move { stopping.notified().await }
            })
            .client_request_timeout(HEAD_TIMEOUT)
            .client_disconnect_timeout(LINGER)
            // A client that closes its side expects no reply, so its pending request is dropped.
            .h1_allow_half_closed(false)
            .local_addr(address)
            .h1(map_config(service, |()| AppConfig::default()));
        worded.and_then(http)
    })?;
    Ok(builder.run())
}

/// The documentation page shows the document that this binary serves. Nothing is fetched from elsewhere, and no
/// validator is called.
fn swagger() -> Config<'static> {
    Config::from("/openapi.json")
        .validator_url("none")
        .use_base_layout()
        .display_request_duration(true)
}
