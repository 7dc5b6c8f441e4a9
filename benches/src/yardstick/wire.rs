//! The JSON the yardstick shows: field for field what the service shows.

use chrono::NaiveDate;
use qiaojian_domain::access::Post;
use qiaojian_domain::area::Level;
use qiaojian_domain::clock::UtcTime;
use qiaojian_domain::dates::Precision;
use qiaojian_domain::ids::OrganizationId;
use qiaojian_domain::organization::{Basis, FiveHave, Host, Kind, StandingRules, Status, Verification};
use qiaojian_store::organizations::OrganizationInArea;
use serde::{Deserialize, Serialize};

use super::queries::FigureRow;

/// What a `POST` brings.
#[derive(Debug, Deserialize)]
pub struct BareInput {
    pub area: String,
    pub host: Host,
    pub kind: Kind,
    pub name: String,
    pub status: Status,
    pub established_on: Option<NaiveDate>,
}

#[derive(Debug, Serialize)]
struct ShownApproval<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    post: Option<Post>,
    #[serde(skip_serializing_if = "Option::is_none")]
    doc_no: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    on: Option<NaiveDate>,
    #[serde(skip_serializing_if = "Option::is_none")]
    precision: Option<Precision>,
}

/// An organization.
#[derive(Debug, Serialize)]
pub struct ShownOrganization<'a> {
    id: OrganizationId,
    version: i64,
    level: Level,
    area: &'a str,
    host: Host,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent: Option<OrganizationId>,
    kind: Kind,
    name: &'a str,
    status: Status,
    #[serde(skip_serializing_if = "Option::is_none")]
    approval: Option<ShownApproval<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    established_on: Option<NaiveDate>,
    #[serde(skip_serializing_if = "Option::is_none")]
    established_precision: Option<Precision>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unveiled_on: Option<NaiveDate>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unveiled_precision: Option<Precision>,
    #[serde(skip_serializing_if = "Option::is_none")]
    closed_on: Option<NaiveDate>,
    #[serde(skip_serializing_if = "Option::is_none")]
    closed_precision: Option<Precision>,
    basis: Basis,
    #[serde(skip_serializing_if = "Option::is_none")]
    replaces: Option<&'a str>,
    has_office: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    affiliation: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    quota_posts: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    posts_filled: Option<i32>,
    five_have: FiveHave,
    standing_rules: StandingRules,
    #[serde(skip_serializing_if = "Option::is_none")]
    term_ends_on: Option<NaiveDate>,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<&'a str>,
    verification: Verification,
    #[serde(skip_serializing_if = "Option::is_none")]
    verification_reason: Option<&'a str>,
    valid_from: NaiveDate,
    created_at: UtcTime,
    updated_at: UtcTime,
}

impl<'a> ShownOrganization<'a> {
    pub fn of(found: &'a OrganizationInArea) -> serde_json::Result<Self> {
        let row = &found.organization;
        let has_approval =
            row.approved_on.is_some() || row.approval_post.is_some() || row.approval_doc_no.is_some();
        let approval = ShownApproval {
            post: row.approval_post,
            doc_no: row.approval_doc_no.as_deref(),
            on: row.approved_on,
            precision: row.approved_precision,
        };
        Ok(Self {
            id: row.organization_id,
            version: row.version,
            level: found.level,
            area: &found.area_code,
            host: row.host,
            parent: row.parent_id,
            kind: row.kind,
            name: &row.name,
            status: row.status,
            approval: has_approval.then_some(approval),
            established_on: row.established_on,
            established_precision: row.established_precision,
            unveiled_on: row.unveiled_on,
            unveiled_precision: row.unveiled_precision,
            closed_on: row.closed_on,
            closed_precision: row.closed_precision,
            basis: row.basis,
            replaces: row.replaces.as_deref(),
            has_office: row.has_office,
            affiliation: row.affiliation.as_deref(),
            quota_posts: row.quota_posts,
            posts_filled: row.posts_filled,
            five_have: serde_json::from_str(&row.five_have)?,
            standing_rules: serde_json::from_str(&row.standing_rules)?,
            term_ends_on: row.term_ends_on,
            note: row.note.as_deref(),
            verification: row.verification,
            verification_reason: row.verification_reason.as_deref(),
            valid_from: row.valid_from,
            created_at: row.created_at,
            updated_at: row.recorded_at,
        })
    }
}

/// Part of a list. The cursor is not opaque: the yardstick only shows what a cursor costs to write.
#[derive(Debug, Serialize)]
pub struct ShownPage<'a> {
    items: Vec<ShownOrganization<'a>>,
    next_cursor: Option<String>,
}

impl<'a> ShownPage<'a> {
    pub fn of(rows: &'a [OrganizationInArea], more: bool) -> serde_json::Result<Self> {
        let last = rows.last().filter(|_| more);
        Ok(Self {
            items: rows.iter().map(ShownOrganization::of).collect::<Result<_, _>>()?,
            next_cursor: last.map(|row| format!("{}{}", row.area_path, row.organization.organization_id)),
        })
    }
}

/// One row of the coverage.
#[derive(Debug, Serialize)]
pub struct ShownFigure<'a> {
    city: Option<&'a str>,
    level: &'a str,
    numerator: i64,
    denominator: i64,
}

impl<'a> ShownFigure<'a> {
    pub fn of(row: &'a FigureRow) -> Self {
        Self {
            city: Some(row.city.as_str()).filter(|city| !city.is_empty()),
            level: &row.level,
            numerator: row.numerator,
            denominator: row.denominator,
        }
    }
}
