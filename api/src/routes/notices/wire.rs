//! A notice in JSON.

use chrono::NaiveDate;
use qiaojian_documents::progress::{Common, Own};
use qiaojian_domain::access::Post;
use qiaojian_domain::bulletin::BulletinKind;
use qiaojian_domain::clock::UtcTime;
use qiaojian_domain::ids::{BulletinId, NoticeId};
use qiaojian_domain::period::Period;
use qiaojian_store::areas::AreaVersion;
use qiaojian_store::bulletins::{BulletinRow, late_since};
use qiaojian_store::notices::{InboxRow, NoticeRow, PartsRow};
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::problem::ApiError;
use crate::routes::bulletins::wire::Documents;

/// A bulletin as addressed to one area and post.
#[derive(Debug, Serialize, ToSchema)]
pub struct NoticeSummary {
    pub id: NoticeId,
    /// The current version; equals the `ETag`.
    pub version: i64,
    pub bulletin: BulletinId,
    pub kind: BulletinKind,
    #[schema(example = "2022-05")]
    pub period: Period,
    /// The serial number of the issue; `null` until it is published.
    pub serial: Option<i32>,
    pub title: String,
    /// The code of the addressee's area.
    pub area: String,
    pub area_name: String,
    pub post: Post,
    pub published_at: Option<UtcTime>,
    /// The day on which it should have been published, if it was published later (补发).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub late_since: Option<NaiveDate>,
    /// When the addressee acknowledged it; `null` until then.
    pub acknowledged_at: Option<UtcTime>,
    /// Why it was not sent to an endpoint: `no_endpoint` or `endpoints_disabled`. It is in the inbox nevertheless.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub undeliverable_reason: Option<String>,
    pub documents: Documents,
    /// The content; in lists only with `parts=true`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parts: Option<Parts>,
}

/// A notice with its content.
#[derive(Debug, Serialize, ToSchema)]
pub struct Notice {
    #[serde(flatten)]
    pub summary: NoticeSummary,
}

/// The content of a notice as frozen at composition, byte for byte, so that its SHA-256 matches the digest.
#[derive(Debug, Serialize, ToSchema)]
pub struct Parts {
    /// The part that is the same for all addressees.
    #[schema(value_type = Common)]
    pub common: Box<RawValue>,
    /// SHA-256 of the bytes of `common`, which is in canonical form (RFC 8785).
    pub common_digest: String,
    /// The part specific to the addressee.
    #[schema(value_type = Own)]
    pub own: Box<RawValue>,
    /// SHA-256 of the bytes of `own`, which is in canonical form (RFC 8785).
    pub own_digest: String,
}

impl Parts {
    /// Converts the rows.
    pub fn of(row: PartsRow) -> Result<Self, ApiError> {
        Ok(Self {
            common: RawValue::from_string(row.common)?,
            common_digest: row.common_digest,
            own: RawValue::from_string(row.own)?,
            own_digest: row.own_digest,
        })
    }
}

/// Returns the URLs of the document: the notice's own once it is published, those of the bulletin for a draft.
fn documents(id: NoticeId, bulletin: BulletinId, is_out: bool) -> Documents {
    if is_out {
        Documents::at(&format!("/v1/notices/{id}"), "")
    } else {
        Documents::at(&format!("/v1/bulletins/{bulletin}"), &format!("?notice={id}"))
    }
}

impl NoticeSummary {
    /// Converts the rows.
    pub fn of(notice: &NoticeRow, bulletin: &BulletinRow, area: &AreaVersion) -> Self {
        Self {
            id: notice.id,
            version: notice.version,
            bulletin: bulletin.id,
            kind: bulletin.kind,
            period: bulletin.period,
            serial: bulletin.serial,
            title: notice.title.clone(),
            area: area.code.clone(),
            area_name: area.name.clone(),
            post: notice.post,
            published_at: bulletin.published_at,
            late_since: bulletin.late_since(),
            acknowledged_at: notice.acknowledged_at,
            undeliverable_reason: notice.undeliverable_reason.clone(),
            documents: documents(notice.id, bulletin.id, bulletin.published_at.is_some()),
            parts: None,
        }
    }

    /// Converts an inbox row, with its content if requested.
    pub fn of_inbox(row: InboxRow, parts: Option<PartsRow>) -> Result<Self, ApiError> {
        Ok(Self {
            documents: documents(row.id, row.bulletin_id, row.published_at.is_some()),
            id: row.id,
            version: row.version,
            bulletin: row.bulletin_id,
            kind: row.kind,
            period: row.period,
            serial: row.serial,
            title: row.title,
            area: row.area_code,
            area_name: row.area_name,
            post: row.post,
            late_since: late_since(row.due_on, row.published_at),
            published_at: row.published_at,
            acknowledged_at: row.acknowledged_at,
            undeliverable_reason: row.undeliverable_reason,
            parts: parts.map(Parts::of).transpose()?,
        })
    }
}

impl Notice {
    /// Converts the rows.
    pub fn of(notice: &NoticeRow, bulletin: &BulletinRow, area: &AreaVersion) -> Result<Self, ApiError> {
        let parts = Parts {
            common: serde_json::from_str(&bulletin.figures)?,
            common_digest: bulletin.digest.clone(),
            own: serde_json::from_str(&notice.figures)?,
            own_digest: notice.digest.clone(),
        };
        let summary = NoticeSummary {
            parts: Some(parts),
            ..NoticeSummary::of(notice, bulletin, area)
        };
        Ok(Self { summary })
    }
}
