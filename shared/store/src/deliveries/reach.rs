//! Queues notices that did not reach their post for the endpoints it has now.

use diesel::dsl::{exists, not};
use diesel::prelude::*;
use qiaojian_domain::bulletin::BulletinState;
use qiaojian_domain::clock::UtcTime;
use qiaojian_domain::delivery::{DeliveryState, DeliveryVerb, EndpointStatus, lifetime};
use qiaojian_domain::ids::{DeliveryId, EndpointId, NodeId, NoticeId};
use qiaojian_domain::period::Period;
use qiaojian_domain::{Conflict, Noun, StateMachine};

use super::{DeliveryRow, queue};
use crate::areas::Subtree;
use crate::audit::Entry;
use crate::bulletins::{BulletinRow, Mint};
use crate::db::AnyConnection;
use crate::db::schema::{bulletins, deliveries, notices as notices_table};
use crate::endpoints::{self, EndpointRow};
use crate::ledger::Recording;
use crate::notices::{self, NoticeRow};
use crate::{StoreError, StoreResult, unless_stale};

/// Maximum number of notices examined and queued at once for one endpoint.
const MOST: i64 = 100;

/// States in which the recipient has received it, may have, or will.
const ON_THE_WAY: [DeliveryState; 6] = [
    DeliveryState::Queued,
    DeliveryState::Leased,
    DeliveryState::Sending,
    DeliveryState::Sent,
    DeliveryState::Uncertain,
    DeliveryState::NeedsReview,
];

/// Returns the published and unacknowledged notices to the post of this endpoint that are neither on their way to any
/// endpoint nor delivered: the newest first, at most `MOST`.
///
/// # Errors
/// Returns an error if the database fails.
pub fn undelivered(conn: &mut AnyConnection, endpoint: &EndpointRow) -> QueryResult<Vec<(NoticeId, Period)>> {
    if endpoint.status == EndpointStatus::Disabled {
        return Ok(Vec::new());
    }
    let reached = deliveries::table
        .filter(deliveries::notice_id.eq(notices_table::id))
        .filter(deliveries::state.eq_any(ON_THE_WAY));
    notices_table::table
        .inner_join(bulletins::table)
        .filter(notices_table::area_id.eq(endpoint.area_id))
        .filter(notices_table::post.eq(endpoint.post))
        .filter(notices_table::acknowledged_at.is_null())
        .filter(bulletins::state.eq(BulletinState::Published))
        .filter(not(exists(reached)))
        .order((bulletins::published_at.desc(), notices_table::id.desc()))
        .limit(MOST)
        .select((notices_table::id, bulletins::period))
        .load(conn)
}

/// Queues for this endpoint the notices that have not reached its post. Returns their number.
///
/// # Errors
/// Returns an error if the database fails.
pub fn queue_undelivered(
    recording: &mut Recording<'_, '_>,
    mint: Mint<'_>,
    endpoint: &EndpointRow,
) -> StoreResult<usize> {
    let waiting = undelivered(recording.conn(), endpoint)?;
    for (notice, period) in &waiting {
        queue_for(recording, mint, (*notice, *period), endpoint)?;
    }
    Ok(waiting.len())
}

/// Queues a notice for those endpoints of its post to which it is neither on its way nor delivered. If `expected` is
/// given, the notice must be at this version.
///
/// # Errors
/// [`StoreError::Conflict`] `no_endpoint`, [`StoreError::NotFound`], [`StoreError::Stale`], or a database error.
pub fn deliver(
    recording: &mut Recording<'_, '_>,
    mint: Mint<'_>,
    visible: &Subtree,
    id: NoticeId,
    expected: Option<i64>,
) -> StoreResult<(NoticeRow, BulletinRow)> {
    let (notice, bulletin) = notices::find(recording.conn(), visible, id)?;
    unless_stale(expected, notice.version)?;
    let mut there = endpoints::receiving(recording.conn(), &[notice.area_id])?;
    there.retain(|endpoint| endpoint.post == notice.post);
    if there.is_empty() {
        return Err(StoreError::Conflict(Conflict::NoEndpoint));
    }
    let mut queued = false;
    for endpoint in &there {
        queued |= queue_for(recording, mint, (notice.id, bulletin.period), endpoint)?;
    }
    if queued {
        recording.audit(&Entry {
            verb: "deliver",
            resource: Noun::Notice,
            id: &id.to_string(),
            area: Some(notice.area_id),
            before: None,
            after: None,
        })?;
    }
    notices::find(recording.conn(), visible, id)
}

