//! Recording, changing, correcting and voiding.
//!
//! A *change* happened on a date: what was true before stays true before it. A *correction* says that it was never otherwise:
//! every known segment is replaced. Nothing is overwritten; the rows it replaces stay, superseded.

use chrono::NaiveDate;
use diesel::prelude::*;

use super::{OrganizationInArea, OrganizationVersion, find, find_at_or_above};
use crate::db::schema::{organization_versions, organizations};
use crate::domain::Violation;
use crate::domain::access::Post;
use crate::domain::area::AreaKind;
use crate::domain::organization::{Facts, Life, PreciseDate, Status, Verb};
use crate::domain::violation::{TEXT_CHARS, check_optional_text};
use crate::ids::OrganizationId;
use crate::store::areas::{AreaVersion, Subtree};
use crate::store::audit::Entry;
use crate::store::ledger::Recording;
use crate::store::{StoreError, StoreResult};

/// An organization to be recorded.
#[derive(Debug, Clone)]
pub struct NewOrganization {
    pub id: OrganizationId,
    /// Digest of the request: the same one again gives the same organization.
    pub digest: String,
    pub area: AreaVersion,
    pub parent: Option<OrganizationId>,
    pub facts: Facts,
}

/// What `create` did.
#[derive(Debug, Clone)]
pub enum Created {
    /// It is new.
    New(OrganizationInArea),
    /// The same request had made it before; this is how it is now.
    Before(OrganizationInArea),
}

/// A step in an organization's life.
#[derive(Debug, Clone)]
pub struct Step {
    pub verb: Verb,
    /// When it happened.
    pub on: PreciseDate,
    pub reason: Option<String>,
    /// With `approve`: the document.
    pub doc_no: Option<String>,
    /// With `approve`: who approved.
    pub post: Option<Post>,
}

/// Records an organization, up to `established` with its dates. The same id with the same request is the same organization.
///
/// # Errors
/// [`StoreError::Invalid`], [`StoreError::IdTaken`], [`StoreError::Conflict`] `organization_exists` when the area has an active
/// one of this kind, [`StoreError::NotFound`] for a parent out of sight, or the database's.
pub fn create(
    recording: &mut Recording<'_, '_>,
    visible: &Subtree,
    new: &NewOrganization,
    today: NaiveDate,
) -> StoreResult<Created> {
    let known: Option<String> = organizations::table
        .find(new.id)
        .select(organizations::created_digest)
        .first(recording.conn())
        .optional()?;
    if let Some(digest) = known {
        if digest != new.digest {
            return Err(StoreError::IdTaken);
        }
        return find(recording.conn(), visible, new.id).map(Created::Before);
    }
    check(&new.facts, &new.area, today)?;
    check_parent(recording, visible, new.id, new.parent)?;
    let recorded = recording.recorded();
    diesel::insert_into(organizations::table)
        .values((
            organizations::id.eq(new.id),
            organizations::created_seq.eq(recorded.seq),
            organizations::created_at.eq(recorded.at),
            organizations::created_digest.eq(&new.digest),
        ))
        .execute(recording.conn())?;
    let blank = OrganizationVersion::blank(new.id, new.area.area_id, &new.facts, recorded);
    let row = OrganizationVersion {
        parent_id: new.parent,
        ..blank.with_facts(&new.facts)?
    };
    insert(recording, &segments_of(&row, today))?;
    audit(recording, "create", None, Some(&row))?;
    Ok(Created::New(in_area(row, &new.area)))
}

/// Changes an organization by a dated step.
///
/// # Errors
/// [`StoreError::NotFound`], [`StoreError::Stale`], [`StoreError::Refused`], [`StoreError::Invalid`], or the database's.
pub fn transition(
    recording: &mut Recording<'_, '_>,
    visible: &Subtree,
    id: OrganizationId,
    expected: Option<i64>,
    step: &Step,
    today: NaiveDate,
) -> StoreResult<OrganizationInArea> {
    let found = find_at(recording, visible, id, expected)?;
    let head = &found.organization;
    let mut life = Life {
        status: head.status.after(step.verb)?,
        ..head.life()
    };
    match step.verb {
        Verb::Approve => life.approved = Some(step.on),
        Verb::Establish => life.established = Some(step.on),
        Verb::Unveil if life.unveiled.is_some() => return Err(StoreError::Conflict("already_unveiled")),
        Verb::Unveil => life.unveiled = Some(step.on),
        Verb::Close => life.closed = Some(step.on),
        Verb::Abandon => {}
    }
    let mut violations = life.violations(today);
    if life.status == Status::Abandoned
        && life
            .approved
            .is_some_and(|approved| step.on.counts_from() < approved.earliest())
    {
        violations.push(before_approval());
    }
    if step.on.earliest() > today {
        violations.push(future_step(today));
    }
    if matches!(step.verb, Verb::Close | Verb::Abandon) && step.reason.is_none() {
        violations.push(reason_required());
    }
    if !violations.is_empty() {
        return Err(StoreError::Invalid(
            violations.into_iter().map(step_pointer).collect(),
        ));
    }
    let recorded = recording.recorded();
    let mut row = OrganizationVersion {
        version: head.version + 1,
        recorded_seq: recorded.seq,
        recorded_at: recorded.at,
        valid_from: step.on.counts_from(),
        valid_to: None,
        reason: step.reason.clone(),
        ..head.clone()
    }
    .with_life(life);
    if step.verb == Verb::Approve {
        row.approval_doc_no = step.doc_no.clone().or(row.approval_doc_no);
        row.approval_post = step.post.or(row.approval_post);
    }
    put_from(recording, &row)?;
    audit(recording, step.verb.as_str(), Some(head), Some(&row))?;
    Ok(OrganizationInArea {
        organization: row,
        ..found
    })
}

