//! Notices on their way. Every update of a worker is fenced: it names the lease generation and the states it may come from,
//! and when it hits no row, somebody else owns the delivery and the worker stops.
//!
//! `sending` is committed before the first byte. A crash therefore leaves an unsent row or an uncertain one, never a lost one.

mod manage;

pub use manage::{DeliveryView, Filter, attempts, cancel, find, list, redeliver};

use diesel::dsl::{exists, select, sql};
use diesel::prelude::*;
use diesel::sql_types::Bool;
use serde::Serialize;

use super::bulletins::{BulletinRow, as_last_known};
use super::endpoints::{self, EndpointRow};
use super::notices::NoticeRow;
use super::{StoreError, StoreResult};
use crate::clock::UtcTime;
use crate::db::AnyConnection;
use crate::db::dialect::{Claimed, insert_if_absent};
use crate::db::schema::{bulletins, deliveries, delivery_attempts, endpoints as endpoints_table, notices};
use crate::domain::RefusedTransition;
use crate::domain::delivery::{
    AttemptOutcome, Channel, DeliveryState, DeliveryVerb, EndpointStatus, NextStep, OnUncertain, SendResult,
    back_off, next_delay,
};
use crate::domain::mask::mask_addresses;
use crate::ids::{AreaId, DeliveryId, EndpointId, NodeId, NoticeId};

/// A delivery's row.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = deliveries)]
pub struct DeliveryRow {
    pub id: DeliveryId,
    pub notice_id: NoticeId,
    pub channel: Channel,
    pub endpoint_id: EndpointId,
    pub state: DeliveryState,
    pub not_before: UtcTime,
    pub expires_at: UtcTime,
    /// Tries that count: one the other side answered with "too much" does not.
    pub attempt: i32,
    pub lease_owner: Option<NodeId>,
    /// Counts the claims: the fence.
    pub lease_gen: i64,
    pub lease_until: Option<UtcTime>,
    pub uncertain_count: i32,
    pub sent_at: Option<UtcTime>,
    /// How the last attempt ended, when it was not `sent`.
    pub last_class: Option<AttemptOutcome>,
    pub last_error: Option<String>,
    /// Why a person redelivered or cancelled it last.
    pub reason: Option<String>,
    pub created_at: UtcTime,
    pub updated_at: UtcTime,
}

/// One attempt: the evidence.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = delivery_attempts)]
pub struct AttemptRow {
    pub delivery_id: DeliveryId,
    pub lease_gen: i64,
    pub attempt: i32,
    pub node_id: NodeId,
    pub started_at: UtcTime,
    pub ended_at: Option<UtcTime>,
    /// None while sending.
    pub outcome: Option<AttemptOutcome>,
    pub detail: Option<String>,
}

/// A claimed delivery with everything a channel needs.
#[derive(Debug, Clone)]
pub struct Outgoing {
    pub delivery: DeliveryRow,
    pub notice: NoticeRow,
    pub bulletin: BulletinRow,
    pub endpoint: EndpointRow,
    pub area_code: String,
    pub area_name: String,
}

/// Longest text kept of what the other side said, in characters.
const DETAIL_CHARS: usize = 500;

/// Queues a notice for an endpoint, unless it is there already.
///
/// # Errors
/// The database's.
pub fn queue(
    conn: &mut AnyConnection,
    id: DeliveryId,
    notice: NoticeId,
    endpoint: &EndpointRow,
    now: UtcTime,
    expires_at: UtcTime,
) -> QueryResult<bool> {
    let row = DeliveryRow {
        id,
        notice_id: notice,
        channel: endpoint.channel,
        endpoint_id: endpoint.id,
        state: DeliveryState::Queued,
        not_before: now,
        expires_at,
        attempt: 0,
        lease_owner: None,
        lease_gen: 0,
        lease_until: None,
        uncertain_count: 0,
        sent_at: None,
        last_class: None,
        last_error: None,
        reason: None,
        created_at: now,
        updated_at: now,
    };
    insert_if_absent!(conn, deliveries::table, &row)
}

// Written out, not bound: only then can the partial indexes be used.
fn is_queued() -> diesel::expression::SqlLiteral<Bool> {
    sql("deliveries.state = 'queued'")
}

fn is_held() -> diesel::expression::SqlLiteral<Bool> {
    sql("deliveries.state IN ('leased', 'sending')")
}

/// Whether a claim for these channels would find something: asked on a reading lane, so that an idle worker writes nothing.
///
/// # Errors
/// The database's.
pub fn anything_queued(conn: &mut AnyConnection, channels: &[Channel], now: UtcTime) -> QueryResult<bool> {
    let unblocked = endpoints_table::blocked_until
        .is_null()
        .or(endpoints_table::blocked_until.assume_not_null().le(now));
    select(exists(
        deliveries::table
            .inner_join(endpoints_table::table)
            .filter(is_queued())
            .filter(deliveries::not_before.le(now))
            .filter(deliveries::expires_at.gt(now))
            .filter(deliveries::channel.eq_any(channels.to_vec()))
            .filter(endpoints_table::status.eq(EndpointStatus::Active))
            .filter(unblocked),
    ))
    .get_result(conn)
}

