//! 分设: new organizations are split off from one that continues.

use chrono::NaiveDate;
use qiaojian_domain::ids::{ChangeId, OrganizationId};
use qiaojian_domain::organization::{ChangeKind, Part, PreciseDate, Verb};
use qiaojian_domain::{StateMachine, Violation};

use super::change_events::{NewChange, record};
use super::lives::audit;
use super::write::{find_at, reason_required};
use super::{Created, Item, OrganizationInArea, create_all};
use crate::areas::Subtree;
use crate::ledger::Recording;
use crate::{StoreError, StoreResult};

/// The parameters of a split.
#[derive(Debug, Clone)]
pub struct Splitting<'a> {
    pub change: ChangeId,
    pub on: PreciseDate,
    pub reason: Option<&'a str>,
    pub doc_no: Option<&'a str>,
    /// The new organizations, each established on that day.
    pub into: &'a [Item],
}

/// Establishes organizations that are split off from another. Those that the same request has already split off are
/// returned in their current state.
///
/// # Errors
/// [`StoreError::NotFound`], [`StoreError::Stale`], [`StoreError::Refused`], [`StoreError::Invalid`] with the
/// violations of all new organizations, or a database error.
pub fn split(
    recording: &mut Recording<'_, '_>,
    visible: &Subtree,
    id: OrganizationId,
    expected: Option<i64>,
    splitting: &Splitting<'_>,
    today: NaiveDate,
) -> StoreResult<(OrganizationInArea, Vec<Created>)> {
    let found = find_at(recording, visible, id, expected)?;
    let head = &found.organization;
    head.status.after(Verb::Split)?;
    let mut wrong = Vec::new();
    if splitting.on.earliest() > today {
        wrong.push(Violation::in_future("/on", today));
    }
    let established = head.life()?.established;
    if established.is_some_and(|day| splitting.on.counts_from() < day.earliest()) {
        wrong.push(before_founding());
    }
    let Some(reason) = splitting.reason else {
        wrong.push(reason_required());
        return Err(StoreError::Invalid(wrong));
    };
    if !wrong.is_empty() {
        return Err(StoreError::Invalid(wrong));
    }
    let made = create_all(recording, visible, ("/into", splitting.into), today)?;
    if made.iter().all(|one| matches!(one, Created::Before(_))) {
        return Ok((found, made));
    }
    audit(recording, Verb::Split.as_str(), Some(head), Some(head))?;
    let change = NewChange {
        id: splitting.change,
        kind: ChangeKind::Split,
        on: splitting.on,
        doc_no: splitting.doc_no,
        reason,
        area: head.area_id,
    };
    let results = made.iter().map(|(Created::New(part) | Created::Before(part))| {
        (part.organization.organization_id, Part::Result)
    });
    let parts: Vec<_> = std::iter::once((id, Part::Original)).chain(results).collect();
    record(recording, &change, &parts)?;
    Ok((found, made))
}

fn before_founding() -> Violation {
    Violation::new(
        "/on",
        "dates_out_of_order",
        "日期早于该组织的成立日期。",
        "The date is before the organization was established.",
    )
}
