//! Where posts receive, and how well that goes.

use chrono::TimeDelta;
use diesel::dsl::{case_when, select};
use diesel::prelude::*;

use super::areas::Subtree;
use super::audit::Entry;
use super::ledger::Recording;
use super::{StoreError, StoreResult};
use crate::clock::UtcTime;
use crate::db::AnyConnection;
use crate::db::schema::endpoints;
use crate::domain::Violation;
use crate::domain::access::Post;
use crate::domain::delivery::{
    Channel, DISABLE_AFTER, DISABLE_STREAK, EndpointStatus, NextStep, OnUncertain,
};
use crate::ids::{AreaId, EndpointId};
use crate::store::predicates::{last_area, within};

/// An endpoint's row.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = endpoints)]
pub struct EndpointRow {
    pub id: EndpointId,
    pub version: i64,
    pub created_at: UtcTime,
    pub created_digest: String,
    pub updated_at: UtcTime,
    pub area_id: AreaId,
    pub post: Post,
    pub channel: Channel,
    /// A mail address or URL; empty where the channel needs none.
    pub address: String,
    pub sealed_secret: Option<String>,
    pub on_uncertain: OnUncertain,
    pub status: EndpointStatus,
    pub status_reason: Option<String>,
    /// Failures since the last success.
    pub fail_streak: i32,
    pub first_failed_at: Option<UtcTime>,
    /// Nothing is sent before this.
    pub blocked_until: Option<UtcTime>,
    pub last_sent_at: Option<UtcTime>,
}

/// An endpoint to be recorded.
#[derive(Debug, Clone)]
pub struct NewEndpoint {
    pub id: EndpointId,
    /// Digest of the request: the same one again gives the same endpoint.
    pub digest: String,
    pub area: AreaId,
    pub post: Post,
    pub channel: Channel,
    pub address: String,
    pub sealed_secret: Option<String>,
    pub on_uncertain: OnUncertain,
}

/// What `sealed_secret` is sealed for.
pub const SECRET_PURPOSE: &str = "endpoint secret";

/// Channels the worker can send through today.
const SERVED: [Channel; 3] = [Channel::Inbox, Channel::File, Channel::Email];

impl NewEndpoint {
    fn check(&self) -> Result<(), Violation> {
        if !SERVED.contains(&self.channel) {
            return Err(Violation::new(
                "/channel",
                "channel_not_served",
                format!("目前不支持 {} 渠道。", self.channel),
                format!("The channel {} is not served yet.", self.channel),
            ));
        }
        let needs_address = self.channel == Channel::Email;
        let plausible = self
            .address
            .split_once('@')
            .is_some_and(|(user, host)| !user.is_empty() && !host.is_empty() && !host.contains('@'))
            && !self.address.contains(char::is_whitespace)
            && self.address.len() <= 254;
        if needs_address && !plausible {
            return Err(Violation::new(
                "/address",
                "bad_address",
                "请填写电子邮件地址，例如 office@example.org。",
                "Write a mail address such as office@example.org.",
            ));
        }
        if !needs_address && !self.address.is_empty() {
            return Err(Violation::new(
                "/address",
                "no_address_wanted",
                "该渠道不需要地址。",
                "This channel takes no address.",
            ));
        }
        Ok(())
    }
}

/// Records an endpoint. The same id with the same request is the same endpoint.
///
/// # Errors
/// [`StoreError::Invalid`], [`StoreError::IdTaken`], or the database's.
pub fn create(recording: &mut Recording<'_, '_>, new: &NewEndpoint) -> StoreResult<EndpointRow> {
    let known: Option<EndpointRow> = endpoints::table
        .find(new.id)
        .select(EndpointRow::as_select())
        .first(recording.conn())
        .optional()?;
    if let Some(known) = known {
        return if known.created_digest == new.digest {
            Ok(known)
        } else {
            Err(StoreError::IdTaken)
        };
    }
    new.check()?;
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
        address: new.address.clone(),
        sealed_secret: new.sealed_secret.clone(),
        on_uncertain: new.on_uncertain,
        status: EndpointStatus::Active,
        status_reason: None,
        fail_streak: 0,
        first_failed_at: None,
        blocked_until: None,
        last_sent_at: None,
    };
    diesel::insert_into(endpoints::table)
        .values(&row)
        .execute(recording.conn())?;
    audit(recording, "create", &row)?;
    Ok(row)
}

