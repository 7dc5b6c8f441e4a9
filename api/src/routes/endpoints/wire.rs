//! An endpoint in JSON: what a client sends, and what it is shown.

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

/// What a client says of an endpoint.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"area": "340300", "post": "federation", "channel": "inbox"}))]
pub struct EndpointInput {
    /// The client's own id; makes the call idempotent for ever.
    #[serde(default)]
    pub id: Option<uuid::Uuid>,
    /// The area's code.
    #[schema(example = "340300")]
    pub area: String,
    /// `federation` when left out.
    #[serde(default = "federation")]
    pub post: Post,
    /// In this version `inbox`, `file` and `email` are served.
    pub channel: Channel,
    /// The mail address; `inbox` and `file` take none.
    #[serde(default)]
    #[schema(example = "qiaolian@example.org", max_length = 254)]
    pub address: String,
    /// What to do when it is unknown whether a notice arrived: `resend` (with the same id) when left out.
    #[serde(default = "resend")]
    pub on_uncertain: OnUncertain,
    /// `true`: what has not reached the post so far is queued for this endpoint, too.
    #[serde(default)]
    pub deliver: bool,
}

const fn federation() -> Post {
    Post::Federation
}

const fn resend() -> OnUncertain {
    OnUncertain::Resend
}

/// Where a post receives, and how well that goes.
#[derive(Debug, Serialize, ToSchema)]
pub struct Endpoint {
    pub id: EndpointId,
    /// The same as its `ETag`.
    pub version: i64,
    /// The area's code.
    pub area: String,
    pub post: Post,
    pub channel: Channel,
    pub address: String,
    pub on_uncertain: OnUncertain,
    pub status: EndpointStatus,
    /// Why it is out of use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status_reason: Option<String>,
    /// Failures since the last success.
    pub fail_streak: i32,
    /// Since when it has only failed.
    pub failing_since: Option<UtcTime>,
    /// Nothing is sent before this.
    pub blocked_until: Option<UtcTime>,
    pub last_sent_at: Option<UtcTime>,
    /// What the last failed send said; gone after one that succeeded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
    /// Unread notices to this post that reached nobody: `deliver` sends them here. Not in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub undelivered: Option<usize>,
    pub created_at: UtcTime,
    pub updated_at: UtcTime,
}

impl Endpoint {
    /// As the row says.
    pub fn of(conn: &mut AnyConnection, row: EndpointRow) -> Result<Self, ApiError> {
        let areas = areas::codes(conn, [row.area_id])?;
        let undelivered = deliveries::undelivered(conn, &row)?.len();
        Ok(Self {
            undelivered: Some(undelivered),
            ..Self::with_area(row, &areas)
        })
    }

    /// The same, after what has not reached its post was queued for it, if that is wanted.
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

    /// As the row says, with the code of its area looked up before.
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
