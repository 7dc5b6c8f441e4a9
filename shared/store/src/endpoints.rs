//! Endpoints: the addresses at which posts receive notices, and their health.

mod health;

pub use health::{note_failure, note_success};

use diesel::dsl::select;
use diesel::prelude::*;
use qiaojian_domain::Violation;
use qiaojian_domain::access::Post;
use qiaojian_domain::clock::UtcTime;
use qiaojian_domain::delivery::{Channel, EndpointStatus, OnUncertain};
use qiaojian_domain::ids::{AreaId, EndpointId};
use qiaojian_domain::mail_address::{mailbox_key, read_mail_address};
use qiaojian_domain::{Conflict, Noun};

use super::areas::Subtree;
use super::audit::Entry;
use super::ledger::Recording;
use super::{StoreError, StoreResult, deliveries, same_request, unless_stale};
use crate::db::AnyConnection;
use crate::db::schema::endpoints;
use crate::predicates::{last_area, within};

/// A row of `endpoints`.
#[derive(Debug, Clone, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = endpoints, treat_none_as_null = true)]
pub struct EndpointRow {
    pub id: EndpointId,
    pub version: i64,
    pub created_at: UtcTime,
    pub created_digest: String,
    pub updated_at: UtcTime,
    pub area_id: AreaId,
    pub post: Post,
    pub channel: Channel,
    /// A mail address or URL; empty if the channel needs none.
    pub address: String,
    pub on_uncertain: OnUncertain,
    pub status: EndpointStatus,
    pub status_reason: Option<String>,
    /// Number of failures since the last success.
    pub fail_streak: i32,
    pub first_failed_at: Option<UtcTime>,
    /// Nothing is sent before this time.
    pub blocked_until: Option<UtcTime>,
    pub last_sent_at: Option<UtcTime>,
    /// The normalised address: area, post, channel and this key identify at most one endpoint in use.
    pub address_key: String,
    /// Why the last sends failed; `None` if they succeeded.
    pub last_error: Option<String>,
}

/// An endpoint to record.
#[derive(Debug, Clone)]
pub struct NewEndpoint {
    pub id: EndpointId,
    /// Digest of the request: repeating the request returns the same endpoint.
    pub digest: String,
    pub area: AreaId,
    pub post: Post,
    pub channel: Channel,
    pub address: String,
    pub on_uncertain: OnUncertain,
}

/// The channels that the worker supports.
const SERVED: [Channel; 3] = [Channel::Inbox, Channel::File, Channel::Email];

/// Validates the address of an endpoint and returns it as recorded.
fn checked_address(channel: Channel, address: &str) -> Result<String, Violation> {
    if !SERVED.contains(&channel) {
        return Err(Violation::new(
            "/channel",
            "channel_not_served",
            format!("目前不支持“{}”（{channel}）渠道。", channel.chinese()),
            format!("The channel {channel} is not supported yet."),
        ));
    }
    if channel == Channel::Email {
        return read_mail_address(address);
    }
    if !address.is_empty() {
        return Err(Violation::new(
            "/address",
            "no_address_wanted",
            "该渠道不需要地址。",
            "This channel has no address. Omit it.",
        ));
    }
    Ok(String::new())
}

/// Returns the endpoint that the same request has already created, in its current state.
///
/// # Errors
/// [`StoreError::Conflict`] `id_taken` if the id belongs to another request, or a database error.
pub fn made_before(
    conn: &mut AnyConnection,
    id: EndpointId,
    digest: &str,
) -> StoreResult<Option<EndpointRow>> {
    let known: Option<EndpointRow> = endpoints::table
        .find(id)
        .select(EndpointRow::as_select())
        .first(conn)
        .optional()?;
    same_request::made_before(known, |row| row.created_digest == digest)
}

/// Creates an endpoint. Call [`made_before`] first.
///
/// # Errors
/// [`StoreError::Invalid`], [`StoreError::Conflict`] `endpoint_exists`, or a database error.
pub fn create(recording: &mut Recording<'_, '_>, new: &NewEndpoint) -> StoreResult<EndpointRow> {
    let address = checked_address(new.channel, &new.address)?;
    let now = recording.now();
    let row = EndpointRow {
        id: new.id,
        version: 1,
        created_at: now,
        created_digest: new.digest.clone(),
        updated_at: now,
        area_id: new.area,
        post: new.post,
        channel: new.channel,
        address_key: mailbox_key(&address),
        last_error: None,
        address,
        on_uncertain: new.on_uncertain,
        status: EndpointStatus::Active,
        status_reason: None,
        fail_streak: 0,
        first_failed_at: None,
        blocked_until: None,
        last_sent_at: None,
    };
    refuse_twin(recording.conn(), &row)?;
    diesel::insert_into(endpoints::table)
        .values(&row)
        .execute(recording.conn())?;
    audit(recording, "create", &row)?;
    Ok(row)
}

/// Rejects a second endpoint in use with the same mailbox for this post, which would receive each notice twice.
fn refuse_twin(conn: &mut AnyConnection, row: &EndpointRow) -> StoreResult<()> {
    let twin = endpoints::table
        .filter(endpoints::area_id.eq(row.area_id))
        .filter(endpoints::post.eq(row.post))
        .filter(endpoints::channel.eq(row.channel))
        .filter(endpoints::address_key.eq(&row.address_key))
        .filter(endpoints::status.ne(EndpointStatus::Disabled))
        .filter(endpoints::id.ne(row.id));
    if select(diesel::dsl::exists(twin)).get_result(conn)? {
        return Err(StoreError::Conflict(Conflict::EndpointExists));
    }
    Ok(())
}