/// Says that an organization was never otherwise than `facts`, in `area`, under `parent`.
///
/// # Errors
/// [`StoreError::NotFound`], [`StoreError::Stale`], [`StoreError::Invalid`] (`reason_required` for a dated field, the area, the
/// parent or the kind without a reason), [`StoreError::Conflict`], or the database's.
#[expect(
    clippy::too_many_arguments,
    reason = "what a correction says has this many parts"
)]
pub fn correct(
    recording: &mut Recording<'_, '_>,
    visible: &Subtree,
    id: OrganizationId,
    expected: Option<i64>,
    facts: &Facts,
    area: &AreaVersion,
    parent: Option<OrganizationId>,
    reason: Option<&str>,
    today: NaiveDate,
) -> StoreResult<OrganizationInArea> {
    let found = find_at(recording, visible, id, expected)?;
    let head = &found.organization;
    let before = head.facts()?;
    let moved = head.area_id != area.area_id || head.parent_id != parent;
    let mut violations = Vec::new();
    check_optional_text(&mut violations, "/reason", reason, TEXT_CHARS);
    if !violations.is_empty() {
        return Err(StoreError::Invalid(violations));
    }
    if reason.is_none() && (moved || before.needs_reason(facts)) {
        return Err(reason_required().into());
    }
    check(facts, area, today)?;
    // A parent that was named before may have gone meanwhile, or stand where the caller sees nothing: it is only looked at anew
    // when another is named.
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
        ..row
    };
    let row = stamp(head.clone().with_facts(facts)?);
    let rows = if before.life == facts.life {
        // Each segment keeps its own part of the life; all else was never otherwise.
        let segments = known_segments(recording, id)?;
        segments
            .into_iter()
            .map(|segment| {
                let life = segment.life();
                Ok(stamp(segment.with_facts(facts)?.with_life(life)))
            })
            .collect::<Result<Vec<_>, serde_json::Error>>()?
    } else {
        segments_of(&row, head.valid_from)
    };
    supersede(recording, id, None)?;
    insert(recording, &rows)?;
    audit(recording, "update", Some(head), Some(&row))?;
    let current = rows.into_iter().next_back().unwrap_or(row);
    Ok(in_area(current, area))
}

