//! The long-running parts, and how they stop: SIGTERM or SIGINT drains and ends with 0.

use std::sync::Arc;

use anyhow::Context as _;
use qiaojian_api::{App, Listening};
use qiaojian_shared::composition;
use qiaojian_shared::db::AnyConnection;
use qiaojian_shared::secrets::SecretKey;
use qiaojian_worker::{Event, Order, Worker, WorkerConfig};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::settings::Parts;

/// HTTP threads of one process.
const HTTP_THREADS: usize = 2;

/// Cancelled at the first SIGTERM or SIGINT. A second one ends the process at once.
pub fn stop_on_signals() -> anyhow::Result<CancellationToken> {
    let mut term = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;
    let stop = CancellationToken::new();
    let stopping = stop.clone();
    tokio::spawn(async move {
        tokio::select! { _ = term.recv() => {}, _ = interrupt.recv() => {} }
        tracing::info!("Stopping: finishing what is under way…");
        stopping.cancel();
        tokio::select! { _ = term.recv() => {}, _ = interrupt.recv() => {} }
        std::process::exit(1);
    });
    Ok(stop)
}

/// Runs the REST service until `stop`.
pub async fn api(
    parts: &Parts,
    secrets: SecretKey,
    listening: Listening,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let app = App::start(
        parts.db.clone(),
        Arc::clone(&parts.clock),
        Arc::clone(&parts.entropy),
        secrets,
    )
    .await
    .map_err(|error| anyhow::anyhow!("the API cannot start: {error}"))?;
    let (done, finished) = tokio::sync::oneshot::channel();
    // The server has a runtime of its own, as actix-web wants it.
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
        let server = qiaojian_api::serve(app, listening, HTTP_THREADS)?;
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
