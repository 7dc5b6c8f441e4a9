//! Changes: events on a date. Earlier days keep their recorded state.

use chrono::NaiveDate;
use qiaojian_domain::Conflict;
use qiaojian_domain::access::Post;
use qiaojian_domain::area::AreaKind;
use qiaojian_domain::ids::OrganizationId;
use qiaojian_domain::organization::{
    ChangeVerb, Facts, Kind, Life, PreciseDate, Reopening, Status, Verb, Verification,
};
use qiaojian_domain::violation::{NAME_CHARS, check_optional_line};
use qiaojian_domain::{Labelled, StateMachine, Violation};

use super::lives::{audit, put_from};
use super::write::{find_at, in_divisions_only, reason_required};
use super::{OrganizationInArea, OrganizationVersion};
use crate::areas::{AreaVersion, Subtree};
use crate::ledger::Recording;
use crate::{StoreError, StoreResult};

/// A transition in the life of an organization.
#[derive(Debug, Clone)]
pub struct Step {
    pub verb: Verb,
    /// The date of the event.
    pub on: PreciseDate,
    pub reason: Option<String>,
    /// For `approve`: the number of the document.
    pub doc_no: Option<String>,
    /// For `approve`: the post that approved.
    pub post: Option<Post>,
    /// `verified` if the reporter belongs to an area above and may verify.
    pub verification: Verification,
}

/// A dated change of an active organization that is not a transition of its life.
#[derive(Debug, Clone)]
pub enum Turn {
    /// The organization moves to another area (迁址、划转).
    Move(Box<AreaVersion>),
    /// The organization changes its kind and optionally its name, such as a work station that becomes a federation.
    Rekind { kind: Kind, name: Option<String> },
    /// Facts change that need no transition: name, posts, the 五有 list, standing rules, affiliation, office.
    Change(Box<Facts>),
}

/// The date, reason and verification of a dated change.
#[derive(Debug, Clone)]
pub struct Turned {
    pub on: PreciseDate,
    pub reason: Option<String>,
    pub verification: Verification,
}

/// Applies a dated transition to one organization. Changes that involve several organizations are [`super::merge`] and
/// [`super::split`].
///
/// # Errors
/// [`StoreError::NotFound`], [`StoreError::Stale`], [`StoreError::Refused`], [`StoreError::Invalid`], or a database
/// error.
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
        ..head.life()?
    };
    match step.verb {
        Verb::Approve => life.approved = Some(step.on),
        Verb::Establish => life.established = Some(step.on),
        Verb::Unveil if life.unveiled.is_some() => {
            return Err(StoreError::Conflict(Conflict::AlreadyUnveiled));
        }
        Verb::Unveil => life.unveiled = Some(step.on),
        Verb::Close | Verb::Merge => life.closed = Some(step.on),
        Verb::Reopen => {
            let closed = life.closed.take();
            life.reopenings
                .extend(closed.map(|closed| Reopening::between(closed, step.on)));
        }
        Verb::Split | Verb::Abandon => {}
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
        violations.push(Violation::in_future("/on", today));
    }
    if step.verb.needs_reason() && step.reason.is_none() {
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
        verification: step.verification,
        verification_reason: None,
        ..head.clone()
    }
    .with_life(&life)?;
    if step.verb == Verb::Approve {
        row.approval_doc_no = step.doc_no.clone().or(row.approval_doc_no);
        row.approval_post = step.post.or(row.approval_post);
    }
    let row = put_from(recording, row, head)?;
    audit(recording, step.verb.as_str(), Some(head), Some(&row))?;
    Ok(OrganizationInArea {
        organization: row,
        ..found
    })
}

/// Moves an organization, changes its kind, or changes its facts from a date on. Earlier days keep their recorded
/// state.
///
/// # Errors
/// [`StoreError::NotFound`], [`StoreError::Stale`], [`StoreError::Refused`] if it is not active,
/// [`StoreError::Invalid`], [`StoreError::Conflict`] `organization_exists` if the area already has one of this kind, or
/// a database error.
pub fn turn(
    recording: &mut Recording<'_, '_>,
    visible: &Subtree,
    id: OrganizationId,
    expected: Option<i64>,
    (turn, turned): (&Turn, &Turned),
    today: NaiveDate,
) -> StoreResult<OrganizationInArea> {
    let found = find_at(recording, visible, id, expected)?;
    let head = &found.organization;
    let verb = match turn {
        Turn::Move(_) => ChangeVerb::Move,
        Turn::Rekind { .. } => ChangeVerb::Rekind,
        Turn::Change(_) => ChangeVerb::Change,
    };
    if !head.status.is_active() {
        return Err(head.status.refuse(verb.word()).into());
    }
    let recorded = recording.recorded();
    let mut after = found.clone();
    let row = &mut after.organization;
    row.version = head.version + 1;
    (row.recorded_seq, row.recorded_at) = (recorded.seq, recorded.at);
    (row.valid_from, row.valid_to) = (turned.on.counts_from(), None);
    row.reason.clone_from(&turned.reason);
    (row.verification, row.verification_reason) = (turned.verification, None);
    let mut violations = Vec::new();
    match turn {
        Turn::Move(area) => {
            row.area_id = area.area_id;
            after.area_code.clone_from(&area.code);
            after.area_path.clone_from(&area.path);
            after.level = area.level;
            if area.kind != AreaKind::Administrative {
                violations.push(in_divisions_only());
            }
        }
        Turn::Change(facts) => {
            let was = head.facts()?;
            let changed = Facts {
                name: facts.name.clone(),
                quota_posts: facts.quota_posts,
                posts_filled: facts.posts_filled,
                five_have: facts.five_have.clone(),
                standing_rules: facts.standing_rules.clone(),
                affiliation: facts.affiliation.clone(),
                has_office: facts.has_office,
                ..was.clone()
            };
            violations.extend(changed.violations(after.level, today));
            if changed == was {
                violations.push(nothing_changed());
            }
            *row = row.clone().with_facts(&changed)?;
        }
        Turn::Rekind { kind, name } => {
            row.kind = *kind;
            check_optional_line(&mut violations, "/name", name.as_deref(), NAME_CHARS);
            if let Some(name) = name {
                row.name.clone_from(name);
            }
        }
    }
    if !row.kind.may_stand_at(after.level) {
        violations.push(row.kind.not_at(after.level));
    }
    if turned.on.counts_from() < head.valid_from {
        violations.push(before_last_change(head.valid_from));
    }
    if turned.on.earliest() > today {
        violations.push(Violation::in_future("/on", today));
    }
    if !violations.is_empty() {
        return Err(StoreError::Invalid(violations));
    }
    after.organization = put_from(recording, after.organization, head)?;
    audit(recording, verb.as_str(), Some(head), Some(&after.organization))?;
    Ok(after)
}

fn nothing_changed() -> Violation {
    Violation::new(
        "/set",
        "nothing_changed",
        "与现有记录相同，没有可变更的内容。",
        "The values are the same as those recorded; nothing would change.",
    )
}

/// A change before the last one would discard what was reported since; a mistake is corrected with PATCH.
fn before_last_change(last: NaiveDate) -> Violation {
    Violation::new(
        "/on",
        "dates_out_of_order",
        format!("日期早于上一次变更（{last}）；如有误，请用 PATCH 更正。"),
        format!("The date is before the last change ({last}). To correct a mistake, use PATCH."),
    )
}

fn before_approval() -> Violation {
    Violation::new(
        "/on",
        "dates_out_of_order",
        "日期早于批复日期。",
        "The date is before the date of approval.",
    )
}

/// The body of a transition has a single date, `on`; violations of the resulting life are reported there.
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
