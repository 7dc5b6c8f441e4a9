//! 审核: what an area reports is `unverified` until an area above verifies it, or rejects it with a reason.

use super::lives::{audit, insert, known_segments, supersede};
use super::write::find_at;
use super::{OrganizationInArea, OrganizationVersion};
use crate::domain::organization::Judgement;
use crate::domain::violation::{TEXT_CHARS, check_text};
use crate::ids::OrganizationId;
use crate::store::areas::Subtree;
use crate::store::ledger::Recording;
use crate::store::{StoreError, StoreResult};

/// Judges a report: all that is known of the organization, as it stands. Whoever changes it later reports anew.
///
/// # Errors
/// [`StoreError::NotFound`], [`StoreError::Stale`], [`StoreError::Refused`], [`StoreError::Invalid`] for a rejection without a
/// reason, or the database's.
pub fn judge(
    recording: &mut Recording<'_, '_>,
    visible: &Subtree,
    id: OrganizationId,
    expected: Option<i64>,
    judgement: Judgement,
    reason: Option<&str>,
) -> StoreResult<OrganizationInArea> {
    let found = find_at(recording, visible, id, expected)?;
    let head = &found.organization;
    let verification = head.verification.after(judgement)?;
    if judgement == Judgement::Reject || reason.is_some() {
        let mut violations = Vec::new();
        check_text(&mut violations, "/reason", reason.unwrap_or_default(), TEXT_CHARS);
        if !violations.is_empty() {
            return Err(StoreError::Invalid(violations));
        }
    }
    let recorded = recording.recorded();
    let judged = |row: OrganizationVersion| OrganizationVersion {
        version: head.version + 1,
        recorded_seq: recorded.seq,
        recorded_at: recorded.at,
        verification,
        verification_reason: reason.map(str::to_owned),
        ..row
    };
    let rows: Vec<OrganizationVersion> = known_segments(recording, id)?.into_iter().map(judged).collect();
    supersede(recording, id, None)?;
    insert(recording, &rows)?;
    let row = judged(head.clone());
    audit(recording, judgement.as_str(), Some(head), Some(&row))?;
    Ok(OrganizationInArea {
        organization: row,
        ..found
    })
}
