//! Pilot programmes and their cohorts.

mod cohorts;

use std::collections::HashSet;

use chrono::NaiveDate;
use diesel::prelude::*;
use qiaojian_domain::Noun;
use qiaojian_domain::clock::UtcTime;
use qiaojian_domain::dates::Precision;
use qiaojian_domain::digest::{canonical, digest_of};
use qiaojian_domain::ids::{AreaId, ProgramId};
use qiaojian_domain::organization::PreciseDate;
use qiaojian_domain::program::{Candidate, Choice, Facts, choose};
use qiaojian_domain::violation::{TEXT_CHARS, check_text};
use serde::Serialize;

pub use cohorts::{CohortRow, cohort_days, cohorts, cohorts_changed, set_cohort};

use super::Recorded;
use super::audit::Entry;
use super::ledger::Recording;
use super::{StoreError, StoreResult, same_request, unless_stale};
use crate::db::AnyConnection;
use crate::db::schema::{area_versions, program_versions, programs};
use crate::predicates::{head, known_at, last_area};

/// One version of a programme.
#[derive(Debug, Clone, Serialize, Queryable, Selectable, Insertable)]
#[diesel(table_name = program_versions)]
pub struct ProgramVersion {
    pub program_id: ProgramId,
    pub version: i64,
    pub recorded_seq: i64,
    pub recorded_at: UtcTime,
    pub superseded_seq: Option<i64>,
    pub superseded_at: Option<UtcTime>,
    pub valid_from: NaiveDate,
    pub valid_to: Option<NaiveDate>,
    pub issuer_area_id: AreaId,
    pub code: String,
    pub title: String,
    /// A JSON array of strings.
    pub aliases: String,
    /// The date that growth is measured from.
    pub baseline_on: NaiveDate,
    pub starts_on: NaiveDate,
    pub target_on: NaiveDate,
    /// A demonstration programme, marked wherever it is shown.
    pub illustrative: bool,
    pub note: Option<String>,
    pub starts_precision: Precision,
    /// Why it was corrected; `None` in the first version.
    pub reason: Option<String>,
}

impl ProgramVersion {
    /// Returns its start date.
    pub fn starts(&self) -> PreciseDate {
        PreciseDate {
            on: self.starts_on,
            precision: self.starts_precision,
        }
    }
}

/// A programme to record.
#[derive(Debug, Clone)]
pub struct NewProgram {
    pub id: ProgramId,
    /// Digest of the request: repeating the request returns the same programme.
    pub digest: String,
    pub issuer: AreaId,
    /// A demonstration programme, marked wherever it is shown.
    pub illustrative: bool,
    pub facts: Facts,
}

/// A programme with its issuer.
#[derive(Debug, Clone, Queryable)]
pub struct ProgramOfIssuer {
    pub program: ProgramVersion,
    pub created_at: UtcTime,
    pub issuer_code: String,
    pub issuer_path: String,
}

/// The programmes known at a transaction time, with the current or last version of their issuers.
macro_rules! versions_with_issuers {
    ($known:expr) => {
        program_versions::table
            .inner_join(programs::table.on(programs::id.eq(program_versions::program_id)))
            .inner_join(last_area!(program_versions::issuer_area_id))
            .filter(program_versions::valid_to.is_null())
            .filter(known_at!(program_versions, $known))
            .select((
                ProgramVersion::as_select(),
                programs::created_at,
                area_versions::code,
                area_versions::path,
            ))
    };
}

/// The programmes known at a transaction time. A programme has one version for its whole life, so the open version is
/// the right one.
macro_rules! known_versions {
    ($known:expr) => {
        program_versions::table
            .filter(program_versions::valid_to.is_null())
            .filter(known_at!(program_versions, $known))
            .select(ProgramVersion::as_select())
    };
}

/// Returns the programme with this id as known at `known`, with its issuer.
///
/// # Errors
/// [`StoreError::NotFound`], or a database error.
pub fn find_with_issuer(
    conn: &mut AnyConnection,
    id: ProgramId,
    known: Recorded,
) -> StoreResult<ProgramOfIssuer> {
    versions_with_issuers!(known)
        .filter(program_versions::program_id.eq(id))
        .first(conn)
        .optional()?
        .ok_or(StoreError::NotFound(Noun::Program))
}

