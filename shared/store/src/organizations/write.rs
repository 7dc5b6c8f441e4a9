//! Recording, correcting and voiding organizations.
//!
//! A *change* happens on a date: earlier days keep their recorded state. A *correction* applies to all days: every
//! known segment is replaced. Nothing is overwritten; replaced rows are kept as superseded.

use chrono::NaiveDate;
use diesel::prelude::*;
use qiaojian_domain::Conflict;
use qiaojian_domain::Violation;
use qiaojian_domain::area::AreaKind;
use qiaojian_domain::ids::OrganizationId;
use qiaojian_domain::organization::{Facts, Status, Verification};
use qiaojian_domain::violation::{TEXT_CHARS, check_optional_text};

use super::change_events::{correct_merge, void_changes};
use super::lives::{
    audit, in_area, insert, known_segments, refuse_before_area, segments_of, supersede, with_turns,
};
use super::{OrganizationInArea, OrganizationVersion, find, find_at_or_above};
use crate::Recorded;
use crate::areas::{AreaVersion, Subtree, refuse_days_before};
use crate::db::schema::organizations;
use crate::ledger::Recording;
use crate::{StoreError, StoreResult, unless_stale};

/// An organization to record.
#[derive(Debug, Clone)]
pub struct NewOrganization {
    pub id: OrganizationId,
    /// Digest of the request: repeating the request returns the same organization.
    pub digest: String,
    pub area: AreaVersion,
    pub parent: Option<OrganizationId>,
    pub facts: Facts,
    /// `verified` if the reporter belongs to an area above and may verify.
    pub verification: Verification,
}

/// A correction, which applies to all days.
#[derive(Debug, Clone)]
pub struct Correction<'a> {
    pub facts: &'a Facts,
    pub area: &'a AreaVersion,
    pub parent: Option<OrganizationId>,
    /// Required if a dated field, the area, the parent, the host or the kind changes.
    pub reason: Option<&'a str>,
    /// `verified` if the reporter belongs to an area above and may verify.
    pub verification: Verification,
}

/// The result of `create`.
#[derive(Debug, Clone)]
pub enum Created {
    /// It was created.
    New(OrganizationInArea),
    /// The same request had already created it; this is its current state.
    Before(OrganizationInArea),
}

/// Records an organization, up to `established` with its dates. Repeating the request with the same id returns the same
/// organization.
///
/// # Errors
/// [`StoreError::Invalid`], [`StoreError::Conflict`] `id_taken` or `organization_exists` if the area has an active one
/// of this kind, [`StoreError::NotFound`] for a parent that is not visible, or a database error.
pub fn create(
    recording: &mut Recording<'_, '_>,
    visible: &Subtree,
    new: &NewOrganization,
    today: NaiveDate,
) -> StoreResult<Created> {
    if let Some(before) = made_before(recording, visible, new)? {
        return Ok(Created::Before(before));
    }
    admit(recording, visible, new, today)?;
    put(recording, new, today).map(Created::New)
}

/// Returns the current state, if the same request has already created it.
pub(super) fn made_before(
    recording: &mut Recording<'_, '_>,
    visible: &Subtree,
    new: &NewOrganization,
) -> StoreResult<Option<OrganizationInArea>> {
    let known: Option<String> = organizations::table
        .find(new.id)
        .select(organizations::created_digest)
        .first(recording.conn())
        .optional()?;
    match known {
        None => Ok(None),
        Some(digest) if digest == new.digest => find(recording.conn(), visible, new.id).map(Some),
        Some(_) => Err(StoreError::Conflict(Conflict::IdTaken)),
    }
}

/// Checks that the organization may be recorded.
pub(super) fn admit(
    recording: &mut Recording<'_, '_>,
    visible: &Subtree,
    new: &NewOrganization,
    today: NaiveDate,
) -> StoreResult<()> {
    refuse_unfit(&new.facts, &new.area, today)?;
    if let Some(first) = new.facts.life.first_day(today) {
        refuse_days_before(recording, &new.area, "/area", first)?;
    }
    check_parent(recording, visible, new.id, new.parent)
}

/// Writes a checked organization.
pub(super) fn put(
    recording: &mut Recording<'_, '_>,
    new: &NewOrganization,
    today: NaiveDate,
) -> StoreResult<OrganizationInArea> {
    let recorded = recording.recorded();
    diesel::insert_into(organizations::table)
        .values((
            organizations::id.eq(new.id),
            organizations::created_seq.eq(recorded.seq),
            organizations::created_at.eq(recorded.at),
            organizations::created_digest.eq(&new.digest),
        ))
        .execute(recording.conn())?;
    let (segments, head) = version_rows(new, recorded, today)?;
    insert(recording, &segments)?;
    audit(recording, "create", None, Some(&head))?;
    Ok(in_area(head, &new.area))
}