/// Whether there is an endpoint of this id, whoever's it is.
///
/// # Errors
/// The database's.
pub fn exists(conn: &mut AnyConnection, id: EndpointId) -> QueryResult<bool> {
    select(diesel::dsl::exists(endpoints::table.find(id))).get_result(conn)
}

fn audit(recording: &mut Recording<'_, '_>, verb: &str, row: &EndpointRow) -> QueryResult<()> {
    recording.audit(&Entry {
        verb,
        resource: "endpoint",
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

/// The endpoint of this id, if its area belongs to `visible`.
///
/// # Errors
/// [`StoreError::NotFound`], or the database's.
pub fn find(conn: &mut AnyConnection, visible: &Subtree, id: EndpointId) -> StoreResult<EndpointRow> {
    endpoints_of!(visible)
        .filter(endpoints::id.eq(id))
        .first(conn)
        .optional()?
        .ok_or(StoreError::NotFound("endpoint"))
}

/// Endpoints of `visible`, by id, after `after`.
///
/// # Errors
/// The database's.
pub fn list(
    conn: &mut AnyConnection,
    visible: &Subtree,
    after: Option<EndpointId>,
    limit: i64,
) -> QueryResult<Vec<EndpointRow>> {
    let mut query = endpoints_of!(visible)
        .order(endpoints::id)
        .limit(limit)
        .into_boxed();
    if let Some(after) = after {
        query = query.filter(endpoints::id.gt(after));
    }
    query.load(conn)
}

/// The endpoints that take new deliveries for any of these areas. One that is paused takes them too: they wait in its queue.
///
/// # Errors
/// The database's.
pub fn receiving(conn: &mut AnyConnection, areas: &[AreaId]) -> QueryResult<Vec<EndpointRow>> {
    endpoints::table
        .filter(endpoints::area_id.eq_any(areas))
        .filter(endpoints::status.ne(EndpointStatus::Disabled))
        .order(endpoints::id)
        .select(EndpointRow::as_select())
        .load(conn)
}

/// A person puts an endpoint in or out of use. Putting it in use forgets its failures.
///
/// # Errors
/// [`StoreError::NotFound`], or the database's.
pub fn set_status(
    recording: &mut Recording<'_, '_>,
    visible: &Subtree,
    id: EndpointId,
    status: EndpointStatus,
    reason: Option<&str>,
) -> StoreResult<EndpointRow> {
    find(recording.conn(), visible, id)?;
    diesel::update(endpoints::table.find(id))
        .set((
            endpoints::status.eq(status),
            endpoints::status_reason.eq(reason),
            endpoints::fail_streak.eq(0),
            endpoints::first_failed_at.eq(None::<UtcTime>),
            endpoints::blocked_until.eq(None::<UtcTime>),
            endpoints::updated_at.eq(recording.now()),
            endpoints::version.eq(endpoints::version + 1),
        ))
        .execute(recording.conn())?;
    let row = find(recording.conn(), visible, id)?;
    audit(recording, status.as_str(), &row)?;
    Ok(row)
}

/// How exactly `last_sent_at` is kept. Workers that send to one endpoint at the same time would otherwise queue for its row,
/// and for each other.
const LAST_SENT_STEP: TimeDelta = TimeDelta::minutes(1);

/// Notes that a send succeeded: forgets failures, and moves `last_sent_at`, to the minute. Mostly there is nothing to write,
/// and then the row is not touched.
///
/// # Errors
/// The database's.
pub fn note_success(conn: &mut AnyConnection, id: EndpointId, now: UtcTime) -> QueryResult<()> {
    let failing = endpoints::fail_streak
        .ne(0)
        .or(endpoints::first_failed_at.is_not_null());
    let long_ago = endpoints::last_sent_at.is_null().or(endpoints::last_sent_at
        .assume_not_null()
        .le(now.plus(-LAST_SENT_STEP)));
    diesel::update(endpoints::table.find(id))
        .filter(failing.or(long_ago))
        .set((
            endpoints::fail_streak.eq(0),
            endpoints::first_failed_at.eq(None::<UtcTime>),
            endpoints::last_sent_at.eq(now),
        ))
        .execute(conn)
        .map(drop)
}

/// Notes that a send failed, and does to the endpoint what the failure means: leave it alone for a while, pause it, or give it
/// up after a day of nothing but failures.
///
/// # Errors
/// The database's.
pub fn note_failure(
    conn: &mut AnyConnection,
    id: EndpointId,
    now: UtcTime,
    next: NextStep,
    detail: &str,
) -> QueryResult<()> {
    if let NextStep::GiveUp = next {
        return Ok(()); // the recipient was refused, the endpoint works
    }
    let since =
        case_when(endpoints::first_failed_at.is_null(), Some(now)).otherwise(endpoints::first_failed_at);
    diesel::update(endpoints::table.find(id))
        .set((
            endpoints::fail_streak.eq(endpoints::fail_streak + 1),
            endpoints::first_failed_at.eq(since),
        ))
        .execute(conn)?;
    match next {
        NextStep::Wait(pause) => diesel::update(endpoints::table.find(id))
            .set(endpoints::blocked_until.eq(now.plus(pause)))
            .execute(conn)
            .map(drop),
        NextStep::PauseEndpoint => take_out(conn, id, now, TakenOut::Paused, detail),
        NextStep::Retry(_) => take_out(conn, id, now, TakenOut::Disabled, detail),
        NextStep::GiveUp => Ok(()),
    }
}

/// How an endpoint is taken out of use.
#[derive(Debug, Clone, Copy)]
enum TakenOut {
    /// At once: its settings were refused.
    Paused,
    /// After a day of failures, and several of them.
    Disabled,
}

impl TakenOut {
    const fn status(self) -> EndpointStatus {
        match self {
            Self::Paused => EndpointStatus::Paused,
            Self::Disabled => EndpointStatus::Disabled,
        }
    }

    /// Since when it must have failed by now, and how often.
    fn needs(self, now: UtcTime) -> (UtcTime, i32) {
        match self {
            Self::Paused => (now, 1),
            Self::Disabled => (now.plus(-DISABLE_AFTER), DISABLE_STREAK),
        }
    }
}

/// Takes an active endpoint out of use if it has failed for long and often enough.
fn take_out(
    conn: &mut AnyConnection,
    id: EndpointId,
    now: UtcTime,
    how: TakenOut,
    detail: &str,
) -> QueryResult<()> {
    let status = how.status();
    let (failing_since, failures) = how.needs(now);
    let taken_out = diesel::update(endpoints::table.find(id))
        .filter(endpoints::status.eq(EndpointStatus::Active))
        .filter(endpoints::fail_streak.ge(failures))
        .filter(endpoints::first_failed_at.is_not_null())
        .filter(endpoints::first_failed_at.assume_not_null().le(failing_since))
        .set((
            endpoints::status.eq(status),
            endpoints::status_reason.eq(detail),
            endpoints::updated_at.eq(now),
            endpoints::version.eq(endpoints::version + 1),
        ))
        .execute(conn)?;
    if taken_out == 1 {
        tracing::error!(endpoint = %id, %status, "An endpoint was taken out of use; see its status reason.");
    }
    Ok(())
}
