//! From queued deliveries to results: claim, mark, send, record. No transaction is ever open during a send.

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
use serde::Serialize;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::PassError;
use crate::channels::Receipt;
use crate::faults::FaultPoint;
use crate::worker::{Event, Inner, Worker};

/// Deliveries claimed at once.
const CLAIM: i64 = 64;
/// Of these, of one endpoint: fewer than are sent at a time, so that an endpoint that hangs leaves places to the others.
const CLAIM_PER_ENDPOINT: i64 = 4;
/// Claims in one pass, so that ticks and compositions get their turn.
const ROUNDS: usize = 16;
/// First and longest pause between two tries to write what the database did not take.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(4);

/// What a pass delivered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Delivered {
    /// Taken by the other side.
    pub sent: usize,
    /// Refused or not reached; what happens next is in the row.
    pub failed: usize,
    /// Unknown whether taken.
    pub uncertain: usize,
    /// Given back unsent, because the worker was asked to stop or had no place for them in time.
    pub released: usize,
    /// Found to belong to another worker by now: not sent, or the result not kept.
    pub lost: usize,
    /// Whether there may be more to do at once.
    pub more: bool,
}

enum End {
    Recorded(SendResult),
    Released,
    Lost,
}

impl Worker {
    /// Sends what is due, until nothing is, the time for claiming is over, or `stop` is cancelled. What was being sent by then
    /// is finished; the rest is given back.
    ///
    /// # Errors
    /// When the database fails: the first failure, after everything that could be sent was sent.
    pub async fn deliver(&self, stop: &CancellationToken) -> Result<Delivered, PassError> {
        let inner = &self.inner;
        let mut delivered = Delivered::default();
        let began = Instant::now();
        for round in 0..ROUNDS {
            if stop.is_cancelled() {
                return Ok(delivered);
            }
            if round > 0 && began.elapsed() >= inner.config.claim_for {
                break; // something is slow: ticks and compositions must not wait for it
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

    /// Sends what was claimed at `claimed_at`. A delivery that the database fails on stops no other.
    async fn send_all(
        &self,
        claimed: Vec<Claimed>,
        claimed_at: Instant,
        stop: &CancellationToken,
        delivered: &mut Delivered,
    ) -> Result<(), PassError> {
        let inner = &self.inner;
        // One that would begin later might outlive its lease: better in the queue than waiting here.
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
                    tracing::warn!(%error, "The database failed on a delivery; its lease will end by itself.");
                    failure = failure.or(Some(error));
                }
                // One message's bug stops that message only: its row is `sending` until the lease is over. What the panic said
                // may quote the message.
                Err(_) => {
                    tracing::error!("Sending a notice panicked.");
                    delivered.uncertain += 1;
                }
            }
        }
        failure.map_or(Ok(()), Err)
    }

    /// What was claimed, with what the channels need. If it cannot be read, it is given back, so that it need not wait for the
    /// end of its lease.
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
            tracing::warn!(%error, "Claimed deliveries could not be given back; their lease will end by itself.");
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
    /// The lease on a clock that nobody sets.
    fn lease(&self) -> Duration {
        self.config.lease.to_std().unwrap_or_default()
    }

    /// Places to send from, for each channel its own.
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
            tracing::warn!(delivery = %id, outcome = %result.outcome(), "The result of a send came too late: its lease is over.");
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

    /// Commits that the first byte may be out. When the answer to the commit is lost, it is asked again, also when the database is
    /// away meanwhile: the row may say `sending`, and then it has to be sent, or somebody would wonder whether it was. It is asked
    /// for as long as a send that begins then is over before the lease is.
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
                    tracing::warn!(%error, "It is unknown whether a delivery is marked; asking…");
                    rest(&mut pause).await;
                }
                other => return other,
            }
        }
    }

    /// Sends, within the time a send may take. Past that, nobody can tell.
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

    /// Tries until the database takes the result or the lease is over: after that it is uncertain anyway. Whatever the database
    /// says: the send cannot be taken back, and a result that is not written is sent again.
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
                    tracing::warn!(%error, "The result of a send could not be written; trying again…");
                    rest(&mut pause).await;
                }
                other => return Ok(other?),
            }
        }
    }

    /// What the other side answered is in the attempt's row, not in the log: it may name the recipient's address.
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
                tracing::warn!(%delivery, %channel, "Our mail relay did not take a notice; its attempt says why.");
            }
            other => {
                tracing::warn!(%delivery, %channel, outcome = %other.outcome(), "A notice was not sent; its attempt says why.");
            }
        }
    }
}

/// Waits, and the next time twice as long.
async fn rest(pause: &mut Duration) {
    sleep(*pause).await;
    *pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
}
