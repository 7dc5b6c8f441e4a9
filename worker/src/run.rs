//! The supervised main loop. It does the work; the timer and the ledger wake it, and otherwise it polls.

use std::time::Duration;

use qiaojian_domain::delivery::Channel;
use qiaojian_store::{StoreResult, deliveries, ledger, schedules};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::error::PassError;
use crate::housekeeping::{beat, keep_house, keep_noting};
use crate::timer::Timer;
use crate::worker::Worker;

/// First and longest pause after a failed pass.
const FIRST_BACK_OFF: Duration = Duration::from_millis(200);
const LONGEST_BACK_OFF: Duration = Duration::from_secs(30);
/// Time limit of the final writes to the database when the worker stops.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Runs the worker until `stop` is cancelled. Then nothing new is claimed, claimed deliveries are released, and sends
/// in progress may finish for as long as the configuration allows.
///
/// # Errors
/// Returns an error only if a test made the worker die. Other failures are logged, shown in the status, and retried.
pub async fn run(worker: Worker, stop: CancellationToken) -> Result<(), PassError> {
    if !worker.inner.channels().contains(&Channel::Email) {
        tracing::warn!(
            "No mail server is configured (QIAOJIAN_SMTP_URL): notices by email wait in the queue."
        );
    }
    let done = CancellationToken::new();
    let house = tokio::spawn(keep_house(worker.clone(), stop.clone(), done.clone()));
    let noting = tokio::spawn(keep_noting(worker.clone(), stop.clone()));
    let watching = tokio::spawn(watch_ledger(worker.clone(), stop.clone()));
    let mut timer = Timer::start(worker.waker()).await;
    let ended = passes(&worker, timer.as_mut(), &stop).await;
    if let Some(timer) = timer {
        timer.stop().await;
    }
    watching.abort();
    let _ = watching.await;
    done.cancel();
    // It ends by `stop`, which is not cancelled when a test made the worker die.
    noting.abort();
    let _ = noting.await;
    if house.await.is_err() {
        tracing::error!("The housekeeping panicked.");
    }
    if ended.is_ok() {
        last_words(&worker).await;
    }
    ended
}

async fn passes(
    worker: &Worker,
    mut timer: Option<&mut Timer>,
    stop: &CancellationToken,
) -> Result<(), PassError> {
    let inner = &worker.inner;
    let mut failures = 0_u32;
    while !stop.is_cancelled() {
        // Registered before checking, so that a wake-up during the check is not lost.
        let woken = inner.wake.notified();
        tokio::pin!(woken);
        woken.as_mut().enable();
        let pause = match supervised(worker, stop).await {
            Ok(more) => {
                failures = 0;
                if !more && let Some(timer) = timer.as_deref_mut() {
                    arm(timer, worker).await;
                }
                (!more).then(|| jittered(inner.config.poll, inner.random()))
            }
            Err(PassError::Fault(point)) => return Err(PassError::Fault(point)),
            Err(error) => {
                note_failure(worker, &error, failures);
                failures = failures.saturating_add(1);
                Some(jittered(back_off(failures), inner.random()))
            }
        };
        let Some(pause) = pause else { continue };
        tokio::select! {
            // After a failure the worker keeps its pause, because a wake-up does not repair the database.
            () = &mut woken, if failures == 0 => {}
            () = sleep(pause) => {}
            () = stop.cancelled() => {}
        }
    }
    Ok(())
}

/// Runs one pass in a separate task, so that a panic ends the pass and not the worker. A pass that takes too long
/// starts nothing new, and is aborted only when the leases of its sends have expired, because aborting a send would
/// leave its result uncertain. After `stop` it has `drain` left.
async fn supervised(worker: &Worker, stop: &CancellationToken) -> Result<bool, PassError> {
    let config = &worker.inner.config;
    let wind_down = stop.child_token();
    let (own, token) = (worker.clone(), wind_down.clone());
    let mut pass = tokio::spawn(async move { own.pass(&token).await });
    let overdue = async {
        tokio::select! {
            () = async {
                sleep(config.longest_pass).await;
                wind_down.cancel();
                sleep(config.lease.to_std().unwrap_or_default()).await;
            } => {}
            () = async {
                stop.cancelled().await;
                sleep(config.drain).await;
            } => {}
        }
    };
    let ended = tokio::select! {
        ended = &mut pass => ended.unwrap_or(Err(PassError::Panicked)),
        () = overdue => Err(PassError::TooLong),
    };
    pass.abort();
    ended
}

impl Worker {
    /// Checks whether the clock and the database can be trusted. While they are in doubt, nothing is composed,
    /// published, expired or sent.
    async fn holds_back(&self) -> Result<bool, PassError> {
        let inner = &self.inner;
        let doubt = inner.guard.look(&inner.db, inner.clock.as_ref()).await?;
        let held = doubt.map(|doubt| doubt.english());
        inner.set_status(|status| status.held.clone_from(&held));
        Ok(held.is_some())
    }

