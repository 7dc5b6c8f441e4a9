//! Tracks the successes and failures of endpoints, and pauses or disables them.

use chrono::TimeDelta;
use diesel::dsl::case_when;
use diesel::prelude::*;
use qiaojian_domain::clock::UtcTime;
use qiaojian_domain::delivery::{DISABLE_AFTER, DISABLE_STREAK, EndpointStatus, NextStep};
use qiaojian_domain::ids::EndpointId;

use crate::db::AnyConnection;
use crate::db::schema::endpoints;

/// The precision of `last_sent_at`. Without it, workers that send to one endpoint concurrently would wait for its row
/// lock, and so for each other.
const LAST_SENT_STEP: TimeDelta = TimeDelta::minutes(1);

/// Records that a send succeeded: resets failures, and updates `last_sent_at` to the minute. Usually nothing changes,
/// and the row is not written.
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

/// Records that a send failed, and applies the consequence for the endpoint: block it for a while, pause it, or disable
/// it once it has only failed for [`DISABLE_AFTER`] and at least [`DISABLE_STREAK`] times.
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
    /// Immediately: its settings were rejected.
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

    /// Returns the latest time of its first failure, and the minimum number of failures.
    fn needs(self, now: UtcTime) -> (UtcTime, i32) {
        match self {
            Self::Paused => (now, 1),
            Self::Disabled => (now.plus(-DISABLE_AFTER), DISABLE_STREAK),
        }
    }
}

/// Takes an active endpoint out of use if it has failed long and often enough.
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
        tracing::error!(endpoint = %id, %status, "An endpoint was disabled; see its status reason.");
    }
    Ok(())
}