/// Whether a lease or a delivery's time is over: asked on a reading lane.
///
/// # Errors
/// The database's.
pub fn anything_overdue(conn: &mut AnyConnection, now: UtcTime) -> QueryResult<bool> {
    let held = deliveries::table
        .filter(is_held())
        .filter(deliveries::lease_until.assume_not_null().lt(now));
    let expired = deliveries::table
        .filter(is_queued())
        .filter(deliveries::expires_at.le(now));
    Ok(select(exists(held)).get_result(conn)? || select(exists(expired)).get_result(conn)?)
}

/// The claimed deliveries with what the channels need. One whose generation has moved on is left out.
///
/// # Errors
/// The database's.
pub fn outgoing(conn: &mut AnyConnection, claimed: &[Claimed]) -> QueryResult<Vec<Outgoing>> {
    let ids: Vec<DeliveryId> = claimed.iter().map(|claimed| claimed.id).collect();
    let rows: Vec<(DeliveryRow, NoticeRow, BulletinRow, EndpointRow)> = deliveries::table
        .inner_join(notices::table.inner_join(bulletins::table))
        .inner_join(endpoints_table::table)
        .filter(deliveries::id.eq_any(ids))
        .order((deliveries::not_before, deliveries::id))
        .select((
            DeliveryRow::as_select(),
            NoticeRow::as_select(),
            BulletinRow::as_select(),
            EndpointRow::as_select(),
        ))
        .load(conn)?;
    let recipients: Vec<AreaId> = rows.iter().map(|(_, notice, ..)| notice.area_id).collect();
    let areas = as_last_known(conn, &recipients)?;
    let still_ours = |row: &DeliveryRow| {
        claimed.contains(&Claimed {
            id: row.id,
            lease_gen: row.lease_gen,
        })
    };
    let mut outgoing = Vec::with_capacity(rows.len());
    for (delivery, notice, bulletin, endpoint) in rows {
        let area = areas
            .get(&notice.area_id)
            .ok_or(diesel::result::Error::NotFound)?;
        if still_ours(&delivery) {
            let (area_code, area_name) = (area.code.clone(), area.name.clone());
            outgoing.push(Outgoing {
                delivery,
                notice,
                bulletin,
                endpoint,
                area_code,
                area_name,
            });
        }
    }
    Ok(outgoing)
}

/// The phase mark: from here on the first byte may be out. Starts the attempt's record and renews the lease. `false`: the
/// lease is over or the delivery is no longer ours; nothing may be sent.
///
/// # Errors
/// The database's.
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
        ))
        .returning(deliveries::attempt)
        .get_result(conn)
        .optional()?;
    let Some(attempt) = attempt else { return Ok(false) };
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

/// A delivery in phase `sending`, as the result needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Queryable)]
pub struct InFlight {
    pub claimed: ClaimedRow,
    pub attempt: i32,
    pub channel: Channel,
    pub endpoint: EndpointId,
    pub on_uncertain: OnUncertain,
}

type ClaimedRow = (DeliveryId, i64);

impl From<&Outgoing> for InFlight {
    fn from(outgoing: &Outgoing) -> Self {
        Self {
            claimed: (outgoing.delivery.id, outgoing.delivery.lease_gen),
            attempt: outgoing.delivery.attempt,
            channel: outgoing.delivery.channel,
            endpoint: outgoing.endpoint.id,
            on_uncertain: outgoing.endpoint.on_uncertain,
        }
    }
}

/// Where a result leads: the state, the wait before the next try, whether the attempt counts, and what it means for the
/// endpoint.
struct Consequence {
    state: DeliveryState,
    not_before: Option<UtcTime>,
    counts: bool,
    endpoint: Option<NextStep>,
}

fn consequence(
    flight: &InFlight,
    result: &SendResult,
    random: u32,
    now: UtcTime,
) -> Result<Consequence, RefusedTransition> {
    use DeliveryVerb as V;
    let tries = flight.attempt.saturating_add(1);
    let sending = DeliveryState::Sending;
    let to = |verb, not_before, counts, endpoint| {
        Ok(Consequence {
            state: sending.after(verb)?,
            not_before,
            counts,
            endpoint,
        })
    };
    match result {
        SendResult::Sent(_) => to(V::Succeed, None, true, None),
        SendResult::Failed { class, wait, .. } => {
            let next = next_delay(
                tries,
                *class,
                wait.unwrap_or(flight.channel.limit_pause()),
                random,
            );
            match next {
                NextStep::Retry(after) => to(V::Retry, Some(now.plus(after)), true, Some(next)),
                NextStep::Wait(pause) => to(V::Retry, Some(now.plus(pause)), false, Some(next)),
                NextStep::PauseEndpoint => to(V::Retry, Some(now), false, Some(next)),
                NextStep::GiveUp => to(V::GiveUp, None, true, None),
            }
        }
        SendResult::Uncertain(_) => {
            let (verb, not_before) = match flight.on_uncertain {
                OnUncertain::Resend => (V::Resend, Some(now.plus(back_off(tries, random)))),
                OnUncertain::Review => (V::Park, None),
            };
            let state = sending.after(V::Doubt)?.after(verb)?;
            Ok(Consequence {
                state,
                not_before,
                counts: true,
                endpoint: None,
            })
        }
    }
}

