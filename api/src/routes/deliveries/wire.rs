//! A delivery in JSON.

use qiaojian_domain::bulletin::BulletinKind;
use qiaojian_domain::clock::UtcTime;
use qiaojian_domain::delivery::{AttemptOutcome, Channel, DeliveryState};
use qiaojian_domain::ids::{BulletinId, DeliveryId, EndpointId, NodeId, NoticeId};
use qiaojian_domain::period::Period;
use qiaojian_store::deliveries::{AttemptRow, DeliveryView};
use serde::Serialize;
use utoipa::ToSchema;

/// The delivery of a notice to one endpoint, or to a post without an endpoint.
#[derive(Debug, Serialize, ToSchema)]
pub struct Delivery {
    /// Sent with every attempt.
    pub id: DeliveryId,
    /// The current version; equals the `ETag`.
    pub version: i64,
    pub notice: NoticeId,
    pub bulletin: BulletinId,
    pub kind: BulletinKind,
    pub period: Period,
    pub serial: Option<i32>,
    /// The code of the addressee's area.
    pub area: String,
    pub area_name: String,
    /// `null`, like the endpoint, while it is `undeliverable`.
    pub channel: Option<Channel>,
    pub endpoint: Option<EndpointId>,
    pub state: DeliveryState,
    /// Not sent before this time.
    pub not_before: UtcTime,
    /// Not sent after this time.
    pub expires_at: UtcTime,
    /// The number of attempts that count. An attempt that the recipient's server rejected because of its rate limit
    /// does not.
    pub tries: i32,
    pub sent_at: Option<UtcTime>,
    /// The outcome of the last attempt, unless it was `sent`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_class: Option<AttemptOutcome>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
    /// The reason given for the last manual redelivery or cancellation. For one that is `undeliverable`: `no_endpoint`
    /// or `endpoints_disabled`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The attempts, oldest first. Omitted in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempts: Option<Vec<Attempt>>,
    pub created_at: UtcTime,
    pub updated_at: UtcTime,
}

/// One attempt, as evidence.
#[derive(Debug, Serialize, ToSchema)]
pub struct Attempt {
    /// The worker run that made the attempt.
    pub node: NodeId,
    pub started_at: UtcTime,
    /// `null` while it is being sent.
    pub ended_at: Option<UtcTime>,
    pub outcome: Option<AttemptOutcome>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

impl Delivery {
    /// Converts the rows.
    pub fn of(view: DeliveryView) -> Self {
        let row = view.delivery;
        Self {
            id: row.id,
            version: row.version,
            notice: row.notice_id,
            bulletin: view.bulletin_id,
            kind: view.kind,
            period: view.period,
            serial: view.serial,
            area: view.area_code,
            area_name: view.area_name,
            channel: row.channel,
            endpoint: row.endpoint_id,
            state: row.state,
            not_before: row.not_before,
            expires_at: row.expires_at,
            tries: row.attempt,
            sent_at: row.sent_at,
            last_class: row.last_class,
            last_error: row.last_error,
            reason: row.reason,
            attempts: None,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }

    /// Converts the rows and adds the attempts.
    pub fn with_attempts(view: DeliveryView, attempts: Vec<AttemptRow>) -> Self {
        Self {
            attempts: Some(attempts.into_iter().map(Attempt::of).collect()),
            ..Self::of(view)
        }
    }
}

impl Attempt {
    fn of(row: AttemptRow) -> Self {
        Self {
            node: row.node_id,
            started_at: row.started_at,
            ended_at: row.ended_at,
            outcome: row.outcome,
            detail: row.detail,
        }
    }
}
