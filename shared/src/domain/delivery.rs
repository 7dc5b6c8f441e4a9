//! A notice on its way: the channels, the states a delivery passes through, and what a failure means for the next try.

use chrono::TimeDelta;

use super::RefusedTransition;
use super::period::PeriodUnit;

text_enum! {
    /// How a post is reached.
    pub enum Channel {
        /// The list of notices in the API: nothing is sent.
        Inbox => "inbox",
        /// A pair of files under the data directory.
        File => "file",
        /// SMTP.
        Email => "email",
        /// A signed HTTP call.
        Webhook => "webhook",
        /// 企业微信群机器人
        Wecom => "wecom",
        /// 钉钉群机器人
        Dingtalk => "dingtalk",
        /// 飞书群机器人
        Feishu => "feishu",
        /// A plain HTTP call.
        Http => "http",
    }
}

text_enum! {
    /// Where a delivery stands.
    pub enum DeliveryState {
        /// To be sent, from `not_before` on.
        Queued => "queued",
        /// A worker has it; nothing was sent.
        Leased => "leased",
        /// The first byte may be out.
        Sending => "sending",
        /// The other side took it.
        Sent => "sent",
        /// Whether the other side took it is unknown.
        Uncertain => "uncertain",
        /// Uncertain, and a person decides.
        NeedsReview => "needs_review",
        /// Refused for good.
        Dead => "dead",
        /// Not sent in its time.
        Expired => "expired",
        /// Taken back.
        Cancelled => "cancelled",
    }
}

text_enum! {
    /// What may be done with a delivery.
    pub enum DeliveryVerb {
        /// A worker takes it.
        Claim => "claim",
        /// It is given back unsent, or the worker's lease is over.
        Release => "release",
        /// About to send the first byte.
        Mark => "mark",
        /// The other side took it.
        Succeed => "succeed",
        /// It failed and is tried again.
        Retry => "retry",
        /// It failed for good.
        GiveUp => "give_up",
        /// The result is unknown.
        Doubt => "doubt",
        /// Unknown, and sent again with the same id.
        Resend => "resend",
        /// Unknown, and left to a person.
        Park => "park",
        /// Its time is over.
        Expire => "expire",
        /// A person has it sent again, with the same id.
        Redeliver => "redeliver",
        /// A person takes it back.
        Cancel => "cancel",
    }
}

text_enum! {
    /// Why a send failed, as far as it decides what happens next.
    pub enum FailureClass {
        /// The link or the other side, for now: connect, 5xx.
        Transient => "transient",
        /// Too much at once: 429 and its like.
        Limited => "limited",
        /// The endpoint's own settings: wrong password, revoked robot.
        Config => "config",
        /// This message to this recipient: no such mailbox.
        Permanent => "permanent",
    }
}

text_enum! {
    /// How one attempt ended.
    pub enum AttemptOutcome {
        /// The other side took it.
        Sent => "sent",
        /// See [`FailureClass::Transient`].
        Transient => "transient",
        /// See [`FailureClass::Limited`].
        Limited => "limited",
        /// See [`FailureClass::Config`].
        Config => "config",
        /// See [`FailureClass::Permanent`].
        Permanent => "permanent",
        /// Nobody can tell.
        Uncertain => "uncertain",
    }
}

text_enum! {
    /// Whether an endpoint is used.
    pub enum EndpointStatus {
        /// In use.
        Active => "active",
        /// Its settings were refused, or a person stopped it: what is queued waits.
        Paused => "paused",
        /// Given up: nothing new is queued for it.
        Disabled => "disabled",
    }
}

text_enum! {
    /// What to do when it is unknown whether a notice arrived.
    pub enum OnUncertain {
        /// Send it again, with the same id.
        Resend => "resend",
        /// Ask a person.
        Review => "review",
    }
}