/// Keeps the result of a send, with mail addresses masked, and acts on it. `false`: the delivery is no longer ours, and how it
/// ended is only in the log.
///
/// # Errors
/// The database's.
pub fn record_result(
    conn: &mut AnyConnection,
    flight: &InFlight,
    result: &SendResult,
    random: u32,
    now: UtcTime,
) -> StoreResult<bool> {
    let Consequence {
        state,
        not_before,
        counts,
        endpoint,
    } = consequence(flight, result, random, now)?;
    let (id, lease_gen) = flight.claimed;
    let detail: String = mask_addresses(result.detail())
        .chars()
        .filter(|c| !c.is_control())
        .take(DETAIL_CHARS)
        .collect();
    let sent = matches!(result, SendResult::Sent(_));
    let uncertain = matches!(result, SendResult::Uncertain(_));
    let failure = (!sent).then_some(result.outcome());
    let updated = diesel::update(deliveries::table.find(id))
        .filter(deliveries::lease_gen.eq(lease_gen))
        .filter(deliveries::state.eq(DeliveryState::Sending))
        .set((
            deliveries::state.eq(state),
            not_before.map(|at| deliveries::not_before.eq(at)),
            deliveries::attempt.eq(deliveries::attempt + i32::from(counts)),
            deliveries::uncertain_count.eq(deliveries::uncertain_count + i32::from(uncertain)),
            deliveries::lease_owner.eq(None::<NodeId>),
            deliveries::lease_until.eq(None::<UtcTime>),
            deliveries::sent_at.eq(sent.then_some(now)),
            deliveries::last_class.eq(failure),
            deliveries::last_error.eq((!sent).then_some(&detail)),
            deliveries::updated_at.eq(now),
        ))
        .execute(conn)?;
    if updated != 1 {
        return Ok(false);
    }
    diesel::update(delivery_attempts::table.find((id, lease_gen)))
        .set((
            delivery_attempts::ended_at.eq(now),
            delivery_attempts::outcome.eq(result.outcome()),
            delivery_attempts::detail.eq(&detail),
        ))
        .execute(conn)?;
    match endpoint {
        Some(next) => endpoints::note_failure(conn, flight.endpoint, now, next, &detail)?,
        None if sent => endpoints::note_success(conn, flight.endpoint, now)?,
        None => (),
    }
    Ok(true)
}

/// Gives back what a worker has claimed and not begun to send. `only`: these; otherwise all of its own.
///
/// # Errors
/// The database's.
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
        .set(released(now))
        .into_boxed();
    if let Some(only) = only {
        mine = mine.filter(deliveries::id.eq_any(only.to_vec()));
    }
    mine.execute(conn)
}

type Released = (
    diesel::dsl::Eq<deliveries::state, DeliveryState>,
    diesel::dsl::Eq<deliveries::lease_owner, Option<NodeId>>,
    diesel::dsl::Eq<deliveries::lease_until, Option<UtcTime>>,
    diesel::dsl::Eq<deliveries::updated_at, UtcTime>,
);

fn released(now: UtcTime) -> Released {
    (
        deliveries::state.eq(DeliveryState::Queued),
        deliveries::lease_owner.eq(None),
        deliveries::lease_until.eq(None),
        deliveries::updated_at.eq(now),
    )
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

/// Takes back what is past its lease, and ends what is past its time.
///
/// # Errors
/// The database's.
pub fn reclaim(conn: &mut AnyConnection, random: u32, now: UtcTime) -> StoreResult<Reclaimed> {
    /// Rows taken back in one transaction.
    const MOST: i64 = 200;
    let lease_over = deliveries::lease_until.assume_not_null().lt(now);
    let flights: Vec<InFlight> = deliveries::table
        .inner_join(endpoints_table::table)
        .filter(is_held())
        .filter(deliveries::state.eq(DeliveryState::Sending))
        .filter(lease_over)
        .order(deliveries::id)
        .limit(MOST)
        .select((
            (deliveries::id, deliveries::lease_gen),
            deliveries::attempt,
            deliveries::channel,
            deliveries::endpoint_id,
            endpoints_table::on_uncertain,
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
        .set(released(now))
        .execute(conn)?;
    reclaimed.expired = diesel::update(deliveries::table)
        .filter(is_queued())
        .filter(deliveries::expires_at.le(now))
        .set((
            deliveries::state.eq(DeliveryState::Expired),
            deliveries::updated_at.eq(now),
        ))
        .execute(conn)?;
    Ok(reclaimed)
}

/// A delivery that is not there or not visible.
fn not_found() -> StoreError {
    StoreError::NotFound("delivery")
}