fn audit(recording: &mut Recording<'_, '_>, verb: &str, row: &EndpointRow) -> QueryResult<()> {
    recording.audit(&Entry {
        verb,
        resource: Noun::Endpoint,
        id: &row.id.to_string(),
        area: Some(row.area_id),
        before: None,
        after: None,
    })
}

macro_rules! endpoints_of {
    ($visible:expr) => {
        endpoints::table
            .inner_join(last_area!(endpoints::area_id))
            .filter(within!($visible))
            .select(EndpointRow::as_select())
    };
}

/// Returns the endpoint with this id, if its area belongs to `visible`.
///
/// # Errors
/// [`StoreError::NotFound`], or a database error.
pub fn find(conn: &mut AnyConnection, visible: &Subtree, id: EndpointId) -> StoreResult<EndpointRow> {
    endpoints_of!(visible)
        .filter(endpoints::id.eq(id))
        .first(conn)
        .optional()?
        .ok_or(StoreError::NotFound(Noun::Endpoint))
}

/// The filter of a list of endpoints.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Only with these statuses; all if empty.
    pub statuses: Vec<EndpointStatus>,
    /// Only those whose last send failed (`true`) or did not (`false`).
    pub failing: Option<bool>,
}

/// Returns the endpoints of `visible`, by id, after `after`.
///
/// # Errors
/// Returns an error if the database fails.
pub fn list(
    conn: &mut AnyConnection,
    visible: &Subtree,
    filter: &Filter,
    after: Option<EndpointId>,
    limit: i64,
) -> QueryResult<Vec<EndpointRow>> {
    let mut query = endpoints_of!(visible)
        .order(endpoints::id)
        .limit(limit)
        .into_boxed();
    if !filter.statuses.is_empty() {
        query = query.filter(endpoints::status.eq_any(filter.statuses.clone()));
    }
    match filter.failing {
        Some(true) => query = query.filter(endpoints::fail_streak.gt(0)),
        Some(false) => query = query.filter(endpoints::fail_streak.eq(0)),
        None => {}
    }
    if let Some(after) = after {
        query = query.filter(endpoints::id.gt(after));
    }
    query.load(conn)
}

/// Returns the endpoints that accept new deliveries for any of these areas. Includes paused ones, whose deliveries stay
/// queued.
///
/// # Errors
/// Returns an error if the database fails.
pub fn receiving(conn: &mut AnyConnection, areas: &[AreaId]) -> QueryResult<Vec<EndpointRow>> {
    endpoints::table
        .filter(endpoints::area_id.eq_any(areas))
        .filter(endpoints::status.ne(EndpointStatus::Disabled))
        .order(endpoints::id)
        .select(EndpointRow::as_select())
        .load(conn)
}

/// The changed fields of an endpoint.
#[derive(Debug, Clone, Default)]
pub struct Change {
    pub address: Option<String>,
    pub on_uncertain: Option<OnUncertain>,
}

/// Corrects an endpoint. Pending deliveries go to the new address, and its failures are reset, because they concerned
/// the former settings.
///
/// # Errors
/// The errors of [`create`], [`StoreError::NotFound`], or [`StoreError::Stale`].
pub fn update(
    recording: &mut Recording<'_, '_>,
    visible: &Subtree,
    id: EndpointId,
    expected: i64,
    change: &Change,
) -> StoreResult<EndpointRow> {
    let before = find(recording.conn(), visible, id)?;
    unless_stale(Some(expected), before.version)?;
    let address = change.address.as_ref().unwrap_or(&before.address);
    let address = checked_address(before.channel, address)?;
    let after = EndpointRow {
        version: before.version + 1,
        updated_at: recording.now(),
        address_key: mailbox_key(&address),
        address,
        on_uncertain: change.on_uncertain.unwrap_or(before.on_uncertain),
        fail_streak: 0,
        first_failed_at: None,
        blocked_until: None,
        last_error: None,
        ..before
    };
    if after.status != EndpointStatus::Disabled {
        refuse_twin(recording.conn(), &after)?;
    }
    diesel::update(endpoints::table.find(id))
        .set(&after)
        .execute(recording.conn())?;
    audit(recording, "update", &after)?;
    Ok(after)
}

/// Sets the status of an endpoint on behalf of a person, and resets its failures. Disabling it cancels its pending
/// deliveries.
///
/// # Errors
/// [`StoreError::NotFound`], [`StoreError::Conflict`] `endpoint_exists` if another one is in use instead, or a database
/// error.
pub fn set_status(
    recording: &mut Recording<'_, '_>,
    visible: &Subtree,
    id: EndpointId,
    status: EndpointStatus,
    reason: Option<&str>,
) -> StoreResult<EndpointRow> {
    let before = find(recording.conn(), visible, id)?;
    if status != EndpointStatus::Disabled {
        refuse_twin(recording.conn(), &before)?;
    }
    diesel::update(endpoints::table.find(id))
        .set((
            endpoints::status.eq(status),
            endpoints::status_reason.eq(reason),
            endpoints::fail_streak.eq(0),
            endpoints::first_failed_at.eq(None::<UtcTime>),
            endpoints::blocked_until.eq(None::<UtcTime>),
            endpoints::last_error.eq(None::<String>),
            endpoints::updated_at.eq(recording.now()),
            endpoints::version.eq(endpoints::version + 1),
        ))
        .execute(recording.conn())?;
    if status == EndpointStatus::Disabled {
        let now = recording.now();
        deliveries::settle(recording.conn(), id, reason, now)?;
    }
    let row = find(recording.conn(), visible, id)?;
    audit(recording, status.as_str(), &row)?;
    Ok(row)
}
