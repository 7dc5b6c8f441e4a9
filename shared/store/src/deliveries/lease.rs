//! Leases on deliveries.
//!
//! Each worker measures its own leases by its own clock: it marks nothing once that clock says the lease has expired,
//! and it ends a send well before. Clocks of workers differ, so no worker reclaims another's lease before
//! [`LEASE_GRACE`] has passed after its end: as long as two clocks differ by less, a lease is never reclaimed from a
//! worker that still considers it valid. The database's clock would do as well, but only on PostgreSQL, and it would
//! add a second clock to rows that otherwise use the workers' clocks. The worst effect of a wrong clock is a repeated
//! send that is marked as such (`uncertain`).

use chrono::TimeDelta;
use diesel::dsl::{exists, select, sql};
use diesel::prelude::*;
use qiaojian_domain::StateMachine;
use qiaojian_domain::clock::UtcTime;
use qiaojian_domain::delivery::{DeliveryState, DeliveryVerb, SendResult};
use qiaojian_domain::ids::{DeliveryId, NodeId};
use serde::Serialize;

use super::result::{InFlight, record_result};
use super::{AttemptRow, is_held, is_queued};
use crate::StoreResult;
use crate::db::AnyConnection;
use crate::db::dialect::Claimed;
use crate::db::schema::{deliveries, delivery_attempts, endpoints};
use crate::db::types::SqlInstant;

/// Time after the end of a lease before another worker reclaims it, because the owner's clock may be behind. A worker
/// logs a warning at start if its clock is off by more than half of this.
pub const LEASE_GRACE: TimeDelta = TimeDelta::seconds(60);

/// Marks a delivery as `sending`: from here on the first byte may be sent. Creates the attempt's record and renews the
/// lease. Calling it again, because the response to the commit was lost, returns the same answer. `false` means that
/// the lease has expired or the delivery belongs to another worker; nothing may be sent.
///
/// # Errors
/// Returns an error if the database fails.
pub fn mark_sending(
    conn: &mut AnyConnection,
    claimed: Claimed,
    node: NodeId,
    now: UtcTime,
    lease_until: UtcTime,
) -> QueryResult<bool> {
    let attempt: Option<i32> = diesel::update(deliveries::table.find(claimed.id))
        .filter(deliveries::lease_gen.eq(claimed.lease_gen))
        .filter(deliveries::state.eq_any(DeliveryState::allowing(DeliveryVerb::Mark)))
        .filter(deliveries::lease_until.assume_not_null().gt(now))
        .set((
            deliveries::state.eq(DeliveryState::Sending),
            deliveries::lease_until.eq(lease_until),
            deliveries::updated_at.eq(now),
            deliveries::version.eq(deliveries::version + 1),
        ))
        .returning(deliveries::attempt)
        .get_result(conn)
        .optional()?;
    let Some(attempt) = attempt else {
        return is_marked(conn, claimed, node, now);
    };
    let row = AttemptRow {
        delivery_id: claimed.id,
        lease_gen: claimed.lease_gen,
        attempt: attempt + 1,
        node_id: node,
        started_at: now,
        ended_at: None,
        outcome: None,
        detail: None,
    };
    diesel::insert_into(delivery_attempts::table)
        .values(&row)
        .execute(conn)?;
    Ok(true)
}

/// Returns whether this node has already marked this claim. Only the single send of the claim calls this.
fn is_marked(conn: &mut AnyConnection, claimed: Claimed, node: NodeId, now: UtcTime) -> QueryResult<bool> {
    let marked = deliveries::table
        .find(claimed.id)
        .filter(deliveries::lease_gen.eq(claimed.lease_gen))
        .filter(deliveries::state.eq(DeliveryState::Sending))
        .filter(deliveries::lease_owner.eq(node))
        .filter(deliveries::lease_until.assume_not_null().gt(now));
    select(exists(marked)).get_result(conn)
}

/// The values of a delivery that returns to the queue without an owner.
macro_rules! released {
    ($now:expr) => {
        (
            deliveries::state.eq(DeliveryState::Queued),
            deliveries::lease_owner.eq(None::<NodeId>),
            deliveries::lease_until.eq(None::<UtcTime>),
            deliveries::updated_at.eq($now),
            deliveries::version.eq(deliveries::version + 1),
        )
    };
}

