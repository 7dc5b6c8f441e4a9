//! Sends queued deliveries: claim, mark, send, record. No transaction is ever open during a send.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use qiaojian_domain::delivery::{Channel, FailureClass, SendResult};
use qiaojian_domain::ids::DeliveryId;
use qiaojian_store::db::DbError;
use qiaojian_store::db::dialect::{Claim, Claimed, claim_deliveries};
use qiaojian_store::deliveries::{self, InFlight, Outgoing};
use qiaojian_store::{StoreError, StoreResult};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::channels::Receipt;
use crate::error::PassError;
use crate::faults::FaultPoint;
use crate::status::Delivered;
use crate::worker::{Event, Inner, Worker};

/// Maximum number of deliveries per claim.
const CLAIM: i64 = 64;
/// Maximum number of these per endpoint. Fewer than are sent concurrently, so that an endpoint that hangs leaves slots
/// to the others.
const CLAIM_PER_ENDPOINT: i64 = 4;
/// Maximum number of claims in one pass, so that ticks and compositions are not delayed.
const ROUNDS: usize = 16;
/// First and longest pause between two attempts to write to a failing database.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(4);

enum End {
    Recorded(SendResult),
    Released,
    Lost,
}

impl Worker {
    /// Sends what is due until the queue is empty, the time for claiming has passed, or `stop` is cancelled. Sends in
    /// progress are finished; the other claimed deliveries are released.
    ///
    /// # Errors
    /// Returns the first failure of the database, after everything that could be sent was sent.
    pub async fn deliver(&self, stop: &CancellationToken) -> Result<Delivered, PassError> {
        let inner = &self.inner;
        let mut delivered = Delivered::default();
        let began = Instant::now();
        for round in 0..ROUNDS {
            if stop.is_cancelled() {
                return Ok(delivered);
            }
            if round > 0 && began.elapsed() >= inner.config.claim_for {
                break; // sends are slow; ticks and compositions must not wait
            }
            let (now, channels) = (inner.clock.now(), inner.open_channels());
            let queued: StoreResult<bool> = inner
                .db
                .read(move |conn| Ok(deliveries::anything_queued(conn, &channels, now)?))
                .await;
            if !queued? {
                return Ok(delivered);
            }
            let claimed_at = Instant::now();
            let claimed = self.claim().await?;
            if claimed.is_empty() {
                return Ok(delivered); // another worker was faster
            }
            inner.reach(FaultPoint::AfterClaim)?;
            self.send_all(claimed, claimed_at, stop, &mut delivered).await?;
        }
        delivered.more = true;
        Ok(delivered)
    }

    async fn claim(&self) -> StoreResult<Vec<Claimed>> {
        let (node, lease) = (self.inner.node, self.inner.config.lease);
        let channels = self.inner.open_channels();
        self.inner
            .db
            .write(move |tx| {
                let claim = Claim {
                    node,
                    now: tx.now,
                    lease_until: tx.now.plus(lease),
                    channels: &channels,
                    per_endpoint: CLAIM_PER_ENDPOINT,
                    most: CLAIM,
                };
                Ok(claim_deliveries(tx.conn, &claim)?)
            })
            .await
    }

