//! A bulletin in JSON.

use std::borrow::Cow;

use chrono::NaiveDate;
use qiaojian_documents::progress::Common;
use qiaojian_domain::Violation;
use qiaojian_domain::bulletin::{BulletinKind, BulletinState};
use qiaojian_domain::clock::UtcTime;
use qiaojian_domain::ids::{BulletinId, ProgramId};
use qiaojian_domain::period::Period;
use qiaojian_store::bulletins::SeenBulletin;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::problem::ApiError;
use crate::wire::AreaRef;

/// The bulletin to compose.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"program": "0190a000-0000-7000-8000-000000000000", "kind": "progress", "period": "2022-05"}))]
pub struct BulletinInput {
    /// A programme of the caller's own area. Defaults to the programme that is current today.
    #[serde(default)]
    pub program: Option<ProgramId>,
    /// Only `progress` has a document in this version. Defaults to `progress`.
    #[serde(default = "progress")]
    pub kind: BulletinKind,
    /// A period that has begun; it may be over or not.
    #[schema(example = "2022-05")]
    pub period: Period,
}

/// Returns the default kind of a bulletin.
pub const fn progress() -> BulletinKind {
    BulletinKind::Progress
}

/// A bulletin without its figures.
#[derive(Debug, Serialize, ToSchema)]
pub struct BulletinSummary {
    pub id: BulletinId,
    /// The current version; equals the `ETag`.
    pub version: i64,
    pub issuer: AreaRef,
    pub program: ProgramId,
    pub kind: BulletinKind,
    #[schema(example = "2022-05")]
    pub period: Period,
    pub revision: i32,
    pub state: BulletinState,
    /// The serial number of the issue, counted per issuer, programme, kind and unit of period; `null` until it is
    /// published.
    pub serial: Option<i32>,
    pub title: String,
    /// The valid time of the figures.
    pub as_of: NaiveDate,
    /// The transaction time of the figures: what the system knew when they were computed.
    pub known_at: UtcTime,
    /// SHA-256 of the common figures in canonical form (RFC 8785).
    pub digest: String,
    pub published_at: Option<UtcTime>,
    /// The day on which a schedule requires publication; `null` without a schedule.
    pub due_on: Option<NaiveDate>,
    /// The same day, if it was published later than that (补发); otherwise `null`.
    pub late_since: Option<NaiveDate>,
    /// The number of addressees that had no endpoint and have not been sent it since. `null` until it is published, and
    /// for addressees.
    pub unreachable: Option<i64>,
    pub created_at: UtcTime,
    pub updated_at: UtcTime,
    pub documents: Documents,
}

/// A bulletin with its figures.
#[derive(Debug, Serialize, ToSchema)]
pub struct Bulletin {
    #[serde(flatten)]
    pub summary: BulletinSummary,
    /// The rules by which the figures were counted.
    #[schema(value_type = Vec<Object>)]
    pub rules: Box<RawValue>,
    /// The part that is the same for all recipients.
    #[schema(value_type = Common)]
    pub figures: Box<RawValue>,
}

/// The URLs of the document in each format.
#[derive(Debug, Serialize, ToSchema)]
pub struct Documents {
    pub html: String,
    pub json: String,
    pub txt: String,
}

impl Documents {
    /// Returns the URLs of a bulletin's document as addressed to the caller.
    pub fn of_bulletin(id: BulletinId) -> Self {
        Self::at(&format!("/v1/bulletins/{id}"), "")
    }

    /// Returns the URLs of the document at `stem` in all formats, with this query.
    pub fn at(stem: &str, query: &str) -> Self {
        let form = |extension: &str| format!("{stem}.{extension}{query}");
        Self {
            html: form("html"),
            json: form("json"),
            txt: form("txt"),
        }
    }
}

impl BulletinSummary {
    /// Converts a row.
    pub fn of(seen: SeenBulletin) -> Self {
        let SeenBulletin {
            bulletin: row,
            issuer,
            unreachable,
        } = seen;
        let late_since = row.late_since();
        Self {
            id: row.id,
            version: row.version,
            issuer: AreaRef {
                code: issuer.code,
                name: issuer.name,
            },
            program: row.program_id,
            kind: row.kind,
            period: row.period,
            revision: row.revision,
            state: row.state,
            serial: row.serial,
            title: row.title,
            as_of: row.as_of,
            known_at: row.known_at,
            digest: row.digest,
            late_since,
            due_on: row.due_on,
            published_at: row.published_at,
            unreachable,
            created_at: row.created_at,
            updated_at: row.updated_at,
            documents: Documents::of_bulletin(row.id),
        }
    }
}

impl Bulletin {
    /// Converts a row.
    pub fn of(seen: SeenBulletin) -> Result<Self, ApiError> {
        let rules = RawValue::from_string(seen.bulletin.rules.clone())?;
        let figures = RawValue::from_string(seen.bulletin.figures.clone())?;
        Ok(Self {
            summary: BulletinSummary::of(seen),
            rules,
            figures,
        })
    }
}

/// Returns the violation for a kind that cannot be composed yet.
pub fn no_document(pointer: impl Into<Cow<'static, str>>, kind: BulletinKind) -> Option<Violation> {
    (!kind.has_document()).then(|| {
        Violation::new(
            pointer,
            "no_document",
            format!("本版本尚无“{}”（{kind}）的文稿样式，目前只支持“进展情况通报”（progress）。", kind.chinese()),
            format!(
                "This version has no document template for bulletins of kind {kind} yet; only progress is supported."
            ),
        )
    })
}
