//! From queued deliveries to results: claim, mark, send, record. No transaction is ever open during a send.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use qiaojian_shared::clock::UtcTime;
use qiaojian_shared::db::dialect::{Claim, Claimed, claim_deliveries};
use qiaojian_shared::domain::delivery::{FailureClass, SendResult};
use qiaojian_shared::ids::DeliveryId;
use qiaojian_shared::store::deliveries::{self, InFlight, Outgoing};
use qiaojian_shared::store::{StoreError, StoreResult};
use serde::Serialize;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::PassError;
use crate::channels::Receipt;
use crate::faults::FaultPoint;
use crate::worker::{Event, Inner, Worker};

/// Deliveries claimed at once. With 16 sends of 20 s at a time, the last begins well within the lease.
const CLAIM: i64 = 64;
/// Of these, of one endpoint.
const CLAIM_PER_ENDPOINT: i64 = 16;
/// Claims in one pass, so that ticks and compositions get their turn.
const ROUNDS: usize = 16;
/// Pause between two tries to write a result that the database did not take.
const RESULT_PAUSE: Duration = Duration::from_millis(250);

/// What a pass delivered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Delivered {
    /// Taken by the other side.
    pub sent: usize,
    /// Refused or not reached; what happens next is in the row.
    pub failed: usize,
    /// Unknown whether taken.
    pub uncertain: usize,
    /// Given back unsent, because the worker was asked to stop.
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
    /// Sends what is due, until nothing is or `stop` is cancelled. What was being sent by then is finished; the rest is given
    /// back.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn deliver(&self, stop: &CancellationToken) -> Result<Delivered, PassError> {
        let inner = &self.inner;
        let mut delivered = Delivered::default();
        for _ in 0..ROUNDS {
            if stop.is_cancelled() {
                return Ok(delivered);
            }
            let (now, channels) = (inner.clock.now(), inner.channels());
            let queued: StoreResult<bool> = inner
                .db
                .read(move |conn| Ok(deliveries::anything_queued(conn, &channels, now)?))
                .await;
            if !queued? {
                return Ok(delivered);
            }
            let claimed = self.claim().await?;
            if claimed.is_empty() {
                return Ok(delivered); // another worker was faster
            }
            inner.reach(FaultPoint::AfterClaim)?;
            self.send_all(claimed, stop, &mut delivered).await?;
        }
        delivered.more = true;
        Ok(delivered)
    }

    async fn claim(&self) -> StoreResult<Vec<Claimed>> {
        let (node, lease) = (self.inner.node, self.inner.config.lease);
        let channels = self.inner.channels();
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

    async fn send_all(
        &self,
        claimed: Vec<Claimed>,
        stop: &CancellationToken,
        delivered: &mut Delivered,
    ) -> Result<(), PassError> {
        let loaded: StoreResult<Vec<Outgoing>> = self
            .inner
            .db
            .read(move |conn| Ok(deliveries::outgoing(conn, &claimed)?))
            .await;
        let places = Arc::new(Semaphore::new(self.inner.config.concurrency));
        let mut sends = JoinSet::new();
        for outgoing in loaded? {
            let (inner, places, stop) = (Arc::clone(&self.inner), Arc::clone(&places), stop.clone());
            sends.spawn(async move {
                let _place = places.acquire().await;
                inner.send_one(Arc::new(outgoing), &stop).await
            });
        }
        while let Some(end) = sends.join_next().await {
            match end {
                Ok(end) => delivered.count(&end?),
                // One message's bug stops that message only: its row is `sending` until the lease is over. What the panic said
                // may quote the message.
                Err(_) => {
                    tracing::error!("Sending a notice panicked.");
                    delivered.uncertain += 1;
                }
            }
        }
        Ok(())
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
    async fn send_one(&self, outgoing: Arc<Outgoing>, stop: &CancellationToken) -> Result<End, PassError> {
        let id = outgoing.delivery.id;
        self.config.faults.live()?;
        if stop.is_cancelled() {
            self.give_back(id).await?;
            return Ok(End::Released);
        }
        if !self.mark(&outgoing).await? {
            return Ok(End::Lost);
        }
        self.reach(FaultPoint::AfterMark)?;
        let Receipt { result, page } = self.send(&outgoing).await;
        self.reach(FaultPoint::AfterSend)?;
        let kept = self.keep_result(&outgoing, &result).await?;
        self.reach(FaultPoint::AfterResult)?;
        if !kept {
            tracing::warn!(delivery = %id, outcome = %result.outcome(), "The result of a send came too late: its lease is over.");
            return Ok(End::Lost);
        }
        self.say(&outgoing, &result, page);
        Ok(End::Recorded(result))
    }

    async fn give_back(&self, id: DeliveryId) -> StoreResult<()> {
        let node = self.node;
        self.db
            .write(move |tx| {
                deliveries::release(tx.conn, node, Some(&[id]), tx.now)?;
                Ok(())
            })
            .await
    }

    async fn mark(&self, outgoing: &Outgoing) -> StoreResult<bool> {
        let claimed = Claimed {
            id: outgoing.delivery.id,
            lease_gen: outgoing.delivery.lease_gen,
        };
        let (node, lease) = (self.node, self.config.lease);
        self.db
            .write(move |tx| {
                Ok(deliveries::mark_sending(
                    tx.conn,
                    claimed,
                    node,
                    tx.now,
                    tx.now.plus(lease),
                )?)
            })
            .await
    }

    /// Sends, within the time a send may take. Past that, nobody can tell.
    async fn send(&self, outgoing: &Arc<Outgoing>) -> Receipt {
        let Some(courier) = self.couriers.get(&outgoing.delivery.channel) else {
            let detail = "this worker cannot send through this channel";
            return SendResult::failed(FailureClass::Transient, detail).into();
        };
        let limit = self.config.send_timeout;
        let answer = timeout(limit, courier.send(Arc::clone(outgoing))).await;
        answer.unwrap_or_else(|_| {
            SendResult::Uncertain(format!("no answer within {} s", limit.as_secs())).into()
        })
    }

    /// Tries until the database takes the result or the lease is over: after that it is uncertain anyway.
    async fn keep_result(&self, outgoing: &Outgoing, result: &SendResult) -> Result<bool, PassError> {
        let flight = InFlight::from(outgoing);
        let random = self.random();
        let give_up_at: UtcTime = self.clock.now().plus(self.config.lease);
        loop {
            let kept = result.clone();
            let written: Result<bool, StoreError> = self
                .db
                .write(move |tx| deliveries::record_result(tx.conn, &flight, &kept, random, tx.now))
                .await;
            match written {
                Err(error) if PassError::is_outage(&error) && self.clock.now() < give_up_at => {
                    tracing::warn!(%error, "The result of a send could not be written; trying again…");
                    sleep(RESULT_PAUSE).await;
                }
                other => return Ok(other?),
            }
        }
    }

    /// What the other side answered is in the attempt's row, not in the log: it may name the recipient's address.
    fn say(&self, outgoing: &Outgoing, result: &SendResult, page: Option<PathBuf>) {
        let (delivery, channel) = (outgoing.delivery.id, outgoing.delivery.channel);
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
            other => {
                tracing::warn!(%delivery, %channel, outcome = %other.outcome(), "A notice was not sent; its attempt says why.");
            }
        }
    }
}
