//! What a worker does beside its passes: it says that it lives, forgets what nobody needs, notes what was reached, and looks at the clocks. A pass may
//! take long, and must not make a live worker look dead.

use std::future::Future;
use std::time::Duration;

use chrono::TimeDelta;
use qiaojian_domain::clock::UtcTime;
use qiaojian_store::db::DatabaseUrl;
use qiaojian_store::worker_nodes::{self, WorkerNodeRow};
use qiaojian_store::{StoreResult, deliveries};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::worker::Worker;

/// How often the node's row is renewed.
const HEARTBEAT: Duration = Duration::from_secs(5);
/// A node that has been silent for this long is forgotten.
const FORGET_AFTER: TimeDelta = TimeDelta::days(7);
/// How often the worker looks for remembered answers to forget.
const FORGET_EVERY: Duration = Duration::from_secs(600);
/// How often the worker looks for milestones to note.
const NOTE_EVERY: Duration = Duration::from_secs(60);
/// No step of the housekeeping takes longer, whatever the database does.
const LONGEST_STEP: Duration = Duration::from_secs(10);
/// Half the grace that others give our leases ([`deliveries::LEASE_GRACE`]): a difference to be mended before it does harm.
const TOLERATED_SKEW: TimeDelta = TimeDelta::seconds(30);

impl Worker {
    /// How far the database's clock is ahead of ours, behind if negative. `None`: the embedded database has no clock of its own.
    ///
    /// # Errors
    /// The database's.
    pub async fn clock_skew(&self) -> StoreResult<Option<TimeDelta>> {
        let db = &self.inner.db;
        if !matches!(db.url(), DatabaseUrl::Postgres(_)) {
            return Ok(None);
        }
        let theirs: StoreResult<UtcTime> = db.read(|conn| Ok(deliveries::server_clock(conn)?)).await;
        Ok(Some(theirs?.as_chrono() - self.inner.clock.now().as_chrono()))
    }
}

/// Keeps house until `done`, which comes when the last pass is over. While the worker is asked to `stop` and still sending, it
/// goes on saying that it lives, and that it takes nothing new.
pub(crate) async fn keep_house(worker: Worker, stop: CancellationToken, done: CancellationToken) {
    bounded(&done, note_skew(&worker)).await;
    let mut forgot_at: Option<Instant> = None;
    loop {
        let draining = stop.is_cancelled();
        bounded(&done, beat(&worker, draining)).await;
        let in_doubt = worker.inner.guard.doubt(worker.inner.clock.as_ref()).is_some();
        if !draining && !in_doubt && forgot_at.is_none_or(|at| at.elapsed() >= FORGET_EVERY) {
            forgot_at = Some(Instant::now());
            while bounded(&stop, forget(&worker)).await.unwrap_or(false) {}
            while bounded(&stop, freeze_texts(&worker)).await.unwrap_or(false) {}
        }
        tokio::select! {
            () = sleep(HEARTBEAT) => {}
            () = stop.cancelled(), if !draining => {}
            () = done.cancelled() => return,
        }
    }
}

/// Notes what was reached until `stop`. On its own, because a look at a large province takes longer than a step of the housekeeping may.
pub(crate) async fn keep_noting(worker: Worker, stop: CancellationToken) {
    let look = async {
        loop {
            if worker.inner.guard.doubt(worker.inner.clock.as_ref()).is_none() {
                while note(&worker).await {}
            }
            sleep(NOTE_EVERY).await;
        }
    };
    tokio::select! {
        () = look => {}
        () = stop.cancelled() => {}
    }
}

/// A step of the housekeeping, for as long as one may take, and not beyond `end`. `None`: it was left unfinished.
async fn bounded<T>(end: &CancellationToken, step: impl Future<Output = T>) -> Option<T> {
    let ended = tokio::select! {
        ended = timeout(LONGEST_STEP, step) => ended,
        () = end.cancelled() => return None,
    };
    if ended.is_err() {
        tracing::warn!("The database does not answer the worker's housekeeping.");
    }
    ended.ok()
}

async fn note_skew(worker: &Worker) {
    match worker.clock_skew().await {
        Ok(Some(skew)) if skew.abs() > TOLERATED_SKEW => tracing::warn!(
            seconds = skew.num_seconds(),
            "The database's clock is ahead of this machine's by so much (behind if negative). Leases bear a minute; set both by NTP."
        ),
        Ok(_) => {}
        Err(error) => tracing::debug!(%error, "The database's clock could not be read."),
    }
}

/// Says that the node is alive, and whether it still takes work.
pub(crate) async fn beat(worker: &Worker, draining: bool) {
    let inner = &worker.inner;
    let now: UtcTime = inner.clock.now();
    let row = WorkerNodeRow {
        id: inner.node,
        started_at: inner.started_at,
        heartbeat_at: now,
        draining,
        status: serde_json::to_string(&worker.status()).unwrap_or_else(|_| "{}".to_owned()),
    };
    let beaten: StoreResult<()> = inner
        .db
        .write(move |tx| {
            worker_nodes::forget_silent(tx.conn, now.plus(-FORGET_AFTER))?;
            Ok(worker_nodes::beat(tx.conn, &row)?)
        })
        .await;
    if let Err(error) = beaten {
        tracing::warn!(%error, "The worker's heartbeat could not be written.");
    }
}

/// Whether there is more to forget. A failure waits for its next turn: nothing depends on it.
async fn forget(worker: &Worker) -> bool {
    worker.forget().await.unwrap_or_else(|error| {
        tracing::warn!(%error, "Expired answers could not be forgotten.");
        false
    })
}

/// Whether there are more texts to freeze. A failure waits for its next turn: until then they are rendered when asked for.
async fn freeze_texts(worker: &Worker) -> bool {
    worker.freeze_texts().await.unwrap_or_else(|error| {
        tracing::warn!(%error, "Texts of earlier notices could not be frozen.");
        false
    })
}

/// Whether there is more to note. A failure waits for its next turn: what was reached is computed when it is asked for.
async fn note(worker: &Worker) -> bool {
    match worker.note_milestones().await {
        Ok(noted) => {
            if noted.milestones > 0 {
                tracing::info!(noted.milestones, "Noted what was reached.");
            }
            noted.more
        }
        Err(error) => {
            tracing::warn!(%error, "Milestones could not be noted.");
            false
        }
    }
}
