//! An organization in JSON, as input and as output.

use chrono::NaiveDate;
use qiaojian_domain::access::Post;
use qiaojian_domain::area::Level;
use qiaojian_domain::clock::UtcTime;
use qiaojian_domain::dates::{Precision, day};
use qiaojian_domain::ids::OrganizationId;
use qiaojian_domain::organization::{
    Basis, Facts, FiveHave, Host, Kind, Life, Reopening, StandingRules, Status, Verification,
};
use qiaojian_store::db::AnyConnection;
use qiaojian_store::organizations::{self, OrganizationInArea};
use qiaojian_store::{Moment, Recorded, Subtree, ledger};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::derived_schema::{derived_schema, shown_of};
use crate::problem::ApiError;
use crate::wire::precise;

/// The approval (批复).
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = OrganizationApproval)]
pub struct Approval {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub post: Option<Post>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub doc_no: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[serde(deserialize_with = "day::read_optional")]
    pub on: Option<NaiveDate>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub precision: Option<Precision>,
}

/// The input for an organization. The precision of a date is `day` unless another is given.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"area": "340304", "kind": "federation", "name": "禹会区侨联"}))]
pub struct OrganizationInput {
    /// A client-generated id; makes the call permanently idempotent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<uuid::Uuid>,
    /// The code of its area.
    #[schema(example = "340304001")]
    pub area: String,
    #[serde(default = "host_default")]
    pub host: Host,
    /// The organization above it. Omitted if the caller may not see it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<OrganizationId>,
    pub kind: Kind,
    #[schema(example = "大庆街道侨联", max_length = 100)]
    pub name: String,
    /// Up to `established`, with its dates, if it is recorded late.
    #[serde(default = "status_default")]
    pub status: Status,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<Approval>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[serde(deserialize_with = "day::read_optional")]
    pub established_on: Option<NaiveDate>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub established_precision: Option<Precision>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[serde(deserialize_with = "day::read_optional")]
    pub unveiled_on: Option<NaiveDate>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unveiled_precision: Option<Precision>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[serde(deserialize_with = "day::read_optional")]
    pub closed_on: Option<NaiveDate>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_precision: Option<Precision>,
    /// 恢复: the times it was closed and reopened, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reopenings: Vec<Reopening>,
    #[serde(default = "basis_default")]
    pub basis: Basis,
    /// With `replace_one`: the institution that was abolished in its favour.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaces: Option<String>,
    #[serde(default)]
    pub has_office: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub affiliation: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quota_posts: Option<i32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub posts_filled: Option<i32>,
    #[serde(default)]
    pub five_have: FiveHave,
    #[serde(default)]
    pub standing_rules: StandingRules,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[serde(deserialize_with = "day::read_optional")]
    pub term_ends_on: Option<NaiveDate>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

const fn host_default() -> Host {
    Host::Area
}

const fn status_default() -> Status {
    Status::Preparing
}

const fn basis_default() -> Basis {
    Basis::New
}

impl OrganizationInput {
    /// Returns the recorded facts.
    pub fn facts(&self) -> Facts {
        let approval = self.approval.clone().unwrap_or_default();
        Facts {
            host: self.host,
            kind: self.kind,
            name: self.name.clone(),
            life: Life {
                status: self.status,
                approved: precise(approval.on, approval.precision),
                established: precise(self.established_on, self.established_precision),
                unveiled: precise(self.unveiled_on, self.unveiled_precision),
                closed: precise(self.closed_on, self.closed_precision),
                reopenings: self.reopenings.clone(),
            },
            approval_post: approval.post,
            approval_doc_no: approval.doc_no,
            basis: self.basis,
            replaces: self.replaces.clone(),
            has_office: self.has_office,
            affiliation: self.affiliation.clone(),
            quota_posts: self.quota_posts,
            posts_filled: self.posts_filled,
            five_have: self.five_have.clone(),
            standing_rules: self.standing_rules.clone(),
            term_ends_on: self.term_ends_on,
            note: self.note.clone(),
        }
    }