/// Says that an organization never was: gone for later `known_at`, kept for earlier.
///
/// # Errors
/// [`StoreError::NotFound`], [`StoreError::Stale`], or the database's.
pub fn void(
    recording: &mut Recording<'_, '_>,
    visible: &Subtree,
    id: OrganizationId,
    expected: Option<i64>,
    reason: &str,
) -> StoreResult<()> {
    let found = find_at(recording, visible, id, expected)?;
    supersede(recording, id, None)?;
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

fn find_at(
    recording: &mut Recording<'_, '_>,
    visible: &Subtree,
    id: OrganizationId,
    expected: Option<i64>,
) -> StoreResult<OrganizationInArea> {
    let found = find(recording.conn(), visible, id)?;
    let current = found.organization.version;
    match expected {
        Some(expected) if expected != current => Err(StoreError::Stale { current }),
        _ => Ok(found),
    }
}

fn check(facts: &Facts, area: &AreaVersion, today: NaiveDate) -> StoreResult<()> {
    let mut violations = facts.violations(area.level, today);
    if area.kind != AreaKind::Administrative {
        violations.push(Violation::new(
            "/area",
            "area_not_administrative",
            "统计用区划和占位区划不能设立组织，请填写实际的行政区划或园区。",
            "No organization can stand in a statistical or placeholder area. Name a real division or a park.",
        ));
    }
    if violations.is_empty() {
        Ok(())
    } else {
        Err(StoreError::Invalid(violations))
    }
}

fn check_parent(
    recording: &mut Recording<'_, '_>,
    visible: &Subtree,
    id: OrganizationId,
    parent: Option<OrganizationId>,
) -> StoreResult<()> {
    let Some(parent) = parent else { return Ok(()) };
    if parent == id {
        return Err(Violation::new(
            "/parent",
            "own_parent",
            "不能以自身为上级。",
            "It cannot be its own parent.",
        )
        .into());
    }
    find_at_or_above(recording.conn(), visible, parent)
        .map(drop)
        .map_err(|error| match error {
            StoreError::NotFound(_) => Violation::new(
                "/parent",
                "unknown_parent",
                "找不到该上级组织。",
                "There is no such parent organization.",
            )
            .into(),
            other => other,
        })
}

/// The row as one row per segment of its life.
fn segments_of(row: &OrganizationVersion, first_day: NaiveDate) -> Vec<OrganizationVersion> {
    let segments = row.life().segments(first_day);
    let ends = segments.iter().skip(1).map(|(from, _)| Some(*from)).chain([None]);
    segments
        .iter()
        .zip(ends)
        .map(|((from, life), to)| OrganizationVersion {
            valid_from: *from,
            valid_to: to,
            ..row.clone().with_life(*life)
        })
        .collect()
}

fn known_segments(
    recording: &mut Recording<'_, '_>,
    id: OrganizationId,
) -> QueryResult<Vec<OrganizationVersion>> {
    organization_versions::table
        .filter(
            organization_versions::organization_id
                .eq(id)
                .and(organization_versions::superseded_seq.is_null()),
        )
        .order(organization_versions::valid_from)
        .select(OrganizationVersion::as_select())
        .load(recording.conn())
}

/// From its `valid_from` on, `row` is true; what was true before stays true before.
fn put_from(recording: &mut Recording<'_, '_>, row: &OrganizationVersion) -> StoreResult<()> {
    let recorded = recording.recorded();
    let cut: Vec<OrganizationVersion> = known_segments(recording, row.organization_id)?
        .into_iter()
        .filter(|segment| {
            segment.valid_from < row.valid_from && segment.valid_to.is_none_or(|to| to > row.valid_from)
        })
        .map(|segment| OrganizationVersion {
            version: row.version,
            recorded_seq: recorded.seq,
            recorded_at: recorded.at,
            valid_to: Some(row.valid_from),
            ..segment
        })
        .collect();
    supersede(recording, row.organization_id, Some(row.valid_from))?;
    insert(recording, &cut)?;
    insert(recording, std::slice::from_ref(row))
}

/// Marks as superseded what is known of `id`, as far as it reaches beyond `beyond`.
fn supersede(
    recording: &mut Recording<'_, '_>,
    id: OrganizationId,
    beyond: Option<NaiveDate>,
) -> StoreResult<()> {
    let recorded = recording.recorded();
    let known = organization_versions::organization_id
        .eq(id)
        .and(organization_versions::superseded_seq.is_null());
    let mark = (
        organization_versions::superseded_seq.eq(recorded.seq),
        organization_versions::superseded_at.eq(recorded.at),
    );
    match beyond {
        None => diesel::update(organization_versions::table.filter(known))
            .set(mark)
            .execute(recording.conn())?,
        Some(from) => {
            let reaches = organization_versions::valid_to
                .is_null()
                .or(organization_versions::valid_to.gt(from));
            diesel::update(organization_versions::table.filter(known).filter(reaches))
                .set(mark)
                .execute(recording.conn())?
        }
    };
    Ok(())
}

fn insert(recording: &mut Recording<'_, '_>, rows: &[OrganizationVersion]) -> StoreResult<()> {
    for row in rows {
        diesel::insert_into(organization_versions::table)
            .values(row)
            .execute(recording.conn())
            .map_err(|error| StoreError::from(error).or_conflict("organization_exists"))?;
    }
    Ok(())
}

fn audit(
    recording: &mut Recording<'_, '_>,
    verb: &str,
    before: Option<&OrganizationVersion>,
    after: Option<&OrganizationVersion>,
) -> StoreResult<()> {
    let Some(row) = after.or(before) else {
        return Ok(());
    };
    let id = row.organization_id.to_string();
    let area = Some(row.area_id);
    let (before, after) = (
        before.map(OrganizationVersion::digest).transpose()?,
        after.map(OrganizationVersion::digest).transpose()?,
    );
    recording.audit(&Entry {
        verb,
        resource: "organization",
        id: &id,
        area,
        before: before.as_deref(),
        after: after.as_deref(),
    })?;
    Ok(())
}

fn in_area(organization: OrganizationVersion, area: &AreaVersion) -> OrganizationInArea {
    OrganizationInArea {
        organization,
        area_code: area.code.clone(),
        area_path: area.path.clone(),
        level: area.level,
    }
}

fn reason_required() -> Violation {
    Violation::new(
        "/reason",
        "reason_required",
        "更正日期、状态、地区、上级或类别，以及撤销、终止，须说明理由（reason）。",
        "Correcting a date, status, area, parent or kind, closing and abandoning need a reason.",
    )
}

fn before_approval() -> Violation {
    Violation::new(
        "/on",
        "dates_out_of_order",
        "日期早于批复日期。",
        "The date is before that of the approval.",
    )
}

fn future_step(today: NaiveDate) -> Violation {
    Violation::new(
        "/on",
        "date_in_future",
        format!("日期不能晚于今天（{today}）。"),
        format!("The date must not be after today ({today})."),
    )
}

/// A step's body has one date, `on`; what is wrong with the life it would make is wrong with that.
fn step_pointer(violation: Violation) -> Violation {
    if violation.pointer == "/reason" {
        violation
    } else {
        Violation {
            pointer: "/on".into(),
            ..violation
        }
    }
}
