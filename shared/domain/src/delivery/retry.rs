//! The effect of a failure on the next attempt and on the endpoint.

use chrono::TimeDelta;

use super::{AttemptOutcome, Channel, FailureClass};

impl FailureClass {
    /// Returns the outcome of an attempt that failed this way.
    pub const fn outcome(self) -> AttemptOutcome {
        match self {
            Self::Transient | Self::Relay => AttemptOutcome::Transient,
            Self::Limited => AttemptOutcome::Limited,
            Self::Config => AttemptOutcome::Config,
            Self::Permanent => AttemptOutcome::Permanent,
        }
    }

    /// Returns whether the failure is attributed to the endpoint. A failure on our own side must not pause or disable
    /// an endpoint or give up a delivery.
    pub const fn blames_endpoint(self) -> bool {
        !matches!(self, Self::Relay)
    }
}

impl Channel {
    /// Returns how long to pause an endpoint that limits the rate without saying for how long.
    pub const fn limit_pause(self) -> TimeDelta {
        match self {
            Self::Dingtalk => TimeDelta::minutes(10),
            _ => TimeDelta::seconds(60),
        }
    }
}

/// The result of one send, as reported by a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SendResult {
    /// The receiver accepted the message. Contains its reply.
    Sent(String),
    /// The receiver certainly did not accept the message.
    Failed {
        /// The class of the failure, which decides about the next attempt.
        class: FailureClass,
        /// How long the receiver asks to wait.
        wait: Option<TimeDelta>,
        /// The receiver's reply or the error.
        detail: String,
    },
    /// The connection broke after the first byte of the message, so the result is unknown.
    Uncertain(String),
}

impl SendResult {
    /// Creates a failure for which the receiver did not ask to wait.
    pub fn failed(class: FailureClass, detail: impl Into<String>) -> Self {
        Self::Failed {
            class,
            wait: None,
            detail: detail.into(),
        }
    }

    /// Returns the outcome that is stored with the attempt.
    pub const fn outcome(&self) -> AttemptOutcome {
        match self {
            Self::Sent(_) => AttemptOutcome::Sent,
            Self::Failed { class, .. } => class.outcome(),
            Self::Uncertain(_) => AttemptOutcome::Uncertain,
        }
    }

    /// Returns the receiver's reply or the error.
    pub fn detail(&self) -> &str {
        match self {
            Self::Sent(detail) | Self::Failed { detail, .. } | Self::Uncertain(detail) => detail,
        }
    }
}

/// The effect of a failure on the delivery and its endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NextStep {
    /// Retry after this delay. The attempt counts.
    Retry(TimeDelta),
    /// Pause sending to the whole endpoint for this long. The attempt does not count.
    Wait(TimeDelta),
    /// Pause the endpoint, because every further attempt would fail the same way. The delivery stays queued.
    PauseEndpoint,
    /// Give up this delivery.
    GiveUp,
}

/// The upper bounds of the delay before the next attempt, by the number of attempts made.
const BACK_OFF: [TimeDelta; 6] = [
    TimeDelta::seconds(5),
    TimeDelta::seconds(30),
    TimeDelta::minutes(5),
    TimeDelta::minutes(30),
    TimeDelta::hours(2),
    TimeDelta::hours(6),
];
/// The minimum delay before an attempt.
pub(super) const SHORTEST_DELAY: TimeDelta = TimeDelta::seconds(1);
/// The maximum wait, regardless of how long the receiver asks to wait or how long the relay has been unavailable.
const LONGEST_WAIT: TimeDelta = TimeDelta::hours(1);

/// Returns what to do after a failure.
///
/// `attempts` is the number of attempts that count, including this one. `wait` is how long the receiver asks to wait,
/// if it does; an endpoint that limits the rate without a duration is paused for [`Channel::limit_pause`]. `random`
/// spreads the attempts and must be uniformly distributed over all values. Attempts continue until the delivery
/// expires.
pub fn next_delay(
    attempts: i32,
    class: FailureClass,
    wait: Option<TimeDelta>,
    channel: Channel,
    random: u32,
) -> NextStep {
    match class {
        FailureClass::Transient => NextStep::Retry(back_off(attempts, random)),
        // This is for us to repair: once the relay is available again, no mail should wait for hours.
        FailureClass::Relay => {
            let asked = wait.unwrap_or(SHORTEST_DELAY);
            NextStep::Retry(back_off(attempts, random).max(asked).min(LONGEST_WAIT))
        }
        FailureClass::Limited => {
            let asked = wait.unwrap_or(channel.limit_pause());
            NextStep::Wait(asked.clamp(SHORTEST_DELAY, LONGEST_WAIT))
        }
        FailureClass::Config => NextStep::PauseEndpoint,
        FailureClass::Permanent => NextStep::GiveUp,
    }
}

/// Returns a delay between [`SHORTEST_DELAY`] and the upper bound for this number of attempts (full jitter).
pub fn back_off(attempts: i32, random: u32) -> TimeDelta {
    let step = usize::try_from(attempts.saturating_sub(1))
        .unwrap_or(0)
        .min(BACK_OFF.len() - 1);
    let most = BACK_OFF.get(step).copied().unwrap_or(SHORTEST_DELAY);
    let spread = i128::from((most - SHORTEST_DELAY).num_milliseconds());
    let part = spread * i128::from(random) / i128::from(u32::MAX);
    SHORTEST_DELAY + TimeDelta::milliseconds(i64::try_from(part).unwrap_or(0))
}
