//! What a failure means: for the next try, and for the endpoint.

use chrono::TimeDelta;

use super::{AttemptOutcome, Channel, FailureClass};

impl FailureClass {
    /// The outcome an attempt of this failure has.
    pub const fn outcome(self) -> AttemptOutcome {
        match self {
            Self::Transient | Self::Relay => AttemptOutcome::Transient,
            Self::Limited => AttemptOutcome::Limited,
            Self::Config => AttemptOutcome::Config,
            Self::Permanent => AttemptOutcome::Permanent,
        }
    }

    /// Whether the failure says something about the endpoint. What goes wrong on our own side must not pause, disable or kill
    /// anybody's mail.
    pub const fn blames_endpoint(self) -> bool {
        !matches!(self, Self::Relay)
    }
}

impl Channel {
    /// How long to leave an endpoint alone that said "too much" without saying for how long.
    pub const fn limit_pause(self) -> TimeDelta {
        match self {
            Self::Dingtalk => TimeDelta::minutes(10),
            _ => TimeDelta::seconds(60),
        }
    }
}

/// What a channel says about one send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SendResult {
    /// The other side took it; what it said.
    Sent(String),
    /// It did not, for sure.
    Failed {
        /// What that means for the next try.
        class: FailureClass,
        /// How long the other side asks to be left alone.
        wait: Option<TimeDelta>,
        /// What it said.
        detail: String,
    },
    /// The link broke after the first byte of the message: nobody can tell.
    Uncertain(String),
}

impl SendResult {
    /// A failure without a wish to be left alone.
    pub fn failed(class: FailureClass, detail: impl Into<String>) -> Self {
        Self::Failed {
            class,
            wait: None,
            detail: detail.into(),
        }
    }

    /// The outcome as kept with the attempt.
    pub const fn outcome(&self) -> AttemptOutcome {
        match self {
            Self::Sent(_) => AttemptOutcome::Sent,
            Self::Failed { class, .. } => class.outcome(),
            Self::Uncertain(_) => AttemptOutcome::Uncertain,
        }
    }

    /// What the other side said.
    pub fn detail(&self) -> &str {
        match self {
            Self::Sent(detail) | Self::Failed { detail, .. } | Self::Uncertain(detail) => detail,
        }
    }
}

/// What a failure means for the delivery and its endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NextStep {
    /// Try again after this long. The attempt counts.
    Retry(TimeDelta),
    /// Leave the whole endpoint alone for this long. The attempt does not count.
    Wait(TimeDelta),
    /// Pause the endpoint: every further try would fail alike. The delivery stays queued.
    PauseEndpoint,
    /// Give this delivery up.
    GiveUp,
}

/// Upper ends of the delay before the next try, by tries made.
const BACK_OFF: [TimeDelta; 6] = [
    TimeDelta::seconds(5),
    TimeDelta::seconds(30),
    TimeDelta::minutes(5),
    TimeDelta::minutes(30),
    TimeDelta::hours(2),
    TimeDelta::hours(6),
];
/// No try follows sooner.
pub(super) const SHORTEST_DELAY: TimeDelta = TimeDelta::seconds(1);
/// However long the other side asks us to wait, and however long the relay has been away, we look again after this.
const LONGEST_WAIT: TimeDelta = TimeDelta::hours(1);

/// What to do after a failure.
///
/// `attempts` counts the tries made that count, this one included. `wait` is how long the other side asks to be left alone, if
/// it did; one that says "too much" without saying for how long is left alone as its channel has it
/// ([`Channel::limit_pause`]). `random` spreads the tries: any value, all equally likely. Tries go on until the delivery
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
        // Ours to mend: when the relay is back, no mail should wait for hours.
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

/// A delay between [`SHORTEST_DELAY`] and the upper end for this many tries (full jitter).
pub fn back_off(attempts: i32, random: u32) -> TimeDelta {
    let step = usize::try_from(attempts.saturating_sub(1))
        .unwrap_or(0)
        .min(BACK_OFF.len() - 1);
    let most = BACK_OFF.get(step).copied().unwrap_or(SHORTEST_DELAY);
    let spread = i128::from((most - SHORTEST_DELAY).num_milliseconds());
    let part = spread * i128::from(random) / i128::from(u32::MAX);
    SHORTEST_DELAY + TimeDelta::milliseconds(i64::try_from(part).unwrap_or(0))
}