    /// Returns the input that would produce the organization as it is, to which a merge patch is applied.
    pub fn of(found: &OrganizationInArea) -> Result<Self, ApiError> {
        let facts = found.organization.facts()?;
        let Life {
            approved,
            established,
            unveiled,
            closed,
            reopenings,
            status,
        } = facts.life;
        let has_approval =
            approved.is_some() || facts.approval_post.is_some() || facts.approval_doc_no.is_some();
        let approval = Approval {
            post: facts.approval_post,
            doc_no: facts.approval_doc_no,
            on: approved.map(|date| date.on),
            precision: approved.map(|date| date.precision),
        };
        Ok(Self {
            id: None,
            area: found.area_code.clone(),
            host: facts.host,
            parent: found.organization.parent_id,
            kind: facts.kind,
            name: facts.name,
            status,
            approval: has_approval.then_some(approval),
            established_on: established.map(|date| date.on),
            established_precision: established.map(|date| date.precision),
            unveiled_on: unveiled.map(|date| date.on),
            unveiled_precision: unveiled.map(|date| date.precision),
            closed_on: closed.map(|date| date.on),
            closed_precision: closed.map(|date| date.precision),
            reopenings,
            basis: facts.basis,
            replaces: facts.replaces,
            has_office: facts.has_office,
            affiliation: facts.affiliation,
            quota_posts: facts.quota_posts,
            posts_filled: facts.posts_filled,
            five_have: facts.five_have,
            standing_rules: facts.standing_rules,
            term_ends_on: facts.term_ends_on,
            note: facts.note,
        })
    }
}

derived_schema! {
    /// The recorded facts of an organization, as output.
    pub(super) OrganizationFacts of OrganizationInput = shown_of::<OrganizationInput>(
        "The recorded facts of an organization. Unknown facts are omitted.",
        &["id"],
        &["host", "status", "basis", "has_office", "five_have", "standing_rules"],
    )
}

/// An organization.
#[derive(Debug, Serialize, ToSchema)]
pub struct Organization {
    pub id: OrganizationId,
    /// The current version; equals the `ETag`.
    pub version: i64,
    /// The level of its area.
    pub level: Level,
    #[serde(flatten)]
    #[schema(value_type = OrganizationFacts)]
    pub input: OrganizationInput,
    pub verification: Verification,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verification_reason: Option<String>,
    /// The first day on which this version applies (Asia/Shanghai).
    pub valid_from: NaiveDate,
    pub created_at: UtcTime,
    pub updated_at: UtcTime,
    /// For a merged organization: the one it was merged into, if the caller may see it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub merged_into: Option<OrganizationId>,
    /// The requested valid time, if there was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub as_of: Option<NaiveDate>,
    /// The requested transaction time, if there was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub known_at: Option<UtcTime>,
}

impl Organization {
    /// Converts the row of a past moment.
    pub fn on(found: &OrganizationInArea, moment: Moment) -> Result<Self, ApiError> {
        Ok(Self {
            as_of: Some(moment.as_of),
            known_at: Some(moment.known.at),
            ..Self::of(found)?
        })
    }

    /// Converts the row of a moment, or the latest row if no moment was requested.
    pub fn at(found: &OrganizationInArea, moment: Option<Moment>) -> Result<Self, ApiError> {
        match moment {
            Some(moment) => Self::on(found, moment),
            None => Self::of(found),
        }
    }

    /// Converts a row.
    pub fn of(found: &OrganizationInArea) -> Result<Self, ApiError> {
        let row = &found.organization;
        Ok(Self {
            id: row.organization_id,
            version: row.version,
            level: found.level,
            input: OrganizationInput::of(found)?,
            verification: row.verification,
            verification_reason: row.verification_reason.clone(),
            valid_from: row.valid_from,
            created_at: row.created_at,
            updated_at: row.recorded_at,
            merged_into: None,
            as_of: None,
            known_at: None,
        })
    }
}

/// Removes the parents that the caller may not see, because it must not learn their ids.
pub(super) fn hide_parents<'a>(
    conn: &mut AnyConnection,
    visible: &Subtree,
    shown: impl Iterator<Item = &'a mut Organization>,
) -> Result<(), ApiError> {
    let mut with_parent: Vec<&mut Organization> = shown.filter(|one| one.input.parent.is_some()).collect();
    let parents: Vec<OrganizationId> = with_parent.iter().filter_map(|one| one.input.parent).collect();
    if parents.is_empty() {
        return Ok(());
    }
    let seen = organizations::among(conn, visible, &parents)?;
    for one in &mut with_parent {
        one.input.parent = one.input.parent.filter(|parent| seen.contains(parent));
    }
    Ok(())
}

/// Adds to merged organizations the one they were merged into, as known at a moment, if the caller may see it.
pub(super) fn name_successors(
    conn: &mut AnyConnection,
    visible: &Subtree,
    known: Option<Recorded>,
    shown: &mut [Organization],
) -> Result<(), ApiError> {
    hide_parents(conn, visible, shown.iter_mut())?;
    let merged: Vec<OrganizationId> = shown
        .iter()
        .filter(|one| one.input.status == Status::Merged)
        .map(|one| one.id)
        .collect();
    if merged.is_empty() {
        return Ok(());
    }
    let known = known.map_or_else(|| ledger::known(conn), Ok)?;
    let successors = organizations::successors(conn, visible, &merged, known)?;
    for one in shown {
        one.merged_into = successors.get(&one.id).copied();
    }
    Ok(())
}
