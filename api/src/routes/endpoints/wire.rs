//! An endpoint in JSON, as input and as output.

use std::collections::HashMap;
use std::sync::Arc;

use qiaojian_domain::access::Post;
use qiaojian_domain::clock::{Clock, Entropy, UtcTime};
use qiaojian_domain::delivery::{Channel, EndpointStatus, OnUncertain};
use qiaojian_domain::ids::{AreaId, EndpointId};
use qiaojian_store::bulletins::Mint;
use qiaojian_store::db::AnyConnection;
use qiaojian_store::endpoints::EndpointRow;
use qiaojian_store::{Recording, areas, deliveries};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::problem::ApiError;

/// The input for an endpoint.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"area": "340300", "post": "federation", "channel": "inbox"}))]
pub struct EndpointInput {
    /// A client-generated id; makes the call permanently idempotent.
    #[serde(default)]
    pub id: Option<uuid::Uuid>,
    /// The area's code.
    #[schema(example = "340300")]
    pub area: String,
    /// Defaults to `federation`.
    #[serde(default = "federation")]
    pub post: Post,
    /// `inbox`, `file` and `email` are supported in this version.
    pub channel: Channel,
    /// The email address. Omitted for `inbox` and `file`.
    #[serde(default)]
    #[schema(example = "qiaolian@example.org", max_length = 254)]
    pub address: String,
    /// What to do when it is unknown whether a notice arrived. Defaults to `resend` (with the same id).
    #[serde(default = "resend")]
    pub on_uncertain: OnUncertain,
    /// `true`: the notices that have not reached the post so far are queued for this endpoint too.
    #[serde(default)]
    pub deliver: bool,
}

const fn federation() -> Post {
    Post::Federation
}

const fn resend() -> OnUncertain {
    OnUncertain::Resend
}

/// An endpoint at which a post receives notices, with its health.
#[derive(Debug, Serialize, ToSchema)]
pub struct Endpoint {
    pub id: EndpointId,
    /// The current version; equals the `ETag`.
    pub version: i64,
    /// The area's code.
    pub area: String,
    pub post: Post,
    pub channel: Channel,
    pub address: String,
    pub on_uncertain: OnUncertain,
    pub status: EndpointStatus,
    /// The reason why it is not active.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status_reason: Option<String>,
    /// The number of failures since the last success.
    pub fail_streak: i32,
    /// The start of the current series of failures.
    pub failing_since: Option<UtcTime>,
    /// Nothing is sent before this time.
    pub blocked_until: Option<UtcTime>,
    pub last_sent_at: Option<UtcTime>,
    /// The error of the last failed send; removed after a successful one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
    /// The number of unread notices to this post that reached nobody; `deliver` sends them to this endpoint. Omitted in
    /// lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub undelivered: Option<usize>,
    pub created_at: UtcTime,
    pub updated_at: UtcTime,
}

impl Endpoint {
    /// Converts a row.
    pub fn of(conn: &mut AnyConnection, row: EndpointRow) -> Result<Self, ApiError> {
        let areas = areas::codes(conn, [row.area_id])?;
        let undelivered = deliveries::undelivered(conn, &row)?.len();
        Ok(Self {
            undelivered: Some(undelivered),
            ..Self::with_area(row, &areas)
        })
    }

    /// Converts a row. If requested, first queues for it the notices that have not reached its post.
    pub fn delivering(
        recording: &mut Recording<'_, '_>,
        (clock, entropy): &(Arc<dyn Clock>, Arc<dyn Entropy>),
        row: EndpointRow,
        deliver: bool,
    ) -> Result<Self, ApiError> {
        if deliver {
            let mint = Mint {
                clock: clock.as_ref(),
                entropy: entropy.as_ref(),
            };
            deliveries::queue_undelivered(recording, mint, &row)?;
        }
        Self::of(recording.conn(), row)
    }

    /// Converts a row. The code of its area is taken from `areas`.
    pub fn with_area(row: EndpointRow, areas: &HashMap<AreaId, String>) -> Self {
        Self {
            id: row.id,
            version: row.version,
            area: areas.get(&row.area_id).cloned().unwrap_or_default(),
            post: row.post,
            channel: row.channel,
            address: row.address,
            on_uncertain: row.on_uncertain,
            status: row.status,
            status_reason: row.status_reason,
            fail_streak: row.fail_streak,
            failing_since: row.first_failed_at,
            blocked_until: row.blocked_until,
            last_sent_at: row.last_sent_at,
            last_error: row.last_error,
            undelivered: None,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}