/// Queues a notice for an endpoint. Reuses a failed delivery to this endpoint or its address, or an undeliverable one;
/// otherwise creates a new one. Returns `false` if it is on its way there or delivered.
fn queue_for(
    recording: &mut Recording<'_, '_>,
    mint: Mint<'_>,
    (notice, period): (NoticeId, Period),
    endpoint: &EndpointRow,
) -> StoreResult<bool> {
    let now = recording.now();
    let expires_at = now.plus(lifetime(period.unit()));
    let conn = recording.conn();
    let of_notice: Vec<DeliveryRow> = deliveries::table
        .filter(deliveries::notice_id.eq(notice))
        .order(deliveries::id)
        .select(DeliveryRow::as_select())
        .load(conn)?;
    let goes_there = |row: &&DeliveryRow| {
        row.endpoint_id == Some(endpoint.id)
            || (row.channel == Some(endpoint.channel)
                && row.address_key.as_ref() == Some(&endpoint.address_key))
    };
    let is_nowhere = |row: &&DeliveryRow| row.state == DeliveryState::Undeliverable;
    let known = of_notice.iter().find(goes_there);
    let queued = match known.or_else(|| of_notice.iter().find(is_nowhere)) {
        None => {
            let id = DeliveryId::generate(mint.clock, mint.entropy);
            queue(conn, id, notice, endpoint, now, expires_at)?
        }
        Some(row) => match row.state.after(DeliveryVerb::Deliver) {
            Err(_) => false,
            Ok(state) => {
                diesel::update(deliveries::table.find(row.id))
                    .set((
                        deliveries::state.eq(state),
                        deliveries::channel.eq(endpoint.channel),
                        deliveries::endpoint_id.eq(endpoint.id),
                        deliveries::address_key.eq(&endpoint.address_key),
                        deliveries::not_before.eq(now),
                        deliveries::expires_at.eq(expires_at),
                        deliveries::reason.eq(None::<String>),
                        deliveries::updated_at.eq(now),
                        deliveries::version.eq(deliveries::version + 1),
                    ))
                    .execute(conn)?;
                true
            }
        },
    };
    if queued {
        diesel::update(notices_table::table.find(notice))
            .filter(notices_table::undeliverable_reason.is_not_null())
            .set((
                notices_table::undeliverable_reason.eq(None::<String>),
                notices_table::version.eq(notices_table::version + 1),
            ))
            .execute(conn)?;
    }
    Ok(queued)
}

/// Cancels the pending deliveries of a disabled endpoint. One that is currently being sent cannot be cancelled.
///
/// # Errors
/// Returns an error if the database fails.
pub fn settle(
    conn: &mut AnyConnection,
    endpoint: EndpointId,
    reason: Option<&str>,
    now: UtcTime,
) -> QueryResult<usize> {
    diesel::update(deliveries::table)
        .filter(deliveries::endpoint_id.eq(endpoint))
        .filter(deliveries::state.eq_any([DeliveryState::Queued, DeliveryState::Leased]))
        .set((
            deliveries::state.eq(DeliveryState::Cancelled),
            deliveries::lease_owner.eq(None::<NodeId>),
            deliveries::lease_until.eq(None::<UtcTime>),
            deliveries::reason.eq(reason),
            deliveries::updated_at.eq(now),
            deliveries::version.eq(deliveries::version + 1),
        ))
        .execute(conn)
}