    /// Sends what was claimed at `claimed_at`. A database error for one delivery does not stop the others.
    async fn send_all(
        &self,
        claimed: Vec<Claimed>,
        claimed_at: Instant,
        stop: &CancellationToken,
        delivered: &mut Delivered,
    ) -> Result<(), PassError> {
        let inner = &self.inner;
        // A send that starts later might outlive its lease, so it is better back in the queue than waiting here.
        let begin_until = claimed_at + inner.lease() / 2;
        let places = inner.places();
        let mut sends = JoinSet::new();
        for outgoing in self.load(claimed).await? {
            let (inner, stop) = (Arc::clone(inner), stop.clone());
            let place = places.get(&outgoing.endpoint.channel).cloned();
            sends.spawn(async move {
                let _place = match &place {
                    Some(places) => places.acquire().await.ok(),
                    None => None,
                };
                let in_time = !stop.is_cancelled() && Instant::now() < begin_until;
                inner.send_one(Arc::new(outgoing), in_time).await
            });
        }
        let mut failure = None;
        while let Some(end) = sends.join_next().await {
            match end {
                Ok(Ok(end)) => delivered.count(&end),
                // As if the process had been killed: the others are not waited for.
                Ok(Err(error @ PassError::Fault(_))) => return Err(error),
                Ok(Err(error)) => {
                    tracing::warn!(%error, "The database failed on a delivery; its lease will expire.");
                    failure = failure.or(Some(error));
                }
                // A panic in one message affects only that message: its row stays `sending` until the lease expires.
                // The panic message may quote the notice, so it is not logged.
                Err(_) => {
                    tracing::error!("Sending a notice panicked.");
                    delivered.uncertain += 1;
                }
            }
        }
        failure.map_or(Ok(()), Err)
    }

    /// Loads the claimed deliveries with what the channels need. If they cannot be read, they are released, so that
    /// they need not wait for the end of their lease.
    async fn load(&self, claimed: Vec<Claimed>) -> StoreResult<Vec<Outgoing>> {
        let ids: Vec<DeliveryId> = claimed.iter().map(|claimed| claimed.id).collect();
        let loaded: StoreResult<Vec<Outgoing>> = self
            .inner
            .db
            .read(move |conn| deliveries::outgoing(conn, &claimed))
            .await;
        if loaded.is_err()
            && let Err(error) = self.inner.give_back(ids).await
        {
            tracing::warn!(%error, "Claimed deliveries could not be released; their lease will expire.");
        }
        loaded
    }
}

impl Delivered {
    fn count(&mut self, end: &End) {
        match end {
            End::Recorded(SendResult::Sent(_)) => self.sent += 1,
            End::Recorded(SendResult::Failed { .. }) => self.failed += 1,
            End::Recorded(SendResult::Uncertain(_)) => self.uncertain += 1,
            End::Released => self.released += 1,
            End::Lost => self.lost += 1,
        }
    }
}

impl Inner {
    /// Returns the lease as a monotonic duration.
    fn lease(&self) -> Duration {
        self.config.lease.to_std().unwrap_or_default()
    }

    /// Returns the send slots of each channel.
    fn places(&self) -> BTreeMap<Channel, Arc<Semaphore>> {
        let concurrency = self.config.concurrency;
        self.couriers
            .keys()
            .map(|channel| (*channel, Arc::new(Semaphore::new(concurrency))))
            .collect()
    }

    async fn send_one(&self, outgoing: Arc<Outgoing>, in_time: bool) -> Result<End, PassError> {
        let id = outgoing.delivery.id;
        self.config.faults.live()?;
        if !in_time {
            self.give_back(vec![id]).await?;
            return Ok(End::Released);
        }
        let lease_over = Instant::now() + self.lease();
        if !self.mark(&outgoing, lease_over).await? {
            return Ok(End::Lost);
        }
        self.reach(FaultPoint::AfterMark)?;
        let Receipt { result, page } = self.send(&outgoing).await;
        self.reach(FaultPoint::AfterSend)?;
        let kept = self.keep_result(&outgoing, &result, lease_over).await?;
        self.reach(FaultPoint::AfterResult)?;
        if !kept {
            tracing::warn!(delivery = %id, outcome = %result.outcome(), "The result of a send came too late: its lease has expired.");
            return Ok(End::Lost);
        }
        self.say(&outgoing, &result, page);
        Ok(End::Recorded(result))
    }

    async fn give_back(&self, ids: Vec<DeliveryId>) -> StoreResult<()> {
        let node = self.node;
        self.db
            .write(move |tx| {
                deliveries::release(tx.conn, node, Some(ids.as_slice()), tx.now)?;
                Ok(())
            })
            .await
    }

