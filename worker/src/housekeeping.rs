//! What a worker does besides its passes: it sends heartbeats, purges expired rows, records milestones and checks clock
//! skew. It is separate because a pass may take long, and must not make a live worker look dead.

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

/// Interval between heartbeats.
const HEARTBEAT: Duration = Duration::from_secs(5);
/// A node without a heartbeat for this long is removed.
const FORGET_AFTER: TimeDelta = TimeDelta::days(7);
/// Interval between purges of expired stored replies.
const FORGET_EVERY: Duration = Duration::from_secs(600);
/// Interval between checks for new milestones.
const NOTE_EVERY: Duration = Duration::from_secs(60);
/// Time limit of a housekeeping step, whatever the database does.
const LONGEST_STEP: Duration = Duration::from_secs(10);
/// Half the grace period of our leases ([`deliveries::LEASE_GRACE`]), so that a clock skew can be fixed before it does
/// harm.
const TOLERATED_SKEW: TimeDelta = TimeDelta::seconds(30);

impl Worker {
    /// Returns how far the database's clock is ahead of ours; negative if it is behind. `None` for the embedded
    /// database, which has no clock of its own.
    ///
    /// # Errors
    /// Returns an error if the database fails.
    pub async fn clock_skew(&self) -> StoreResult<Option<TimeDelta>> {
        let db = &self.inner.db;
        if !matches!(db.url(), DatabaseUrl::Postgres(_)) {
            return Ok(None);
        }
        let theirs: StoreResult<UtcTime> = db.read(|conn| Ok(deliveries::server_clock(conn)?)).await;
        Ok(Some(theirs?.as_chrono() - self.inner.clock.now().as_chrono()))
    }
}

/// Runs the housekeeping until `done`, which is cancelled after the last pass. While the worker is asked to `stop` but
/// still sending, the heartbeat continues and says that it takes no new work.
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

/// Records milestones until `stop`. It runs separately, because checking a large province takes longer than a
/// housekeeping step may.
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

/// Runs a housekeeping step with its time limit, and no longer than until `end`. Returns `None` if it did not finish.
async fn bounded<T>(end: &CancellationToken, step: impl Future<Output = T>) -> Option<T> {
    let ended = tokio::select! {
        ended = timeout(LONGEST_STEP, step) => ended,
        () = end.cancelled() => return None,
    };
    if ended.is_err() {
        tracing::warn!("The database does not respond to the worker's housekeeping.");
    }
    ended.ok()
}

async fn note_skew(worker: &Worker) {
    match worker.clock_skew().await {
        Ok(Some(skew)) if skew.abs() > TOLERATED_SKEW => tracing::warn!(
            seconds = skew.num_seconds(),
            "The database's clock is ahead of this machine's by this amount (behind if negative). Leases tolerate one minute; synchronize \
             both by NTP."
        ),
        Ok(_) => {}
        Err(error) => tracing::debug!(%error, "The database's clock could not be read."),
    }
}

/// Writes the node's heartbeat, and whether it still takes work.
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

/// Purges expired replies. Returns whether there are more. A failure is retried at the next interval, because nothing
/// depends on it.
async fn forget(worker: &Worker) -> bool {
    worker.forget().await.unwrap_or_else(|error| {
        tracing::warn!(%error, "Expired responses could not be deleted.");
        false
    })
}

/// Freezes missing texts. Returns whether there are more. A failure is retried at the next interval; until then, texts
/// are rendered on request.
async fn freeze_texts(worker: &Worker) -> bool {
    worker.freeze_texts().await.unwrap_or_else(|error| {
        tracing::warn!(%error, "Texts of earlier notices could not be frozen.");
        false
    })
}

/// Records milestones. Returns whether there are more. A failure is retried at the next interval; until then,
/// milestones are computed on request.
async fn note(worker: &Worker) -> bool {
    match worker.note_milestones().await {
        Ok(noted) => {
            if noted.milestones > 0 {
                tracing::info!(noted.milestones, "Recorded milestones.");
            }
            noted.more
        }
        Err(error) => {
            tracing::warn!(%error, "Milestones could not be recorded.");
            false
        }
    }
}
