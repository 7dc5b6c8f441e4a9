//! Deliveries of notices: the channels, the states of a delivery, and the effect of a failure on the next attempt.

mod retry;

pub use retry::{NextStep, SendResult, back_off, next_delay};

use chrono::TimeDelta;

use super::StateMachine;
use super::period::PeriodUnit;

column_enum! {
    /// The channel by which a post is reached.
    pub enum Channel {
        /// The list of notices in the API. Nothing is sent.
        Inbox => "inbox" / "站内通知",
        /// A pair of files under the data directory.
        File => "file" / "文件",
        /// Email by SMTP.
        Email => "email" / "电子邮件",
        /// A signed HTTP call.
        Webhook => "webhook" / "签名的 HTTP 回调",
        /// 企业微信群机器人
        Wecom => "wecom" / "企业微信群机器人",
        /// 钉钉群机器人
        Dingtalk => "dingtalk" / "钉钉群机器人",
        /// 飞书群机器人
        Feishu => "feishu" / "飞书群机器人",
        /// A plain HTTP call.
        Http => "http" / "HTTP 回调",
    }
}

column_enum! {
    /// The state of a delivery.
    pub enum DeliveryState {
        /// To be sent from `not_before` on.
        Queued => "queued" / "待发送",
        /// Leased by a worker. Nothing has been sent.
        Leased => "leased" / "发送中",
        /// Being sent. The first byte may have been transmitted.
        Sending => "sending" / "发送中",
        /// Accepted by the receiver.
        Sent => "sent" / "已送达",
        /// It is unknown whether the receiver accepted it.
        Uncertain => "uncertain" / "送达存疑",
        /// It is unknown whether the receiver accepted it, and a person has to decide.
        NeedsReview => "needs_review" / "待核实",
        /// Failed permanently.
        Dead => "dead" / "已停止发送",
        /// Not sent within its lifetime.
        Expired => "expired" / "已过期",
        /// Cancelled by a person.
        Cancelled => "cancelled" / "已取消",
        /// The recipient has no endpoint, so the delivery has none either.
        Undeliverable => "undeliverable" / "无法投递",
    }
}

text_enum! {
    /// An action on a delivery.
    pub enum DeliveryVerb {
        /// A worker leases it.
        Claim => "claim" / "领取",
        /// The worker returns it unsent, or the worker's lease has expired.
        Release => "release" / "放回",
        /// The first byte is about to be sent.
        Mark => "mark" / "开始发送",
        /// The receiver accepted it.
        Succeed => "succeed" / "送达",
        /// It failed and will be retried.
        Retry => "retry" / "重试",
        /// It failed permanently.
        GiveUp => "give_up" / "停止发送",
        /// The result is unknown.
        Doubt => "doubt" / "存疑",
        /// The result is unknown; it is sent again with the same id.
        Resend => "resend" / "再次发送",
        /// The result is unknown; a person has to decide.
        Park => "park" / "转人工核实",
        /// Its lifetime has ended.
        Expire => "expire" / "过期",
        /// A person sends it again with the same id.
        Redeliver => "redeliver" / "重新发送",
        /// A person cancels it.
        Cancel => "cancel" / "取消",
        /// A person sends a notice that did not reach its post to a current endpoint.
        Deliver => "deliver" / "改投",
    }
}

text_enum! {
    /// The reason why a send failed, as far as it decides what happens next.
    pub enum FailureClass {
        /// A temporary failure of the connection or the receiver: connection errors, 5xx.
        Transient => "transient",
        /// The receiver limits the rate: 429 and similar.
        Limited => "limited",
        /// The endpoint's settings are wrong: wrong password, revoked robot.
        Config => "config",
        /// The message cannot be delivered to this recipient: no such mailbox.
        Permanent => "permanent",
        /// A failure on our own side, before the receiver was contacted: the mail relay is unavailable or rejects our
        /// login.
        Relay => "relay",
    }
}

column_enum! {
    /// The outcome of one attempt.
    pub enum AttemptOutcome {
        /// The receiver accepted the message.
        Sent => "sent",
        /// See [`FailureClass::Transient`] and [`FailureClass::Relay`].
        Transient => "transient",
        /// See [`FailureClass::Limited`].
        Limited => "limited",
        /// See [`FailureClass::Config`].
        Config => "config",
        /// See [`FailureClass::Permanent`].
        Permanent => "permanent",
        /// It is unknown whether the receiver accepted the message.
        Uncertain => "uncertain",
    }
}

column_enum! {
    /// The status of an endpoint.
    pub enum EndpointStatus {
        /// In use.
        Active => "active",
        /// Its settings were refused, or a person paused it. Queued deliveries wait.
        Paused => "paused",
        /// No longer used. No new deliveries are queued for it.
        Disabled => "disabled",
    }
}

column_enum! {
    /// What to do when it is unknown whether a notice arrived.
    pub enum OnUncertain {
        /// Send it again with the same id. After [`MOST_DOUBTS`] uncertain results, leave the decision to a person.
        Resend => "resend",
        /// Leave the decision to a person.
        Review => "review",
    }
}

column_enum! {
    /// The state of one period of a schedule.
    pub enum OccurrenceState {
        /// To be composed.
        Open => "open",
        /// A bulletin was composed.
        Composed => "composed",
        /// Skipped by the rules of the schedule.
        Skipped => "skipped",
        /// Fell due while it could not be issued, and was not caught up.
        Missed => "missed",
    }
}

/// A delivery in state `sending` cannot be cancelled: the first byte may have been sent.
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

/// Returns how long after its publication a notice is still sent: about until the next one is published.
pub const fn lifetime(unit: PeriodUnit) -> TimeDelta {
    match unit {
        PeriodUnit::Day => TimeDelta::days(3),
        PeriodUnit::Week => TimeDelta::days(7),
        PeriodUnit::TenDay => TimeDelta::days(10),
        PeriodUnit::Month | PeriodUnit::Quarter | PeriodUnit::Year => TimeDelta::days(31),
    }
}

/// An endpoint is disabled after it has only failed for this long, with at least [`DISABLE_STREAK`] failures.
pub const DISABLE_AFTER: TimeDelta = TimeDelta::hours(24);
/// The minimum number of consecutive failures before an endpoint is disabled. An endpoint that is used once a month may
/// fail twice a day apart, which says nothing about the time in between.
pub const DISABLE_STREAK: i32 = 5;

/// The maximum number of uncertain results before a person has to decide. Each of them may have delivered another copy.
pub const MOST_DOUBTS: i32 = 3;

/// Returns what to do with a delivery when it is uncertain for the `doubts`th time whether it arrived.
pub const fn after_doubt(on_uncertain: OnUncertain, doubts: i32) -> DeliveryVerb {
    match on_uncertain {
        OnUncertain::Resend if doubts < MOST_DOUBTS => DeliveryVerb::Resend,
        OnUncertain::Resend | OnUncertain::Review => DeliveryVerb::Park,
    }
}

#[cfg(test)]
mod tests;
