//! The long-running parts and their shutdown: SIGTERM or SIGINT drains, and the process ends with exit code 0.

use std::io::ErrorKind;
use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use qiaojian_api::{App, Listening};
use qiaojian_store::composition;
use qiaojian_store::db::{AnyConnection, schema_is_current};
use qiaojian_store::guard::Comparing;
use qiaojian_store::secrets::SecretKey;
use qiaojian_worker::{Event, Order, Worker, WorkerConfig};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::settings::Parts;

/// Maximum number of HTTP threads per process. Two threads on one core would take turns, which slows both down.
const MOST_HTTP_THREADS: usize = 4;

fn http_threads() -> usize {
    std::thread::available_parallelism().map_or(1, |cores| cores.get().min(MOST_HTTP_THREADS))
}

/// Returns a token that is cancelled at the first SIGTERM or SIGINT. A second signal ends the process immediately.
pub fn stop_on_signals() -> anyhow::Result<CancellationToken> {
    let mut term = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;
    let stop = CancellationToken::new();
    let stopping = stop.clone();
    tokio::spawn(async move {
        tokio::select! { _ = term.recv() => {}, _ = interrupt.recv() => {} }
        stopping.cancel();
        tokio::select! { _ = term.recv() => {}, _ = interrupt.recv() => {} }
        std::process::exit(1);
    });
    Ok(stop)
}

/// Logs when a long-running process is asked to stop.
pub fn log_the_stop(stop: &CancellationToken) {
    let stop = stop.clone();
    tokio::spawn(async move {
        stop.cancelled().await;
        tracing::info!("Stopping: finishing the work in progress…");
    });
}

/// Runs a command that ends by itself. A signal interrupts it, which is a failure; `and_now` says what to do next.
pub async fn unless_interrupted(
    stop: &CancellationToken,
    and_now: &str,
    work: impl Future<Output = anyhow::Result<()>>,
) -> anyhow::Result<()> {
    stop.run_until_cancelled(work)
        .await
        .unwrap_or_else(|| Err(anyhow!("interrupted; {and_now}")))
}

/// Binds the address that the API listens on.
pub fn listen(address: &str) -> anyhow::Result<Listening> {
    qiaojian_api::listen(address).map_err(|error| {
        let why = match error.kind() {
            ErrorKind::AddrInUse => "Address already in use".to_owned(),
            _ => error.to_string(),
        };
        anyhow!("cannot listen on {address}: {why}; choose another with --listen")
    })
}

/// Prepares the REST service.
pub async fn app(parts: &Parts, secrets: &SecretKey, comparing: Comparing) -> anyhow::Result<App> {
    let started = App::start(
        parts.db.clone(),
        Arc::clone(&parts.clock),
        Arc::clone(&parts.entropy),
        secrets.clone(),
    )
    .await;
    match started {
        Ok(app) => {
            // Only the worker maintains the mark, because everything up to its mark must have been sent by it.
            let comparing = Comparing {
                mark: None,
                ..comparing
            };
            let app = app.comparing(comparing);
            app.compare_clocks().await;
            Ok(app)
        }
        Err(error) => {
            // Querying the database distinguishes an unavailable database, which is temporary, from all other reasons.
            parts.db.read(schema_is_current).await?;
            Err(anyhow!("the API cannot start: {error}"))
        }
    }
}

/// Runs the REST service until `stop`.
pub async fn api(app: App, listening: Listening, stop: CancellationToken) -> anyhow::Result<()> {
    let (done, finished) = tokio::sync::oneshot::channel();
    // The server has its own runtime, as actix-web requires.
    std::thread::Builder::new()
        .name("http".to_owned())
        .spawn(move || {
            let outcome = serve(&app, listening, stop);
            let _ = done.send(outcome);
        })
        .context("cannot start the HTTP thread")?;
    finished
        .await
        .context("the HTTP thread ended")?
        .context("the HTTP server failed")
}

fn serve(app: &App, listening: Listening, stop: CancellationToken) -> std::io::Result<()> {
    let system = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let local = tokio::task::LocalSet::new();
    system.block_on(local.run_until(async {
        let watcher = app.clone();
        tokio::task::spawn_local(async move { watcher.watch_revocations().await });
        let comparer = app.clone();
        tokio::task::spawn_local(async move { comparer.watch_clocks().await });
        let keeper = app.clone();
        tokio::task::spawn_local(async move { keeper.keep_figures().await });
        let server = qiaojian_api::serve(app, listening, http_threads())?;
        let handle = server.handle();
        tokio::task::spawn_local(async move {
            stop.cancelled().await;
            handle.stop(true).await;
        });
        server.await
    }))
}

/// Runs a worker until `stop`.
pub async fn worker(
    parts: &Parts,
    config: WorkerConfig,
    listener: impl Fn(Event) + Send + Sync + 'static,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let compose = |conn: &mut AnyConnection, order: &Order| {
        composition::compose(conn, &order.key, &order.recipients, order.today)
    };
    let worker = Worker::new(
        config,
        parts.db.clone(),
        Arc::clone(&parts.clock),
        Arc::clone(&parts.entropy),
        Arc::new(compose),
    )
    .context("the worker cannot start")?
    .with_listener(listener);
    qiaojian_worker::run(worker, stop)
        .await
        .context("the worker failed")
}