/// Returns the rows of a new organization, and its audited version: the final state, valid from the day on which it
/// begins.
pub(super) fn version_rows(
    new: &NewOrganization,
    recorded: Recorded,
    today: NaiveDate,
) -> Result<(Vec<OrganizationVersion>, OrganizationVersion), serde_json::Error> {
    let blank = OrganizationVersion::blank(new.id, new.area.area_id, &new.facts, recorded);
    let row = OrganizationVersion {
        parent_id: new.parent,
        verification: new.verification,
        ..blank.with_facts(&new.facts)?
    };
    let segments = segments_of(&row, today)?;
    let head = segments.last().cloned().unwrap_or(row);
    Ok((segments, head))
}

/// Corrects an organization on all days.
///
/// # Errors
/// [`StoreError::NotFound`], [`StoreError::Stale`], [`StoreError::Invalid`] (`reason_required` if a dated field, the
/// area, the parent, the host or the kind changes without a reason), [`StoreError::Conflict`], or a database error.
pub fn correct(
    recording: &mut Recording<'_, '_>,
    visible: &Subtree,
    id: OrganizationId,
    expected: Option<i64>,
    correction: &Correction<'_>,
    today: NaiveDate,
) -> StoreResult<OrganizationInArea> {
    let Correction {
        facts,
        area,
        parent,
        reason,
        verification,
    } = *correction;
    let found = find_at(recording, visible, id, expected)?;
    let head = &found.organization;
    let before = head.facts()?;
    let moved = head.area_id != area.area_id || head.parent_id != parent;
    let mut violations = Vec::new();
    check_optional_text(&mut violations, "/reason", reason, TEXT_CHARS);
    if !violations.is_empty() {
        return Err(StoreError::Invalid(violations));
    }
    let (was, is) = (before.life.status, facts.life.status);
    if is == Status::Merged && was != Status::Merged {
        return Err(merged_without_successor().into());
    }
    if reason.is_none() && (moved || before.needs_reason(facts)) {
        return Err(reason_required().into());
    }
    refuse_unfit(facts, area, today)?;
    // An unchanged parent may have ended since, or may not be visible to the caller: it is checked only if another one
    // is given.
    if head.parent_id != parent {
        check_parent(recording, visible, id, parent)?;
    }
    let recorded = recording.recorded();
    let stamp = |row: OrganizationVersion| OrganizationVersion {
        version: head.version + 1,
        recorded_seq: recorded.seq,
        recorded_at: recorded.at,
        area_id: area.area_id,
        parent_id: parent,
        reason: reason.map(str::to_owned),
        verification,
        verification_reason: None,
        ..row
    };
    let row = stamp(head.clone().with_facts(facts)?);
    let known = known_segments(recording, id)?;
    let lives = if before.life == facts.life {
        known
            .iter()
            .map(|segment| {
                Ok(OrganizationVersion {
                    valid_from: segment.valid_from,
                    valid_to: segment.valid_to,
                    ..row.clone().with_life(&segment.life()?)?
                })
            })
            .collect::<Result<Vec<_>, serde_json::Error>>()?
    } else {
        let is_of_this_life =
            |segment: &&OrganizationVersion| segment.life().is_ok_and(|life| life == before.life);
        let of_this_life = known.iter().find(is_of_this_life);
        segments_of(&row, of_this_life.unwrap_or(head).valid_from)?
    };
    let rows = with_turns(&lives, &known, head);
    refuse_before_area(recording, "/area", &rows)?;
    supersede(recording, id, None)?;
    insert(recording, &rows)?;
    if was == Status::Merged && before.life != facts.life {
        let on = facts.life.closed.filter(|_| is == Status::Merged);
        correct_merge(recording, id, on)?;
    }
    audit(recording, "update", Some(head), Some(&row))?;
    let current = rows.into_iter().next_back().unwrap_or(row);
    Ok(in_area(current, area))
}

/// The result of voiding an organization.
#[derive(Debug, Clone)]
pub enum Voided {
    /// It was voided.
    Gone,
    /// An area above had verified it and has to approve the request.
    Asked(Box<OrganizationInArea>),
}

/// Voids an organization. One that an area above has verified is not voided by the reporting area itself: unless the
/// caller `judges` it, the request is pending with that area, like a report.
///
/// # Errors
/// [`StoreError::NotFound`], [`StoreError::Stale`], [`StoreError::Conflict`] `void_asked` if a request is already
/// pending, or a database error.
pub fn void_or_ask(
    recording: &mut Recording<'_, '_>,
    visible: &Subtree,
    (id, expected): (OrganizationId, Option<i64>),
    reason: &str,
    judges: bool,
) -> StoreResult<Voided> {
    let found = find_at(recording, visible, id, expected)?;
    let head = &found.organization;
    match head.verification {
        Verification::VoidAsked if !judges => return Err(StoreError::Conflict(Conflict::VoidAsked)),
        Verification::Verified if !judges => {}
        _ => {
            void(recording, visible, id, expected, reason)?;
            return Ok(Voided::Gone);
        }
    }
    let row = restate(recording, head, Verification::VoidAsked, Some(reason))?;
    audit(recording, "ask_void", Some(head), Some(&row))?;
    Ok(Voided::Asked(Box::new(OrganizationInArea {
        organization: row,
        ..found
    })))
}