text_enum! {
    /// What became of one period of a schedule.
    pub enum OccurrenceState {
        /// To be composed.
        Open => "open",
        /// There is a bulletin.
        Composed => "composed",
        /// Left out by the rules of the schedule.
        Skipped => "skipped",
        /// Came due while nobody could issue it, and was not caught up.
        Missed => "missed",
    }
}

impl DeliveryState {
    /// The state after `verb`.
    ///
    /// # Errors
    /// When this state does not allow it.
    pub fn after(self, verb: DeliveryVerb) -> Result<Self, RefusedTransition> {
        self.step(verb).ok_or_else(|| RefusedTransition {
            verb: verb.as_str(),
            state: self.as_str(),
            allowed: DeliveryVerb::ALL
                .iter()
                .filter(|verb| self.step(**verb).is_some())
                .map(|verb| verb.as_str())
                .collect(),
        })
    }

    /// Every legal step. What is being sent cannot be cancelled: the first byte may be out.
    const fn step(self, verb: DeliveryVerb) -> Option<Self> {
        use DeliveryVerb as V;
        match (self, verb) {
            (Self::Queued, V::Claim) => Some(Self::Leased),
            (Self::Queued, V::Expire) => Some(Self::Expired),
            (Self::Leased, V::Release) => Some(Self::Queued),
            (Self::Leased, V::Mark) => Some(Self::Sending),
            (Self::Sending, V::Succeed) => Some(Self::Sent),
            (Self::Sending, V::Retry) => Some(Self::Queued),
            (Self::Sending, V::GiveUp) => Some(Self::Dead),
            (Self::Sending, V::Doubt) => Some(Self::Uncertain),
            (Self::Uncertain, V::Resend) => Some(Self::Queued),
            (Self::Uncertain, V::Park) => Some(Self::NeedsReview),
            (Self::Dead | Self::Expired | Self::NeedsReview, V::Redeliver) => Some(Self::Queued),
            (Self::Queued | Self::Leased | Self::Uncertain | Self::NeedsReview, V::Cancel) => {
                Some(Self::Cancelled)
            }
            _ => None,
        }
    }

    /// The states from which `verb` is legal: what a fenced UPDATE asks for.
    pub fn allowing(verb: DeliveryVerb) -> Vec<Self> {
        Self::ALL
            .iter()
            .copied()
            .filter(|state| state.step(verb).is_some())
            .collect()
    }

    /// Whether nothing more happens by itself.
    pub const fn is_settled(self) -> bool {
        !matches!(
            self,
            Self::Queued | Self::Leased | Self::Sending | Self::Uncertain
        )
    }
}

