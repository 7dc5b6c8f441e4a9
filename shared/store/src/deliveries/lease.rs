//! Who has a delivery in hand, and for how long.
//!
//! Each worker reckons its own leases by its own clock: it marks nothing when that says the lease is over, and it ends a send
//! well before. Other workers may have other clocks, so none takes back another's lease before [`LEASE_GRACE`] has passed on
//! top of it: as long as two clocks differ by less, a lease is never taken back from a worker that still believes in it. The
//! database's clock would do as well, but only on PostgreSQL, and at the price of a second notion of the present in rows that
//! are otherwise written by the workers' clocks. What a wrong clock can do at worst is a repeat that says so (`uncertain`).

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

/// How long after its end a lease is left to its worker, whose clock may be behind ours. A worker warns at start when its
/// clock is more than half of it off.
pub const LEASE_GRACE: TimeDelta = TimeDelta::seconds(60);

/// The phase mark: from here on the first byte may be out. Starts the attempt's record and renews the lease. Asking again,
/// because the answer to the commit was lost, gives the same answer. `false`: the lease is over or the delivery is no longer
/// ours; nothing may be sent.
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

/// Whether this node has marked this claim before. Nobody but the one send of the claim asks.
fn is_marked(conn: &mut AnyConnection, claimed: Claimed, node: NodeId, now: UtcTime) -> QueryResult<bool> {
    let marked = deliveries::table
        .find(claimed.id)
        .filter(deliveries::lease_gen.eq(claimed.lease_gen))
        .filter(deliveries::state.eq(DeliveryState::Sending))
        .filter(deliveries::lease_owner.eq(node))
        .filter(deliveries::lease_until.assume_not_null().gt(now));
    select(exists(marked)).get_result(conn)
}

/// Back in the queue, nobody's.
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

/// Gives back what a worker has claimed and not begun to send. `only`: these; otherwise all of its own.
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

/// Whether a lease, with its grace, or a delivery's time is over: asked on a reading lane.
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

/// What was taken back from workers that died or froze, and what ran out of time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Reclaimed {
    /// Claimed and not begun: queued again, nothing was sent.
    pub released: usize,
    /// Being sent: whether it arrived is unknown. Sent again or parked, as the endpoint says.
    pub uncertain: usize,
    /// Not sent in its time.
    pub expired: usize,
}

/// Takes back what is past its lease and the grace, and ends what is past its time.
///
/// # Errors
/// Returns an error if the database fails.
pub fn reclaim(conn: &mut AnyConnection, random: u32, now: UtcTime) -> StoreResult<Reclaimed> {
    /// Rows taken back in one transaction.
    const MOST: i64 = 200;
    let lease_over = deliveries::lease_until
        .assume_not_null()
        .lt(now.plus(-LEASE_GRACE));
    let flights: Vec<InFlight> = deliveries::table
        .inner_join(endpoints::table)
        .filter(is_held())
        .filter(deliveries::state.eq(DeliveryState::Sending))
        .filter(lease_over)
        // Everybody who takes several rows takes them in this order, so that two who do so do not wait for each other.
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
        let result = SendResult::Uncertain("the worker that was sending it stopped answering".to_owned());
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

/// The clock of the PostgreSQL server. The embedded database has none of its own and does not know the function.
///
/// # Errors
/// Returns an error if the database fails.
pub fn server_clock(conn: &mut AnyConnection) -> QueryResult<UtcTime> {
    select(sql::<SqlInstant>("clock_timestamp()")).get_result(conn)
}