/// Returns the programme with this id. Programmes are reference data: every caller may read them.
///
/// # Errors
/// [`StoreError::NotFound`], or a database error.
pub fn find(conn: &mut AnyConnection, id: ProgramId) -> StoreResult<ProgramVersion> {
    program_versions::table
        .filter(head!(program_versions))
        .filter(program_versions::program_id.eq(id))
        .select(ProgramVersion::as_select())
        .first(conn)
        .optional()?
        .ok_or(StoreError::NotFound(Noun::Program))
}

/// Returns the demonstration programmes; everything that belongs to them is marked wherever it is shown.
///
/// # Errors
/// Returns an error if the database fails.
pub fn illustrative(conn: &mut AnyConnection) -> QueryResult<HashSet<ProgramId>> {
    let rows: Vec<ProgramId> = program_versions::table
        .filter(head!(program_versions))
        .filter(program_versions::illustrative.eq(true))
        .select(program_versions::program_id)
        .load(conn)?;
    Ok(rows.into_iter().collect())
}

/// Returns the programmes known at `known`, by id, at most `limit`.
///
/// # Errors
/// Returns an error if the database fails.
pub fn known_at(conn: &mut AnyConnection, known: Recorded, limit: i64) -> QueryResult<Vec<ProgramVersion>> {
    known_versions!(known)
        .order(program_versions::program_id)
        .limit(limit)
        .load(conn)
}

/// Returns the programme with this id as known at `known`.
///
/// # Errors
/// [`StoreError::NotFound`], or a database error.
pub fn find_known_at(
    conn: &mut AnyConnection,
    id: ProgramId,
    known: Recorded,
) -> StoreResult<ProgramVersion> {
    known_versions!(known)
        .filter(program_versions::program_id.eq(id))
        .first(conn)
        .optional()?
        .ok_or(StoreError::NotFound(Noun::Program))
}

/// Returns the programmes known at `known`, by id, after `after`, each with its issuer.
///
/// # Errors
/// Returns an error if the database fails.
pub fn list(
    conn: &mut AnyConnection,
    known: Recorded,
    after: Option<ProgramId>,
    limit: i64,
) -> QueryResult<Vec<ProgramOfIssuer>> {
    let mut query = versions_with_issuers!(known)
        .order(program_versions::program_id)
        .limit(limit)
        .into_boxed();
    if let Some(after) = after {
        query = query.filter(program_versions::program_id.gt(after));
    }
    query.load(conn)
}

/// Records a programme. Repeating the request with the same id returns the same programme.
///
/// # Errors
/// [`StoreError::Invalid`], [`StoreError::Conflict`] `id_taken` or `program_code_taken`, or a database error.
pub fn create(recording: &mut Recording<'_, '_>, new: &NewProgram) -> StoreResult<ProgramVersion> {
    let recorded = recording.recorded();
    let known: Option<String> = programs::table
        .find(new.id)
        .select(programs::created_digest)
        .first(recording.conn())
        .optional()?;
    let known = known
        .map(|digest| find(recording.conn(), new.id).map(|version| (digest, version)))
        .transpose()?;
    let is_same = |(digest, version): &(String, ProgramVersion)| {
        *digest == new.digest && version.issuer_area_id == new.issuer
    };
    if let Some((_, version)) = same_request::made_before(known, is_same)? {
        return Ok(version);
    }
    let facts = &new.facts;
    let violations = facts.violations();
    if !violations.is_empty() {
        return Err(StoreError::Invalid(violations));
    }
    diesel::insert_into(programs::table)
        .values((
            programs::id.eq(new.id),
            programs::created_seq.eq(recorded.seq),
            programs::created_at.eq(recorded.at),
            programs::created_digest.eq(&new.digest),
        ))
        .execute(recording.conn())?;
    let row = ProgramVersion {
        program_id: new.id,
        version: 1,
        recorded_seq: recorded.seq,
        recorded_at: recorded.at,
        superseded_seq: None,
        superseded_at: None,
        // The name and measures of a programme apply for its whole life.
        valid_from: facts.baseline_on,
        valid_to: None,
        issuer_area_id: new.issuer,
        code: facts.code.clone(),
        title: facts.title.clone(),
        aliases: canonical(&facts.aliases)?,
        baseline_on: facts.baseline_on,
        starts_on: facts.starts.on,
        target_on: facts.target_on,
        illustrative: new.illustrative,
        note: facts.note.clone(),
        starts_precision: facts.starts.precision,
        reason: None,
    };
    diesel::insert_into(program_versions::table)
        .values(&row)
        .execute(recording.conn())?;
    let id = row.program_id.to_string();
    recording.audit(&Entry {
        verb: "create",
        resource: Noun::Program,
        id: &id,
        area: Some(row.issuer_area_id),
        before: None,
        after: Some(&digest_of(&row)?),
    })?;
    Ok(row)
}

