//! The row of an organization version, and the facts it holds.

use chrono::NaiveDate;
use diesel::prelude::*;
use qiaojian_domain::access::Post;
use qiaojian_domain::area::Level;
use qiaojian_domain::clock::UtcTime;
use qiaojian_domain::dates::Precision;
use qiaojian_domain::digest::{canonical, digest_of};
use qiaojian_domain::ids::{AreaId, OrganizationId};
use qiaojian_domain::organization::{
    Basis, Facts, Host, Kind, Life, PreciseDate, Reopening, Status, Verification,
};
use serde::Serialize;

use crate::Recorded;
use crate::db::schema::organization_versions;

/// One version of an organization. Its valid time runs from `valid_from` to `valid_to`, its transaction time from
/// `recorded_*` to `superseded_*`; both ends are exclusive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Queryable, Selectable, Insertable)]
#[diesel(table_name = organization_versions, treat_none_as_default_value = false)]
pub struct OrganizationVersion {
    pub organization_id: OrganizationId,
    pub version: i64,
    pub recorded_seq: i64,
    pub recorded_at: UtcTime,
    pub superseded_seq: Option<i64>,
    pub superseded_at: Option<UtcTime>,
    pub valid_from: NaiveDate,
    pub valid_to: Option<NaiveDate>,
    pub area_id: AreaId,
    pub host: Host,
    pub parent_id: Option<OrganizationId>,
    pub kind: Kind,
    pub name: String,
    pub status: Status,
    pub approval_post: Option<Post>,
    pub approval_doc_no: Option<String>,
    pub approved_on: Option<NaiveDate>,
    pub approved_precision: Option<Precision>,
    pub established_on: Option<NaiveDate>,
    pub established_precision: Option<Precision>,
    pub unveiled_on: Option<NaiveDate>,
    pub unveiled_precision: Option<Precision>,
    pub closed_on: Option<NaiveDate>,
    pub closed_precision: Option<Precision>,
    pub basis: Basis,
    pub replaces: Option<String>,
    pub has_office: bool,
    pub affiliation: Option<String>,
    pub quota_posts: Option<i32>,
    pub posts_filled: Option<i32>,
    pub five_have: String,
    pub standing_rules: String,
    pub term_ends_on: Option<NaiveDate>,
    pub verification: Verification,
    pub verification_reason: Option<String>,
    pub note: Option<String>,
    pub reason: Option<String>,
    pub created_at: UtcTime,
    /// Omitted from the digest if there are none, so that digests of older versions stay valid.
    #[serde(skip_serializing_if = "was_never_reopened")]
    pub reopenings: String,
}

/// The column value without reopenings.
const NEVER_REOPENED: &str = "[]";

fn was_never_reopened(reopenings: &str) -> bool {
    reopenings == NEVER_REOPENED
}

/// A version with the position of its area in the tree.
#[derive(Debug, Clone, PartialEq, Eq, Queryable)]
pub struct OrganizationInArea {
    pub organization: OrganizationVersion,
    pub area_code: String,
    pub area_path: String,
    pub level: Level,
}

fn date(on: Option<NaiveDate>, precision: Option<Precision>) -> Option<PreciseDate> {
    on.map(|on| PreciseDate {
        on,
        precision: precision.unwrap_or(Precision::Day),
    })
}

impl OrganizationVersion {
    /// Returns the dated facts of its life, as far as this version knows them.
    ///
    /// # Errors
    /// If the reopenings column does not contain the expected format.
    pub fn life(&self) -> Result<Life, serde_json::Error> {
        Ok(Life {
            status: self.status,
            approved: date(self.approved_on, self.approved_precision),
            established: date(self.established_on, self.established_precision),
            unveiled: date(self.unveiled_on, self.unveiled_precision),
            closed: date(self.closed_on, self.closed_precision),
            reopenings: read_reopenings(&self.reopenings)?,
        })
    }

    /// Returns all recorded facts.
    ///
    /// # Errors
    /// If a checklist column does not contain the expected format.
    pub fn facts(&self) -> Result<Facts, serde_json::Error> {
        Ok(Facts {
            host: self.host,
            kind: self.kind,
            name: self.name.clone(),
            life: self.life()?,
            approval_post: self.approval_post,
            approval_doc_no: self.approval_doc_no.clone(),
            basis: self.basis,
            replaces: self.replaces.clone(),
            has_office: self.has_office,
            affiliation: self.affiliation.clone(),
            quota_posts: self.quota_posts,
            posts_filled: self.posts_filled,
            five_have: read_checklist(&self.five_have)?,
            standing_rules: read_checklist(&self.standing_rules)?,
            term_ends_on: self.term_ends_on,
            note: self.note.clone(),
        })
    }

