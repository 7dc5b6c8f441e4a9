//! Deliveries of notices. Every update by a worker is fenced: it names the lease generation and the states it may start
//! from, and if it matches no row, another worker owns the delivery and this worker stops.
//!
//! `sending` is committed before the first byte is sent. A crash therefore leaves an unsent delivery or an uncertain
//! one, never a lost one.

mod lease;
mod manage;
mod reach;
mod result;

pub use lease::{LEASE_GRACE, Reclaimed, anything_overdue, mark_sending, reclaim, release, server_clock};
pub use manage::{DeliveryView, Filter, attempts, cancel, find, list, redeliver};
pub use reach::{deliver, queue_undelivered, settle, undelivered};
pub use result::{InFlight, record_result};

use diesel::dsl::{exists, select, sql};
use diesel::prelude::*;
use diesel::sql_types::Bool;
use qiaojian_domain::Noun;
use qiaojian_domain::clock::UtcTime;
use qiaojian_domain::delivery::{AttemptOutcome, Channel, DeliveryState, EndpointStatus};
use qiaojian_domain::ids::{DeliveryId, EndpointId, NodeId, NoticeId};

use super::areas;
use super::bulletins::{BulletinRow, fill_text};
use super::endpoints::EndpointRow;
use super::notices::{NoticeRow, Undeliverable};
use super::{StoreError, StoreResult};
use crate::db::AnyConnection;
use crate::db::dialect::{Claimed, insert_if_absent};
use crate::db::schema::{bulletins, deliveries, delivery_attempts, endpoints as endpoints_table, notices};

/// A row of `deliveries`.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = deliveries)]
pub struct DeliveryRow {
    pub id: DeliveryId,
    /// Incremented by every UPDATE.
    pub version: i64,
    pub notice_id: NoticeId,
    /// `None`, like the endpoint, while it is undeliverable.
    pub channel: Option<Channel>,
    pub endpoint_id: Option<EndpointId>,
    pub state: DeliveryState,
    pub not_before: UtcTime,
    pub expires_at: UtcTime,
    /// Attempts that count; one that the recipient's server rejected as too many does not.
    pub attempt: i32,
    pub lease_owner: Option<NodeId>,
    /// Number of claims; the fencing token.
    pub lease_gen: i64,
    pub lease_until: Option<UtcTime>,
    pub uncertain_count: i32,
    pub sent_at: Option<UtcTime>,
    /// The outcome of the last attempt, unless it was `sent`.
    pub last_class: Option<AttemptOutcome>,
    pub last_error: Option<String>,
    /// Why a person last acted on it; for an undeliverable one, a word of [`super::notices::Undeliverable`].
    pub reason: Option<String>,
    pub created_at: UtcTime,
    pub updated_at: UtcTime,
    /// The address key of its endpoint: a notice has one delivery per channel and address key. `None` in rows of an
    /// earlier version.
    pub address_key: Option<String>,
}

/// One attempt, kept as evidence.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = delivery_attempts)]
pub struct AttemptRow {
    pub delivery_id: DeliveryId,
    pub lease_gen: i64,
    pub attempt: i32,
    pub node_id: NodeId,
    pub started_at: UtcTime,
    pub ended_at: Option<UtcTime>,
    /// `None` while sending.
    pub outcome: Option<AttemptOutcome>,
    pub detail: Option<String>,
}

/// A claimed delivery with all data that a channel requires.
#[derive(Debug, Clone)]
pub struct Outgoing {
    pub delivery: DeliveryRow,
    pub notice: NoticeRow,
    pub bulletin: BulletinRow,
    pub endpoint: EndpointRow,
    pub area_code: String,
    pub area_name: String,
}

/// A queued delivery without an endpoint.
const fn fresh(id: DeliveryId, notice: NoticeId, now: UtcTime, expires_at: UtcTime) -> DeliveryRow {
    DeliveryRow {
        id,
        version: 1,
        notice_id: notice,
        channel: None,
        endpoint_id: None,
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
        address_key: None,
    }
}

/// Queues a notice for an endpoint, unless it already has a delivery to that endpoint or to the same address.
///
/// # Errors
/// Returns an error if the database fails.
pub fn queue(
    conn: &mut AnyConnection,
    id: DeliveryId,
    notice: NoticeId,
    endpoint: &EndpointRow,
    now: UtcTime,
    expires_at: UtcTime,
) -> QueryResult<bool> {
    let row = DeliveryRow {
        channel: Some(endpoint.channel),
        endpoint_id: Some(endpoint.id),
        address_key: Some(endpoint.address_key.clone()),
        ..fresh(id, notice, now, expires_at)
    };
    insert_if_absent!(conn, deliveries::table, &row)
}

/// Records that the post of a notice has no usable endpoint, and why.
///
/// # Errors
/// Returns an error if the database fails.
pub fn cannot_reach(
    conn: &mut AnyConnection,
    id: DeliveryId,
    notice: NoticeId,
    why: Undeliverable,
    now: UtcTime,
    expires_at: UtcTime,
) -> QueryResult<bool> {
    let row = DeliveryRow {
        channel: None,
        endpoint_id: None,
        state: DeliveryState::Undeliverable,
        reason: Some(why.as_str().to_owned()),
        ..fresh(id, notice, now, expires_at)
    };
    insert_if_absent!(conn, deliveries::table, &row)
}

// Literals instead of bind parameters: otherwise the partial indexes cannot be used.
fn is_queued() -> diesel::expression::SqlLiteral<Bool> {
    sql("deliveries.state = 'queued'")
}

fn is_held() -> diesel::expression::SqlLiteral<Bool> {
    sql("deliveries.state IN ('leased', 'sending')")
}

/// Returns whether a claim for these channels would find anything. Runs on a read lane, so that an idle worker writes
/// nothing.
///
/// # Errors
/// Returns an error if the database fails.
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

/// Returns the claimed deliveries with all data that the channels require. Omits those whose lease generation has
/// changed.
///
/// # Errors
/// Returns an error if the database fails.
pub fn outgoing(conn: &mut AnyConnection, claimed: &[Claimed]) -> StoreResult<Vec<Outgoing>> {
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
    let areas = areas::as_last_known(conn, rows.iter().map(|(_, notice, ..)| notice.area_id))?;
    let still_ours = |row: &DeliveryRow| {
        claimed.contains(&Claimed {
            id: row.id,
            lease_gen: row.lease_gen,
        })
    };
    let mut outgoing = Vec::with_capacity(rows.len());
    for (delivery, mut notice, bulletin, endpoint) in rows {
        let area = areas
            .get(&notice.area_id)
            .ok_or(diesel::result::Error::NotFound)?;
        if still_ours(&delivery) {
            match fill_text(conn, &bulletin, &mut notice) {
                Ok(()) => {}
                // A defect in one notice must not block others; it is sent where no text is required.
                Err(StoreError::Json(error)) => {
                    tracing::error!(notice = %notice.id, %error, "The text of a notice cannot be rendered.");
                }
                Err(error) => return Err(error),
            }
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

/// The error for a delivery that does not exist or is not visible.
fn not_found() -> StoreError {
    StoreError::NotFound(Noun::Delivery)
}
