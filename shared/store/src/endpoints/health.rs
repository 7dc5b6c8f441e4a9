//! How well sending to an endpoint goes, and what that does to it.

use chrono::TimeDelta;
use diesel::dsl::case_when;
use diesel::prelude::*;
use qiaojian_domain::clock::UtcTime;
use qiaojian_domain::delivery::{DISABLE_AFTER, DISABLE_STREAK, EndpointStatus, NextStep};
use qiaojian_domain::ids::EndpointId;

use crate::db::AnyConnection;
use crate::db::schema::endpoints;

/// How exactly `last_sent_at` is kept. Workers that send to one endpoint at the same time would otherwise queue for its row,
/// and for each other.
const LAST_SENT_STEP: TimeDelta = TimeDelta::minutes(1);

/// Notes that a send succeeded: forgets failures, and moves `last_sent_at`, to the minute. Mostly there is nothing to write,
/// and then the row is not touched.
///
/// # Errors
/// Returns an error if the database fails.
pub fn note_success(conn: &mut AnyConnection, id: EndpointId, now: UtcTime) -> QueryResult<()> {
    let failing = endpoints::fail_streak
        .ne(0)
        .or(endpoints::first_failed_at.is_not_null())
        .or(endpoints::last_error.is_not_null());
    let long_ago = endpoints::last_sent_at.is_null().or(endpoints::last_sent_at
        .assume_not_null()
        .le(now.plus(-LAST_SENT_STEP)));
    diesel::update(endpoints::table.find(id))
        .filter(failing.or(long_ago))
        .set((
            endpoints::fail_streak.eq(0),
            endpoints::first_failed_at.eq(None::<UtcTime>),
            endpoints::last_error.eq(None::<String>),
            endpoints::last_sent_at.eq(now),
        ))
        .execute(conn)
        .map(drop)
}

/// Notes that a send failed, and does to the endpoint what the failure means: leave it alone for a while, pause it, or give it
/// up after a day of nothing but failures.
///
/// # Errors
/// Returns an error if the database fails.
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
            endpoints::last_error.eq(detail),
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
