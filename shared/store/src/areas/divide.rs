//! Divides an area: new sibling areas take over some of its children.

use qiaojian_domain::Violation;
use qiaojian_domain::area::SuccessionKind;
use qiaojian_domain::ids::AreaId;

use super::change::{To, Turn, put, told};
use super::record::{NewArea, set_up};
use super::segments::standing_on;
use super::successions;
use super::{AreaVersion, Subtree, by_id, find};
use crate::ledger::Recording;
use crate::{StoreError, StoreResult};

/// A part that becomes an area of its own.
#[derive(Debug, Clone)]
pub struct NewPart {
    pub id: AreaId,
    pub code: String,
    pub name: String,
    /// The codes of the children of the divided area that belong to this part from then on.
    pub children: Vec<String>,
}

/// Divides an area from a date on: each part becomes a new sibling area. Whatever is not assigned to a part stays; to
/// dissolve the rest as well, close it or merge it into a part afterwards.
///
/// # Errors
/// [`StoreError::NotFound`], [`StoreError::Stale`], [`StoreError::Invalid`], [`StoreError::Conflict`]
/// `area_code_taken`, or a database error.
pub fn split(
    recording: &mut Recording<'_, '_>,
    visible: &Subtree,
    code: &str,
    parts: &[NewPart],
    turn: &Turn,
) -> StoreResult<AreaVersion> {
    let head = turn.area(recording, visible, code)?;
    let mut violations = turn.violations();
    if parts.is_empty() {
        violations.push(Violation::new(
            "/into",
            "empty",
            "请至少列出一个新地区。",
            "Name at least one new area.",
        ));
    }
    if !violations.is_empty() {
        return Err(StoreError::Invalid(violations));
    }
    let was = standing_on(recording, &head, turn.on)?;
    let parent = match was.parent_id {
        Some(parent) => Some(by_id(recording.conn(), parent)?),
        None => None,
    };
    for (number, part) in parts.iter().enumerate() {
        let new = NewArea {
            id: part.id,
            code: part.code.clone(),
            name: part.name.clone(),
            level: was.level,
            kind: was.kind,
            parent: parent.clone(),
            valid_from: turn.on,
        };
        let made = set_up(recording, &new, turn.today).map_err(|error| within_part(number, error))?;
        for (place, code) in part.children.iter().enumerate() {
            let child = find(recording.conn(), &head.subtree(), code)
                .ok()
                .filter(|child| child.parent_id == Some(was.area_id))
                .ok_or_else(|| no_child(number, place))?;
            let child = standing_on(recording, &child, turn.on)?;
            let to = To {
                kind: child.kind,
                name: &child.name,
                code: &child.code,
                parent: Some(&made),
            };
            put(recording, &child, &to, turn)?;
        }
        let divided = (was.area_id, made.area_id);
        successions::record(recording, divided, SuccessionKind::Split, turn.on)?;
    }
    told(recording, "split", &head)
}

/// Prefixes the violations of a part with its position in the body.
fn within_part(number: usize, error: StoreError) -> StoreError {
    match error {
        StoreError::Invalid(violations) => StoreError::Invalid(
            violations
                .into_iter()
                .map(|violation| Violation {
                    pointer: format!("/into/{number}{}", violation.pointer).into(),
                    ..violation
                })
                .collect(),
        ),
        other => other,
    }
}

fn no_child(part: usize, place: usize) -> StoreError {
    Violation::new(
        format!("/into/{part}/children/{place}"),
        "no_child",
        "不是该地区的直接下级。",
        "It is not directly below the area.",
    )
    .into()
}
