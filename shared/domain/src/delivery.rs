//! A notice on its way: the channels, the states a delivery passes through, and what a failure means for the next try.

mod retry;

pub use retry::{NextStep, SendResult, back_off, next_delay};

use chrono::TimeDelta;

use super::StateMachine;
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
        Queued => "queued" / "待发送",
        /// A worker has it; nothing was sent.
        Leased => "leased" / "发送中",
        /// The first byte may be out.
        Sending => "sending" / "发送中",
        /// The other side took it.
        Sent => "sent" / "已送达",
        /// Whether the other side took it is unknown.
        Uncertain => "uncertain" / "送达存疑",
        /// Uncertain, and a person decides.
        NeedsReview => "needs_review" / "待核实",
        /// Refused for good.
        Dead => "dead" / "已停止发送",
        /// Not sent in its time.
        Expired => "expired" / "已过期",
        /// Taken back.
        Cancelled => "cancelled" / "已取消",
        /// The recipient has nowhere to receive: a delivery without an endpoint.
        Undeliverable => "undeliverable" / "无法投递",
    }
}

text_enum! {
    /// What may be done with a delivery.
    pub enum DeliveryVerb {
        /// A worker takes it.
        Claim => "claim" / "领取",
        /// It is given back unsent, or the worker's lease is over.
        Release => "release" / "放回",
        /// About to send the first byte.
        Mark => "mark" / "开始发送",
        /// The other side took it.
        Succeed => "succeed" / "送达",
        /// It failed and is tried again.
        Retry => "retry" / "重试",
        /// It failed for good.
        GiveUp => "give_up" / "停止发送",
        /// The result is unknown.
        Doubt => "doubt" / "存疑",
        /// Unknown, and sent again with the same id.
        Resend => "resend" / "再次发送",
        /// Unknown, and left to a person.
        Park => "park" / "转人工核实",
        /// Its time is over.
        Expire => "expire" / "过期",
        /// A person has it sent again, with the same id.
        Redeliver => "redeliver" / "重新发送",
        /// A person takes it back.
        Cancel => "cancel" / "取消",
        /// A person has a notice that did not reach its post sent to an endpoint that is there now.
        Deliver => "deliver" / "改投",
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

/// What is being sent cannot be cancelled: the first byte may be out.
impl StateMachine for DeliveryState {
    type Verb = DeliveryVerb;

    const TRANSITIONS: &'static [(Self, DeliveryVerb, Self)] = {
        use DeliveryVerb as V;
        &[
            (Self::Queued, V::Claim, Self::Leased),
            (Self::Queued, V::Expire, Self::Expired),
            (Self::Leased, V::Release, Self::Queued),
            (Self::Leased, V::Mark, Self::Sending),
            (Self::Sending, V::Succeed, Self::Sent),
            (Self::Sending, V::Retry, Self::Queued),
            (Self::Sending, V::GiveUp, Self::Dead),
            (Self::Sending, V::Doubt, Self::Uncertain),
            (Self::Uncertain, V::Resend, Self::Queued),
            (Self::Uncertain, V::Park, Self::NeedsReview),
            (Self::Dead, V::Redeliver, Self::Queued),
            (Self::Expired, V::Redeliver, Self::Queued),
            (Self::NeedsReview, V::Redeliver, Self::Queued),
            (Self::Undeliverable, V::Deliver, Self::Queued),
            (Self::Dead, V::Deliver, Self::Queued),
            (Self::Expired, V::Deliver, Self::Queued),
            (Self::Cancelled, V::Deliver, Self::Queued),
            (Self::Queued, V::Cancel, Self::Cancelled),
            (Self::Leased, V::Cancel, Self::Cancelled),
            (Self::Uncertain, V::Cancel, Self::Cancelled),
            (Self::NeedsReview, V::Cancel, Self::Cancelled),
        ]
    };

    fn is_asked_for(verb: DeliveryVerb) -> bool {
        use DeliveryVerb as V;
        matches!(verb, V::Redeliver | V::Cancel | V::Deliver)
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