/// Corrects a programme for its whole life. Earlier transaction times keep the former state; later figures use the
/// corrected one.
///
/// # Errors
/// [`StoreError::NotFound`], [`StoreError::Stale`], [`StoreError::Invalid`], [`StoreError::Conflict`]
/// `program_code_taken`, or a database error.
pub fn correct(
    recording: &mut Recording<'_, '_>,
    id: ProgramId,
    expected: i64,
    facts: &Facts,
    reason: &str,
) -> StoreResult<ProgramVersion> {
    let recorded = recording.recorded();
    let before = find(recording.conn(), id)?;
    unless_stale(Some(expected), before.version)?;
    let mut violations = facts.violations();
    check_text(&mut violations, "/reason", reason, TEXT_CHARS);
    if !violations.is_empty() {
        return Err(StoreError::Invalid(violations));
    }
    let after = ProgramVersion {
        version: before.version + 1,
        recorded_seq: recorded.seq,
        recorded_at: recorded.at,
        valid_from: facts.baseline_on,
        code: facts.code.clone(),
        title: facts.title.clone(),
        aliases: canonical(&facts.aliases)?,
        baseline_on: facts.baseline_on,
        starts_on: facts.starts.on,
        starts_precision: facts.starts.precision,
        target_on: facts.target_on,
        note: facts.note.clone(),
        reason: Some(reason.to_owned()),
        ..before
    };
    let head = program_versions::table
        .filter(head!(program_versions))
        .filter(program_versions::program_id.eq(id));
    diesel::update(head)
        .set((
            program_versions::superseded_seq.eq(recorded.seq),
            program_versions::superseded_at.eq(recorded.at),
        ))
        .execute(recording.conn())?;
    diesel::insert_into(program_versions::table)
        .values(&after)
        .execute(recording.conn())?;
    recording.audit(&Entry {
        verb: "update",
        resource: Noun::Program,
        id: &id.to_string(),
        area: Some(after.issuer_area_id),
        before: Some(&digest_of(&before)?),
        after: Some(&digest_of(&after)?),
    })?;
    Ok(after)
}

/// Returns the default programme of a question about the area with this path (see [`choose`]), as known at `known`: one
/// of those issued by that area or by one above it.
///
/// # Errors
/// Returns an error if the database fails.
pub fn current(
    conn: &mut AnyConnection,
    path: &str,
    as_of: NaiveDate,
    known: Recorded,
) -> QueryResult<Choice<ProgramVersion>> {
    let all: Vec<ProgramOfIssuer> = versions_with_issuers!(known)
        .order(program_versions::program_id)
        .load(conn)?;
    let candidates = all
        .into_iter()
        .filter(|one| path.starts_with(&one.issuer_path))
        .map(|one| {
            let candidate = Candidate {
                depth: one.issuer_path.matches('/').count(),
                starts_on: one.program.starts().earliest(),
                target_on: one.program.target_on,
            };
            (candidate, one.program)
        });
    Ok(choose(candidates, as_of))
}
