//! 合并: merges one organization into another.

use chrono::NaiveDate;
use qiaojian_domain::ids::{ChangeId, OrganizationId};
use qiaojian_domain::organization::{ChangeKind, Part, PreciseDate, Verb, Verification};
use qiaojian_domain::{StateMachine, Violation};

use super::change::{Step, transition};
use super::change_events::{NewChange, record};
use super::lives::audit;
use super::write::find_at;
use super::{OrganizationInArea, find};
use crate::areas::Subtree;
use crate::ledger::Recording;
use crate::{StoreError, StoreResult};

/// The parameters of a merge.
#[derive(Debug, Clone)]
pub struct Merging {
    pub change: ChangeId,
    /// The successor, which takes over the other and continues unchanged.
    pub into: OrganizationId,
    pub on: PreciseDate,
    pub reason: Option<String>,
    pub doc_no: Option<String>,
    /// `verified` if the reporter belongs to an area above both and may verify.
    pub verification: Verification,
}

/// Merges an organization into another of its kind. It is counted until that day.
///
/// # Errors
/// [`StoreError::NotFound`], [`StoreError::Stale`], [`StoreError::Refused`], [`StoreError::Invalid`], or a database
/// error.
pub fn merge(
    recording: &mut Recording<'_, '_>,
    visible: &Subtree,
    id: OrganizationId,
    expected: Option<i64>,
    merging: &Merging,
    today: NaiveDate,
) -> StoreResult<OrganizationInArea> {
    let found = find_at(recording, visible, id, expected)?;
    found.organization.status.after(Verb::Merge)?;
    let into = find(recording.conn(), visible, merging.into).map_err(|error| match error {
        StoreError::NotFound(_) => unknown_successor().into(),
        other => other,
    })?;
    if let Some(violation) = misfit(&found, &into) {
        return Err(violation.into());
    }
    let step = Step {
        verb: Verb::Merge,
        on: merging.on,
        reason: merging.reason.clone(),
        doc_no: None,
        post: None,
        verification: merging.verification,
    };
    let merged = transition(recording, visible, id, expected, &step, today)?;
    // The successor does not change, but the merge is part of its history.
    let successor = &into.organization;
    audit(recording, Verb::Merge.as_str(), Some(successor), Some(successor))?;
    let change = NewChange {
        id: merging.change,
        kind: ChangeKind::Merge,
        on: merging.on,
        doc_no: merging.doc_no.as_deref(),
        reason: merging.reason.as_deref().unwrap_or_default(),
        area: merged.organization.area_id,
    };
    let parts = [(id, Part::Original), (merging.into, Part::Result)];
    record(recording, &change, &parts)?;
    Ok(merged)
}

/// Returns why one cannot be merged into the other.
fn misfit(merged: &OrganizationInArea, into: &OrganizationInArea) -> Option<Violation> {
    let province = |path: &str| path.split('/').next().map(str::to_owned);
    let (one, other) = (&merged.organization, &into.organization);
    if one.organization_id == other.organization_id {
        Some(Violation::new(
            "/into",
            "into_itself",
            "不能并入自身。",
            "It cannot be merged into itself.",
        ))
    } else if province(&merged.area_path) != province(&into.area_path) {
        Some(Violation::new(
            "/into",
            "across_provinces",
            "不能跨省合并。",
            "Organizations of two provinces cannot be merged.",
        ))
    } else if one.kind != other.kind {
        Some(Violation::new(
            "/into",
            "kind_differs",
            format!(
                "只能与同类组织合并，“{}”与“{}”不同类；可先变更类别（rekind）。",
                one.kind.chinese(),
                other.kind.chinese()
            ),
            format!(
                "Only organizations of the same kind can be merged, not a {} into a {}. Change the kind first, with rekind.",
                one.kind, other.kind
            ),
        ))
    } else if !other.status.is_active() {
        Some(Violation::new(
            "/into",
            "not_active",
            format!("并入的组织状态为“{}”，不在册。", other.status.chinese()),
            format!(
                "The organization to merge into is {}, so it is not active.",
                other.status
            ),
        ))
    } else {
        None
    }
}

fn unknown_successor() -> Violation {
    Violation::new(
        "/into",
        "unknown_reference",
        "没有这个组织，或不在您的范围内。",
        "There is no such organization, or it is outside your area.",
    )
}
