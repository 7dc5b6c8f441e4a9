//! 审核: an area's report is `unverified` until an area above verifies it, or rejects it with a reason.

use qiaojian_domain::StateMachine;
use qiaojian_domain::ids::OrganizationId;
use qiaojian_domain::organization::{Judgement, Verification};
use qiaojian_domain::violation::{TEXT_CHARS, check_text};

use super::OrganizationInArea;
use super::lives::audit;
use super::write::{find_at, restate, void};
use crate::areas::Subtree;
use crate::ledger::Recording;
use crate::{StoreError, StoreResult};

/// The result of a judgement.
#[derive(Debug, Clone)]
pub enum Judged {
    /// The current state of the organization.
    Stands(Box<OrganizationInArea>),
    /// Voiding was requested and has been carried out.
    Voided,
}

/// Verifies or rejects the latest state of an organization as a whole. Any later change is a new report.
///
/// # Errors
/// [`StoreError::NotFound`], [`StoreError::Stale`], [`StoreError::Refused`], [`StoreError::Invalid`] for a rejection
/// without a reason, or a database error.
pub fn judge(
    recording: &mut Recording<'_, '_>,
    visible: &Subtree,
    id: OrganizationId,
    expected: Option<i64>,
    judgement: Judgement,
    reason: Option<&str>,
) -> StoreResult<Judged> {
    let found = find_at(recording, visible, id, expected)?;
    let head = &found.organization;
    if head.verification == Verification::VoidAsked && judgement == Judgement::Verify {
        let asked = head.verification_reason.clone().unwrap_or_default();
        void(recording, visible, id, expected, &asked)?;
        return Ok(Judged::Voided);
    }
    let verification = head.verification.after(judgement)?;
    if judgement == Judgement::Reject || reason.is_some() {
        let mut violations = Vec::new();
        check_text(&mut violations, "/reason", reason.unwrap_or_default(), TEXT_CHARS);
        if !violations.is_empty() {
            return Err(StoreError::Invalid(violations));
        }
    }
    let row = restate(recording, head, verification, reason)?;
    audit(recording, judgement.as_str(), Some(head), Some(&row))?;
    Ok(Judged::Stands(Box::new(OrganizationInArea {
        organization: row,
        ..found
    })))
}