    /// Runs one pass: tick, compose, reclaim, deliver. Returns `true` if more may be ready immediately.
    ///
    /// # Errors
    /// Returns the first failure. Each step continues from the rows the next time.
    pub async fn pass(&self, stop: &CancellationToken) -> Result<bool, PassError> {
        if self.holds_back().await? {
            return Ok(false);
        }
        let ticked = self.tick().await?;
        let composed = if stop.is_cancelled() {
            Default::default()
        } else {
            self.compose().await?
        };
        let reclaimed = self.reclaim().await?;
        let delivered = self.deliver(stop).await?;
        let now = self.inner.clock.now();
        let more = ticked.more || composed.more || delivered.more;
        let idle = ticked == Default::default()
            && composed == Default::default()
            && reclaimed == Default::default()
            && delivered == Default::default();
        let trouble = self.inner.trouble();
        self.inner.set_status(|status| {
            status.last_pass_at = Some(now);
            status.failed_passes = 0;
            status.trouble.clone_from(&trouble);
            if !idle {
                status.busy_passes += 1;
                status.ticked = ticked;
                status.composed = composed;
                status.reclaimed = reclaimed;
                status.delivered = delivered;
            }
        });
        if !idle {
            // The ledger position after this work is recorded immediately, so that a later rollback of the database
            // behind it is detected.
            self.holds_back().await?;
            tracing::info!(?ticked, ?composed, ?reclaimed, ?delivered, "Worked.");
        }
        Ok(more)
    }
}

fn note_failure(worker: &Worker, error: &PassError, failures_before: u32) {
    if failures_before == 0 {
        tracing::error!(%error, "A pass failed; retrying…");
    } else {
        tracing::warn!(%error, failures = failures_before + 1, "A pass failed again.");
    }
    worker.inner.set_status(|status| {
        status.failed_passes = status.failed_passes.saturating_add(1);
        status.last_error = Some(error.to_string());
    });
}

/// Returns a duration between half of `most` and all of it, so that workers do not poll in step.
fn jittered(most: Duration, random: u32) -> Duration {
    most.mul_f64(0.5 + f64::from(random) / f64::from(u32::MAX) / 2.0)
}

fn back_off(failures: u32) -> Duration {
    FIRST_BACK_OFF
        .saturating_mul(2_u32.saturating_pow(failures.saturating_sub(1).min(16)))
        .min(LONGEST_BACK_OFF)
}

/// Wakes the loop when any process writes to the ledger. Reads one row.
async fn watch_ledger(worker: Worker, stop: CancellationToken) {
    let inner = &worker.inner;
    let mut seen = None;
    while stop
        .run_until_cancelled(sleep(inner.config.glance))
        .await
        .is_some()
    {
        let here: StoreResult<_> = inner.db.read(|conn| Ok(ledger::position(conn)?)).await;
        match here {
            Ok(here) => {
                if seen.as_ref() != Some(&here) {
                    seen = Some(here);
                    inner.wake.notify_one();
                }
            }
            // The passes report it.
            Err(error) => tracing::debug!(%error, "The ledger could not be read."),
        }
    }
}

/// Sets the timer for the next due schedules.
async fn arm(timer: &mut Timer, worker: &Worker) {
    let inner = &worker.inner;
    let next: StoreResult<_> = inner.db.read(|conn| Ok(schedules::next_due(conn)?)).await;
    match next {
        Ok(next) => timer.arm(&next, inner.clock.now()).await,
        Err(error) => tracing::warn!(%error, "The timer could not be set; the worker polls instead."),
    }
}

/// Releases claimed deliveries, and records that this node is stopping.
async fn last_words(worker: &Worker) {
    let node = worker.inner.node;
    let give_back = async {
        let released: StoreResult<usize> = worker
            .inner
            .db
            .write(move |tx| Ok(deliveries::release(tx.conn, node, None, tx.now)?))
            .await;
        if let Err(error) = released {
            tracing::warn!(%error, "Claimed deliveries could not be released; their lease will expire.");
        }
        beat(worker, true).await;
    };
    if timeout(LAST_WORDS, give_back).await.is_err() {
        tracing::warn!("The database does not respond; stopping anyway.");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_half_a_minute_and_are_never_in_step() {
        let pauses: Vec<u128> = (1..11).map(|failures| back_off(failures).as_millis()).collect();
        assert_eq!(
            pauses,
            [200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 30_000, 30_000]
        );
        assert_eq!(back_off(u32::MAX), LONGEST_BACK_OFF);
        assert_eq!(jittered(Duration::from_secs(2), 0), Duration::from_secs(1));
        assert_eq!(jittered(Duration::from_secs(2), u32::MAX), Duration::from_secs(2));
    }
}