    /// Returns the row with other dates: one segment of its life.
    ///
    /// # Errors
    /// If the reopenings cannot be written as JSON.
    pub(super) fn with_life(mut self, life: &Life) -> Result<Self, serde_json::Error> {
        self.status = life.status;
        (self.approved_on, self.approved_precision) = split(life.approved);
        (self.established_on, self.established_precision) = split(life.established);
        (self.unveiled_on, self.unveiled_precision) = split(life.unveiled);
        (self.closed_on, self.closed_precision) = split(life.closed);
        self.reopenings = if life.reopenings.is_empty() {
            NEVER_REOPENED.to_owned()
        } else {
            canonical(&life.reopenings)?
        };
        Ok(self)
    }

    /// Returns the row with other facts.
    ///
    /// # Errors
    /// If a checklist cannot be written as JSON.
    pub(super) fn with_facts(self, facts: &Facts) -> Result<Self, serde_json::Error> {
        let mut row = self.with_life(&facts.life)?;
        row.host = facts.host;
        row.kind = facts.kind;
        row.name.clone_from(&facts.name);
        row.approval_post = facts.approval_post;
        row.approval_doc_no.clone_from(&facts.approval_doc_no);
        row.basis = facts.basis;
        row.replaces.clone_from(&facts.replaces);
        row.has_office = facts.has_office;
        row.affiliation.clone_from(&facts.affiliation);
        row.quota_posts = facts.quota_posts;
        row.posts_filled = facts.posts_filled;
        row.five_have = canonical(&facts.five_have)?;
        row.standing_rules = canonical(&facts.standing_rules)?;
        row.term_ends_on = facts.term_ends_on;
        row.note.clone_from(&facts.note);
        Ok(row)
    }

    /// Returns a blank row of a new organization, to be filled by `with_facts` and `with_life`.
    pub(super) fn blank(id: OrganizationId, area: AreaId, facts: &Facts, recorded: Recorded) -> Self {
        Self {
            organization_id: id,
            version: 1,
            recorded_seq: recorded.seq,
            recorded_at: recorded.at,
            superseded_seq: None,
            superseded_at: None,
            valid_from: recorded.at.date_in_shanghai(),
            valid_to: None,
            area_id: area,
            host: facts.host,
            parent_id: None,
            kind: facts.kind,
            name: String::new(),
            status: facts.life.status,
            approval_post: None,
            approval_doc_no: None,
            approved_on: None,
            approved_precision: None,
            established_on: None,
            established_precision: None,
            unveiled_on: None,
            unveiled_precision: None,
            closed_on: None,
            closed_precision: None,
            basis: facts.basis,
            replaces: None,
            has_office: false,
            affiliation: None,
            quota_posts: None,
            posts_filled: None,
            five_have: String::new(),
            standing_rules: String::new(),
            term_ends_on: None,
            verification: Verification::Unverified,
            verification_reason: None,
            note: None,
            reason: None,
            created_at: recorded.at,
            reopenings: String::new(),
        }
    }

    /// Returns the digest of this version, for the audit trail. Does not cover `superseded_*`.
    ///
    /// # Errors
    /// Never in practice: every version has a JSON form.
    pub(super) fn digest(&self) -> Result<String, serde_json::Error> {
        let mut timeless = self.clone();
        (timeless.superseded_seq, timeless.superseded_at) = (None, None);
        digest_of(&timeless)
    }
}

/// Most checklists are empty, and a comparison is faster than parsing.
fn read_checklist<T: Default + serde::de::DeserializeOwned>(text: &str) -> Result<T, serde_json::Error> {
    if text == "{}" {
        Ok(T::default())
    } else {
        serde_json::from_str(text)
    }
}

/// Parses the reopenings column.
///
/// # Errors
/// If the text does not have the expected format.
pub(crate) fn read_reopenings(text: &str) -> Result<Vec<Reopening>, serde_json::Error> {
    if text == NEVER_REOPENED {
        Ok(Vec::new())
    } else {
        serde_json::from_str(text)
    }
}

fn split(date: Option<PreciseDate>) -> (Option<NaiveDate>, Option<Precision>) {
    (date.map(|date| date.on), date.map(|date| date.precision))
}