impl FailureClass {
    /// The outcome an attempt of this failure has.
    pub const fn outcome(self) -> AttemptOutcome {
        match self {
            Self::Transient => AttemptOutcome::Transient,
            Self::Limited => AttemptOutcome::Limited,
            Self::Config => AttemptOutcome::Config,
            Self::Permanent => AttemptOutcome::Permanent,
        }
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
    /// The link broke after the first byte: nobody can tell.
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
const SHORTEST_DELAY: TimeDelta = TimeDelta::seconds(1);
/// However long the other side asks us to wait, we look again after this.
const LONGEST_WAIT: TimeDelta = TimeDelta::hours(1);

/// What to do after a failure.
///
/// `attempts` counts the tries made that count, this one included. `wait` is how long the other side, or its channel, asks to
/// be left alone ([`Channel::limit_pause`]). `random` spreads the tries: any value, all equally likely. Tries go on until the
/// delivery expires.
pub fn next_delay(attempts: i32, class: FailureClass, wait: TimeDelta, random: u32) -> NextStep {
    match class {
        FailureClass::Transient => NextStep::Retry(back_off(attempts, random)),
        FailureClass::Limited => NextStep::Wait(wait.clamp(SHORTEST_DELAY, LONGEST_WAIT)),
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

/// How long a notice is worth sending, from its publication: about until the next one comes.
pub const fn lifetime(unit: PeriodUnit) -> TimeDelta {
    match unit {
        PeriodUnit::Day => TimeDelta::days(3),
        PeriodUnit::Week => TimeDelta::days(7),
        PeriodUnit::TenDay => TimeDelta::days(10),
        PeriodUnit::Month | PeriodUnit::Quarter | PeriodUnit::Year => TimeDelta::days(31),
    }
}

/// An endpoint that has only failed for this long is disabled.
pub const DISABLE_AFTER: TimeDelta = TimeDelta::hours(24);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_way_of_a_delivery() {
        use DeliveryState::*;
        let table: [(DeliveryState, &[(&str, DeliveryState)]); 9] = [
            (
                Queued,
                &[("claim", Leased), ("expire", Expired), ("cancel", Cancelled)],
            ),
            (
                Leased,
                &[("release", Queued), ("mark", Sending), ("cancel", Cancelled)],
            ),
            (
                Sending,
                &[
                    ("succeed", Sent),
                    ("retry", Queued),
                    ("give_up", Dead),
                    ("doubt", Uncertain),
                ],
            ),
            (Sent, &[]),
            (
                Uncertain,
                &[("resend", Queued), ("park", NeedsReview), ("cancel", Cancelled)],
            ),
            (NeedsReview, &[("redeliver", Queued), ("cancel", Cancelled)]),
            (Dead, &[("redeliver", Queued)]),
            (Expired, &[("redeliver", Queued)]),
            (Cancelled, &[]),
        ];
        for (state, steps) in table {
            for verb in DeliveryVerb::ALL {
                let expected = steps
                    .iter()
                    .find(|(name, _)| *name == verb.as_str())
                    .map(|(_, to)| *to);
                assert_eq!(state.after(*verb).ok(), expected, "{state} {verb}");
                assert_eq!(
                    DeliveryState::allowing(*verb).contains(&state),
                    expected.is_some()
                );
            }
        }
        let refused = Sent.after(DeliveryVerb::Redeliver).unwrap_err();
        assert_eq!(refused.allowed, [""; 0], "what was sent is never sent again");
    }

    #[test]
    fn a_failure_decides_what_is_next() {
        let wait = Channel::Dingtalk.limit_pause();
        for (class, next) in [
            (FailureClass::Transient, NextStep::Retry(TimeDelta::seconds(5))),
            (FailureClass::Limited, NextStep::Wait(TimeDelta::minutes(10))),
            (FailureClass::Config, NextStep::PauseEndpoint),
            (FailureClass::Permanent, NextStep::GiveUp),
        ] {
            assert_eq!(next_delay(1, class, wait, u32::MAX), next, "{class}");
        }
        for (asked, waited) in [(-5, 1), (0, 1), (7, 7), (3600, 3600), (999_999, 3600)] {
            let next = next_delay(1, FailureClass::Limited, TimeDelta::seconds(asked), 0);
            assert_eq!(next, NextStep::Wait(TimeDelta::seconds(waited)));
        }
    }

    #[test]
    fn tries_come_further_apart_up_to_six_hours() {
        let longest: Vec<i64> = (0..9)
            .map(|tries| back_off(tries, u32::MAX).num_seconds())
            .collect();
        assert_eq!(longest, [5, 5, 30, 300, 1800, 7200, 21_600, 21_600, 21_600]);
        assert_eq!(back_off(i32::MAX, 0), SHORTEST_DELAY);
        assert_eq!(back_off(i32::MIN, 0), SHORTEST_DELAY);
    }

    proptest! {
        #[test]
        fn a_delay_is_bounded_and_grows_with_tries_and_chance(tries in 1..20_i32, random: u32) {
            let delay = back_off(tries, random);
            prop_assert!(SHORTEST_DELAY <= delay && delay <= TimeDelta::hours(6));
            prop_assert!(back_off(tries + 1, random) >= delay);
            prop_assert!(back_off(tries, random.saturating_add(1)) >= delay);
        }
    }
}