/// Releases deliveries that a worker has claimed and not begun to send: those in `only`, or all of its own.
///
/// # Errors
/// Returns an error if the database fails.
pub fn release(
    conn: &mut AnyConnection,
    node: NodeId,
    only: Option<&[DeliveryId]>,
    now: UtcTime,
) -> QueryResult<usize> {
    let mut mine = diesel::update(deliveries::table)
        .filter(is_held())
        .filter(deliveries::lease_owner.eq(node))
        .filter(deliveries::state.eq_any(DeliveryState::allowing(DeliveryVerb::Release)))
        .set(released!(now))
        .into_boxed();
    if let Some(only) = only {
        mine = mine.filter(deliveries::id.eq_any(only.to_vec()));
    }
    mine.execute(conn)
}

/// Returns whether a lease, including the grace period, or a delivery has expired. Runs on a read lane.
///
/// # Errors
/// Returns an error if the database fails.
pub fn anything_overdue(conn: &mut AnyConnection, now: UtcTime) -> QueryResult<bool> {
    let held = deliveries::table.filter(is_held()).filter(
        deliveries::lease_until
            .assume_not_null()
            .lt(now.plus(-LEASE_GRACE)),
    );
    let expired = deliveries::table
        .filter(is_queued())
        .filter(deliveries::expires_at.le(now));
    Ok(select(exists(held)).get_result(conn)? || select(exists(expired)).get_result(conn)?)
}

/// The deliveries reclaimed from workers that crashed or stalled, and those that expired.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Reclaimed {
    /// Claimed but not begun: queued again; nothing was sent.
    pub released: usize,
    /// Being sent: whether they arrived is unknown. Sent again or held for review, as the endpoint specifies.
    pub uncertain: usize,
    /// Not sent before they expired.
    pub expired: usize,
}

/// Reclaims deliveries whose lease and grace period have expired, and ends those that have expired themselves.
///
/// # Errors
/// Returns an error if the database fails.
pub fn reclaim(conn: &mut AnyConnection, random: u32, now: UtcTime) -> StoreResult<Reclaimed> {
    /// Rows reclaimed in one transaction.
    const MOST: i64 = 200;
    let lease_over = deliveries::lease_until
        .assume_not_null()
        .lt(now.plus(-LEASE_GRACE));
    let flights: Vec<InFlight> = deliveries::table
        .inner_join(endpoints::table)
        .filter(is_held())
        .filter(deliveries::state.eq(DeliveryState::Sending))
        .filter(lease_over)
        // Everyone who locks several rows does so in this order, which prevents deadlocks.
        .order((deliveries::endpoint_id, deliveries::id))
        .limit(MOST)
        .select((
            (deliveries::id, deliveries::lease_gen),
            deliveries::attempt,
            deliveries::uncertain_count,
            endpoints::channel,
            endpoints::id,
            endpoints::on_uncertain,
        ))
        .load(conn)?;
    let mut reclaimed = Reclaimed::default();
    for flight in &flights {
        let result = SendResult::Uncertain("the worker that was sending it stopped responding".to_owned());
        reclaimed.uncertain += usize::from(record_result(conn, flight, &result, random, now)?);
    }
    reclaimed.released = diesel::update(deliveries::table)
        .filter(is_held())
        .filter(deliveries::state.eq_any(DeliveryState::allowing(DeliveryVerb::Release)))
        .filter(lease_over)
        .set(released!(now))
        .execute(conn)?;
    reclaimed.expired = diesel::update(deliveries::table)
        .filter(is_queued())
        .filter(deliveries::expires_at.le(now))
        .set((
            deliveries::state.eq(DeliveryState::Expired),
            deliveries::updated_at.eq(now),
            deliveries::version.eq(deliveries::version + 1),
        ))
        .execute(conn)?;
    Ok(reclaimed)
}

/// Returns the clock of the PostgreSQL server. The embedded database has no clock of its own, and the function does not
/// exist there.
///
/// # Errors
/// Returns an error if the database fails.
pub fn server_clock(conn: &mut AnyConnection) -> QueryResult<UtcTime> {
    select(sql::<SqlInstant>("clock_timestamp()")).get_result(conn)
}
