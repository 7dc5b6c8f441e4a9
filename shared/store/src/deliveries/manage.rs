//! Queries and actions on deliveries for people.

use diesel::prelude::*;
use qiaojian_domain::access::Post;
use qiaojian_domain::bulletin::BulletinKind;
use qiaojian_domain::clock::UtcTime;
use qiaojian_domain::delivery::{Channel, DeliveryState, DeliveryVerb, EndpointStatus, lifetime};
use qiaojian_domain::ids::{AreaId, BulletinId, DeliveryId, NodeId};
use qiaojian_domain::period::Period;
use qiaojian_domain::{Conflict, Noun, StateMachine};

use super::{AttemptRow, DeliveryRow, not_found};
use crate::areas::Subtree;
use crate::audit::Entry;
use crate::db::AnyConnection;
use crate::db::schema::{
    area_versions, bulletins, deliveries, delivery_attempts, endpoints as endpoints_table, notices,
};
use crate::endpoints::{self, EndpointRow};
use crate::ledger::Recording;
use crate::predicates::{last_area, within};
use crate::{StoreError, StoreResult, unless_stale};

/// A delivery with its bulletin and recipient.
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

/// The filter of a list of deliveries.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Only of this bulletin.
    pub bulletin: Option<BulletinId>,
    /// Only in these states; all if empty.
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

/// Returns the delivery with this id, if it is addressed to an area of `visible`.
///
/// # Errors
/// [`StoreError::NotFound`], or a database error.
pub fn find(conn: &mut AnyConnection, visible: &Subtree, id: DeliveryId) -> StoreResult<DeliveryView> {
    deliveries_to!(visible)
        .filter(deliveries::id.eq(id))
        .first(conn)
        .optional()?
        .ok_or_else(not_found)
}

/// Returns the deliveries to areas of `visible`, newest first, before `before`.
///
/// # Errors
/// Returns an error if the database fails.
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

/// Returns the attempts of a delivery, oldest first.
///
/// # Errors
/// Returns an error if the database fails.
pub fn attempts(conn: &mut AnyConnection, id: DeliveryId) -> QueryResult<Vec<AttemptRow>> {
    delivery_attempts::table
        .filter(delivery_attempts::delivery_id.eq(id))
        .order(delivery_attempts::lease_gen)
        .select(AttemptRow::as_select())
        .load(conn)
}

/// Queues a delivery again, with the same id and a new lifetime. If its endpoint is disabled, it goes to the endpoint
/// that its post has on the channel now. If `expected` is given, the delivery must be at this version.
///
/// # Errors
/// [`StoreError::Conflict`] `endpoint_gone` or `sent_to_other_endpoint`, [`StoreError::Refused`],
/// [`StoreError::NotFound`], [`StoreError::Stale`], or a database error.
pub fn redeliver(
    recording: &mut Recording<'_, '_>,
    visible: &Subtree,
    id: DeliveryId,
    expected: Option<i64>,
    reason: &str,
) -> StoreResult<DeliveryView> {
    let view = find_at(recording, visible, id, expected)?;
    view.delivery.state.after(DeliveryVerb::Redeliver)?;
    let instead = endpoint_instead(recording, &view)?;
    let now = recording.now();
    let new_end = now.plus(lifetime(view.period.unit()));
    let renewed = Renewed {
        not_before: now,
        expires_at: view.delivery.expires_at.max(new_end),
        instead,
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

/// Cancels a delivery. If `expected` is given, it must be at this version.
///
/// # Errors
/// Same as [`redeliver`].
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

/// Returns the endpoint that replaces a disabled one when a delivery is sent again.
fn endpoint_instead(
    recording: &mut Recording<'_, '_>,
    view: &DeliveryView,
) -> StoreResult<Option<EndpointRow>> {
    let conn = recording.conn();
    let row = &view.delivery;
    let (post, status): (Post, Option<EndpointStatus>) = notices::table
        .find(row.notice_id)
        .left_join(endpoints_table::table.on(endpoints_table::id.nullable().eq(row.endpoint_id)))
        .select((notices::post, endpoints_table::status.nullable()))
        .first(conn)?;
    if status != Some(EndpointStatus::Disabled) {
        return Ok(None);
    }
    let there = endpoints::receiving(conn, &[view.area_id])?;
    let instead = there
        .into_iter()
        .rfind(|endpoint| endpoint.post == post && Some(endpoint.channel) == row.channel);
    let instead = instead.ok_or(StoreError::Conflict(Conflict::EndpointGone))?;
    let other = deliveries::table
        .filter(deliveries::notice_id.eq(row.notice_id))
        .filter(deliveries::id.ne(row.id))
        .filter(
            deliveries::endpoint_id.eq(instead.id).or(deliveries::channel
                .eq(instead.channel)
                .and(deliveries::address_key.eq(&instead.address_key))),
        );
    if diesel::select(diesel::dsl::exists(other)).get_result(conn)? {
        return Err(StoreError::Conflict(Conflict::SentToOtherEndpoint));
    }
    Ok(Some(instead))
}

/// The new times of a delivery that is sent again, and its replacement endpoint.
struct Renewed {
    not_before: UtcTime,
    expires_at: UtcTime,
    instead: Option<EndpointRow>,
}

/// A worker may own the delivery, so the update checks the version again; the worker's own update then matches no row.
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
            times.instead.map(|endpoint| {
                (
                    deliveries::endpoint_id.eq(endpoint.id),
                    deliveries::address_key.eq(endpoint.address_key),
                )
            }),
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
        // A worker was faster: the error refers to the current state.
        after.delivery.state.after(verb)?;
        return Err(StoreError::Stale {
            current: after.delivery.version,
        });
    }
    recording.audit(&Entry {
        verb: verb.as_str(),
        resource: Noun::Delivery,
        id: &id.to_string(),
        area: Some(view.area_id),
        before: Some(view.delivery.state.as_str()),
        after: Some(to.as_str()),
    })?;
    Ok(after)
}
