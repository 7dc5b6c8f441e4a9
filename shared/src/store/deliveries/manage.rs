//! What people see of deliveries, and what they may do with them.

use diesel::prelude::*;

use super::{AttemptRow, DeliveryRow, not_found};
use crate::clock::UtcTime;
use crate::db::AnyConnection;
use crate::db::schema::{area_versions, bulletins, deliveries, delivery_attempts, notices};
use crate::domain::bulletin::BulletinKind;
use crate::domain::delivery::{Channel, DeliveryState, DeliveryVerb, lifetime};
use crate::domain::period::Period;
use crate::ids::{AreaId, BulletinId, DeliveryId, NodeId};
use crate::store::areas::Subtree;
use crate::store::audit::Entry;
use crate::store::ledger::Recording;
use crate::store::predicates::{last_area, within};
use crate::store::{StoreError, StoreResult, unless_stale};

/// A delivery with what it delivers and to whom.
#[derive(Debug, Clone, Queryable)]
pub struct DeliveryView {
    pub delivery: DeliveryRow,
    pub bulletin_id: BulletinId,
    pub kind: BulletinKind,
    pub period: Period,
    pub serial: Option<i32>,
    pub area_id: AreaId,
    pub area_code: String,
    pub area_name: String,
}

/// What the caller wants to see.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Only of this bulletin.
    pub bulletin: Option<BulletinId>,
    /// Only in these states; all when empty.
    pub states: Vec<DeliveryState>,
    /// Only through this channel.
    pub channel: Option<Channel>,
}

macro_rules! deliveries_to {
    ($visible:expr) => {
        deliveries::table
            .inner_join(notices::table.inner_join(bulletins::table))
            .inner_join(last_area!(notices::area_id))
            .filter(within!($visible))
            .select((
                DeliveryRow::as_select(),
                bulletins::id,
                bulletins::kind,
                bulletins::period,
                bulletins::serial,
                area_versions::area_id,
                area_versions::code,
                area_versions::name,
            ))
    };
}

/// The delivery of this id, if it goes to an area of `visible`.
///
/// # Errors
/// [`StoreError::NotFound`], or the database's.
pub fn find(conn: &mut AnyConnection, visible: &Subtree, id: DeliveryId) -> StoreResult<DeliveryView> {
    deliveries_to!(visible)
        .filter(deliveries::id.eq(id))
        .first(conn)
        .optional()?
        .ok_or_else(not_found)
}

/// Deliveries to areas of `visible`, the newest first, before `before`.
///
/// # Errors
/// The database's.
pub fn list(
    conn: &mut AnyConnection,
    visible: &Subtree,
    filter: &Filter,
    before: Option<DeliveryId>,
    limit: i64,
) -> QueryResult<Vec<DeliveryView>> {
    let mut query = deliveries_to!(visible)
        .order(deliveries::id.desc())
        .limit(limit)
        .into_boxed();
    if let Some(bulletin) = filter.bulletin {
        query = query.filter(notices::bulletin_id.eq(bulletin));
    }
    if !filter.states.is_empty() {
        query = query.filter(deliveries::state.eq_any(filter.states.clone()));
    }
    if let Some(channel) = filter.channel {
        query = query.filter(deliveries::channel.eq(channel));
    }
    if let Some(before) = before {
        query = query.filter(deliveries::id.lt(before));
    }
    query.load(conn)
}

/// What was tried, oldest first.
///
/// # Errors
/// The database's.
pub fn attempts(conn: &mut AnyConnection, id: DeliveryId) -> QueryResult<Vec<AttemptRow>> {
    delivery_attempts::table
        .filter(delivery_attempts::delivery_id.eq(id))
        .order(delivery_attempts::lease_gen)
        .select(AttemptRow::as_select())
        .load(conn)
}

/// Has it sent again, with the same id, for a new lifetime. `expected`: only if it is at this version.
///
/// # Errors
/// [`StoreError::Refused`], [`StoreError::NotFound`], [`StoreError::Stale`], or the database's.
pub fn redeliver(
    recording: &mut Recording<'_, '_>,
    visible: &Subtree,
    id: DeliveryId,
    expected: Option<i64>,
    reason: &str,
) -> StoreResult<DeliveryView> {
    let view = find_at(recording, visible, id, expected)?;
    let now = recording.now();
    let new_end = now.plus(lifetime(view.period.unit()));
    let renewed = Renewed {
        not_before: now,
        expires_at: view.delivery.expires_at.max(new_end),
    };
    step(
        recording,
        visible,
        &view,
        DeliveryVerb::Redeliver,
        Some(renewed),
        reason,
    )
}

/// Takes it back. `expected`: only if it is at this version.
///
/// # Errors
/// As [`redeliver`].
pub fn cancel(
    recording: &mut Recording<'_, '_>,
    visible: &Subtree,
    id: DeliveryId,
    expected: Option<i64>,
    reason: &str,
) -> StoreResult<DeliveryView> {
    let view = find_at(recording, visible, id, expected)?;
    step(recording, visible, &view, DeliveryVerb::Cancel, None, reason)
}

fn find_at(
    recording: &mut Recording<'_, '_>,
    visible: &Subtree,
    id: DeliveryId,
    expected: Option<i64>,
) -> StoreResult<DeliveryView> {
    let found = find(recording.conn(), visible, id)?;
    unless_stale(expected, found.delivery.version)?;
    Ok(found)
}

/// The time a delivery gets when it is sent again.
struct Renewed {
    not_before: UtcTime,
    expires_at: UtcTime,
}

/// A worker may have it in hand, so the version is asked again in the update; a worker's own update then hits no row.
fn step(
    recording: &mut Recording<'_, '_>,
    visible: &Subtree,
    view: &DeliveryView,
    verb: DeliveryVerb,
    renewed: Option<Renewed>,
    reason: &str,
) -> StoreResult<DeliveryView> {
    let id = view.delivery.id;
    let to = view.delivery.state.after(verb)?;
    let now = recording.now();
    let times = renewed.map(|times| {
        (
            deliveries::not_before.eq(times.not_before),
            deliveries::expires_at.eq(times.expires_at),
        )
    });
    let updated = diesel::update(deliveries::table.find(id))
        .filter(deliveries::version.eq(view.delivery.version))
        .set((
            deliveries::state.eq(to),
            times,
            deliveries::lease_owner.eq(None::<NodeId>),
            deliveries::lease_until.eq(None::<UtcTime>),
            deliveries::reason.eq(reason),
            deliveries::updated_at.eq(now),
            deliveries::version.eq(deliveries::version + 1),
        ))
        .execute(recording.conn())?;
    let after = find(recording.conn(), visible, id)?;
    if updated != 1 {
        // A worker was faster: the answer is about the state it is in now.
        after.delivery.state.after(verb)?;
        return Err(StoreError::Stale {
            current: after.delivery.version,
        });
    }
    recording.audit(&Entry {
        verb: verb.as_str(),
        resource: "delivery",
        id: &id.to_string(),
        area: Some(view.area_id),
        before: Some(view.delivery.state.as_str()),
        after: Some(to.as_str()),
    })?;
    Ok(after)
}
