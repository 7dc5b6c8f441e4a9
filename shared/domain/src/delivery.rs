//! A notice on its way: the channels, the states a delivery passes through, and what a failure means for the next try.

mod retry;

pub use retry::{NextStep, SendResult, back_off, next_delay};

use chrono::TimeDelta;

use super::RefusedTransition;
use super::period::PeriodUnit;

column_enum! {
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

column_enum! {
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
        /// The recipient has nowhere to receive: a delivery without an endpoint.
        Undeliverable => "undeliverable",
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
        /// A person has a notice that did not reach its post sent to an endpoint that is there now.
        Deliver => "deliver",
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
        /// Our own way out, before the other side was asked: the mail relay is away, or does not let us in.
        Relay => "relay",
    }
}

column_enum! {
    /// How one attempt ended.
    pub enum AttemptOutcome {
        /// The other side took it.
        Sent => "sent",
        /// See [`FailureClass::Transient`] and [`FailureClass::Relay`].
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

column_enum! {
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

column_enum! {
    /// What to do when it is unknown whether a notice arrived.
    pub enum OnUncertain {
        /// Send it again, with the same id; ask a person after [`MOST_DOUBTS`] such ends.
        Resend => "resend",
        /// Ask a person.
        Review => "review",
    }
}

column_enum! {
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
            (Self::Undeliverable | Self::Dead | Self::Expired | Self::Cancelled, V::Deliver) => {
                Some(Self::Queued)
            }
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

/// An endpoint that has only failed for this long, and at least [`DISABLE_STREAK`] times, is disabled.
pub const DISABLE_AFTER: TimeDelta = TimeDelta::hours(24);
/// Two failures a day apart, of a city that is sent to once a month, say nothing about the day between them.
pub const DISABLE_STREAK: i32 = 5;

/// How often it may be unknown whether a delivery arrived before a person is asked: each time may have been another copy.
pub const MOST_DOUBTS: i32 = 3;

/// What to do with a delivery of which it is unknown for the `doubts`th time whether it arrived.
pub const fn after_doubt(on_uncertain: OnUncertain, doubts: i32) -> DeliveryVerb {
    match on_uncertain {
        OnUncertain::Resend if doubts < MOST_DOUBTS => DeliveryVerb::Resend,
        OnUncertain::Resend | OnUncertain::Review => DeliveryVerb::Park,
    }
}

#[cfg(test)]
mod tests;