    /// Commits that the first byte may have been sent. If the result of the commit is unknown, it is retried, even if
    /// the database becomes unavailable in the meantime: the row may already be `sending`, and then the delivery must
    /// be sent, or its state would be uncertain. It is retried as long as a send could still finish before the end of
    /// the lease.
    async fn mark(&self, outgoing: &Outgoing, lease_over: Instant) -> StoreResult<bool> {
        let claimed = Claimed {
            id: outgoing.delivery.id,
            lease_gen: outgoing.delivery.lease_gen,
        };
        let (node, lease) = (self.node, self.config.lease);
        let mut pause = FIRST_PAUSE;
        let asked_until = lease_over.checked_sub(self.config.send_timeout);
        let mut is_in_doubt = false;
        loop {
            let marked: StoreResult<bool> = self
                .db
                .write(move |tx| {
                    let until = tx.now.plus(lease);
                    Ok(deliveries::mark_sending(tx.conn, claimed, node, tx.now, until)?)
                })
                .await;
            match marked {
                Err(StoreError::Db(error))
                    if (is_in_doubt || matches!(error, DbError::CommitUnknown))
                        && asked_until.is_some_and(|until| Instant::now() < until) =>
                {
                    is_in_doubt = true;
                    tracing::warn!(%error, "It is unknown whether a delivery is marked; checking…");
                    rest(&mut pause).await;
                }
                other => return other,
            }
        }
    }

    /// Sends within the time limit. If it expires, the result is uncertain.
    async fn send(&self, outgoing: &Arc<Outgoing>) -> Receipt {
        let Some(courier) = self.couriers.get(&outgoing.endpoint.channel) else {
            let detail = "this worker cannot send through this channel";
            return SendResult::failed(FailureClass::Transient, detail).into();
        };
        let limit = self.config.send_timeout;
        let answer = timeout(limit, courier.send(Arc::clone(outgoing))).await;
        answer.unwrap_or_else(|_| {
            SendResult::Uncertain(format!("no answer within {} s", limit.as_secs())).into()
        })
    }

    /// Retries until the database accepts the result or the lease expires, after which the delivery is uncertain
    /// anyway. It retries after any database error, because the send cannot be undone, and without a recorded result it
    /// would be sent again.
    async fn keep_result(
        &self,
        outgoing: &Outgoing,
        result: &SendResult,
        lease_over: Instant,
    ) -> Result<bool, PassError> {
        let flight = InFlight::from(outgoing);
        let random = self.random();
        let mut pause = FIRST_PAUSE;
        loop {
            let kept = result.clone();
            let written: Result<bool, StoreError> = self
                .db
                .write(move |tx| deliveries::record_result(tx.conn, &flight, &kept, random, tx.now))
                .await;
            match written {
                Err(StoreError::Db(error)) if Instant::now() < lease_over => {
                    tracing::warn!(%error, "The result of a send could not be written; retrying…");
                    rest(&mut pause).await;
                }
                other => return Ok(other?),
            }
        }
    }

    /// Logs the result. The recipient's reply is in the attempt's row and not in the log, because it may contain the
    /// recipient's address.
    fn say(&self, outgoing: &Outgoing, result: &SendResult, page: Option<PathBuf>) {
        let (delivery, channel) = (outgoing.delivery.id, outgoing.endpoint.channel);
        match result {
            SendResult::Sent(_) => {
                tracing::info!(%delivery, %channel, area = %outgoing.area_code, period = %outgoing.bulletin.period, "Sent a notice.");
                self.tell(Event::Sent {
                    area_code: outgoing.area_code.clone(),
                    area_name: outgoing.area_name.clone(),
                    period: outgoing.bulletin.period,
                    channel,
                    path: page,
                });
            }
            SendResult::Failed {
                class: FailureClass::Relay,
                ..
            } => {
                tracing::warn!(%delivery, %channel, "The mail relay did not accept a notice; see its attempt.");
            }
            other => {
                tracing::warn!(%delivery, %channel, outcome = %other.outcome(), "A notice was not sent; see its attempt.");
            }
        }
    }
}

/// Waits, and doubles the next pause.
async fn rest(pause: &mut Duration) {
    sleep(*pause).await;
    *pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
}