/// Rewrites all known rows of an organization with another verification status. Returns the head.
pub(super) fn restate(
    recording: &mut Recording<'_, '_>,
    head: &OrganizationVersion,
    verification: Verification,
    reason: Option<&str>,
) -> StoreResult<OrganizationVersion> {
    let recorded = recording.recorded();
    let stamped = |row: OrganizationVersion| OrganizationVersion {
        version: head.version + 1,
        recorded_seq: recorded.seq,
        recorded_at: recorded.at,
        verification,
        verification_reason: reason.map(str::to_owned),
        ..row
    };
    let id = head.organization_id;
    let rows: Vec<OrganizationVersion> = known_segments(recording, id)?.into_iter().map(stamped).collect();
    supersede(recording, id, None)?;
    insert(recording, &rows)?;
    Ok(stamped(head.clone()))
}

/// Voids an organization: it does not exist for later `known_at`, and is kept for earlier ones.
///
/// # Errors
/// [`StoreError::NotFound`], [`StoreError::Stale`], or a database error.
pub fn void(
    recording: &mut Recording<'_, '_>,
    visible: &Subtree,
    id: OrganizationId,
    expected: Option<i64>,
    reason: &str,
) -> StoreResult<()> {
    let found = find_at(recording, visible, id, expected)?;
    supersede(recording, id, None)?;
    void_changes(recording, id)?;
    let seq = recording.recorded().seq;
    diesel::update(organizations::table.find(id))
        .set((
            organizations::voided_seq.eq(seq),
            organizations::void_reason.eq(reason),
        ))
        .execute(recording.conn())?;
    audit(recording, "delete", Some(&found.organization), None)?;
    Ok(())
}

pub(super) fn find_at(
    recording: &mut Recording<'_, '_>,
    visible: &Subtree,
    id: OrganizationId,
    expected: Option<i64>,
) -> StoreResult<OrganizationInArea> {
    let found = find(recording.conn(), visible, id)?;
    unless_stale(expected, found.organization.version)?;
    Ok(found)
}

/// Returns what prevents such an organization in this area.
pub(super) fn unfit(facts: &Facts, area: &AreaVersion, today: NaiveDate) -> Vec<Violation> {
    let mut violations = facts.violations(area.level, today);
    if area.kind != AreaKind::Administrative {
        violations.push(in_divisions_only());
    }
    violations
}

pub(super) fn refuse_unfit(facts: &Facts, area: &AreaVersion, today: NaiveDate) -> StoreResult<()> {
    let violations = unfit(facts, area, today);
    if violations.is_empty() {
        Ok(())
    } else {
        Err(StoreError::Invalid(violations))
    }
}

pub(super) fn check_parent(
    recording: &mut Recording<'_, '_>,
    visible: &Subtree,
    id: OrganizationId,
    parent: Option<OrganizationId>,
) -> StoreResult<()> {
    let Some(parent) = parent else { return Ok(()) };
    if parent == id {
        return Err(own_parent().into());
    }
    find_at_or_above(recording.conn(), visible, parent)
        .map(drop)
        .map_err(|error| match error {
            StoreError::NotFound(_) => unknown_parent().into(),
            other => other,
        })
}

pub(super) fn own_parent() -> Violation {
    Violation::new(
        "/parent",
        "own_parent",
        "不能以自身为上级。",
        "It cannot be its own parent.",
    )
}

pub(super) fn unknown_parent() -> Violation {
    Violation::new(
        "/parent",
        "unknown_parent",
        "找不到该上级组织。",
        "There is no such parent organization.",
    )
}

fn merged_without_successor() -> Violation {
    Violation::new(
        "/status",
        "merge_by_verb",
        "合并须写明并入的组织，请用合并操作（merge）。",
        "A merge must name the organization to merge into. Use merge.",
    )
}

pub(super) fn in_divisions_only() -> Violation {
    Violation::new(
        "/area",
        "area_not_administrative",
        "统计用区划和占位区划不能设立组织，请填写实际的行政区划或园区。",
        "An organization cannot be established in a statistical or placeholder area. Give an administrative division or a park.",
    )
}

pub(super) fn reason_required() -> Violation {
    Violation::new(
        "/reason",
        "reason_required",
        "更正日期、状态、地区、上级或类别，以及撤销、恢复、合并、分设、终止，须说明理由（reason）。",
        "Correcting a date, status, area, parent or kind, closing, reopening, merging, splitting and abandoning require a reason (reason).",
    )
}
