//! Executes the steps of an update of the tree.

use qiaojian_domain::Noun;
use qiaojian_domain::area::update::{Listed, Step};
use qiaojian_domain::area::{SuccessionKind, Wanted};
use qiaojian_domain::ids::AreaId;

use super::change::{Turn, recode, vacate};
use super::record::{NewArea, set_up};
use super::successions;
use super::{AreaVersion, Subtree, close, find_anywhere, merge, move_under, rekind, rename};
use crate::ledger::Recording;
use crate::{StoreError, StoreResult};

/// Executes one step. `listed` is the row of an area to be added, which gets `id`.
///
/// # Errors
/// The errors of the respective change.
pub fn take_step(
    recording: &mut Recording<'_, '_>,
    step: &Step,
    (listed, id): (Option<&Listed>, AreaId),
    turn: &Turn,
) -> StoreResult<()> {
    let everything = Subtree::everything();
    match step {
        Step::Add { came_out_of, .. } => {
            let row = listed.ok_or(StoreError::NotFound(Noun::Area))?;
            let parent = match &row.parent {
                Some(parent) => Some(there(recording, parent)?),
                None => None,
            };
            let new = NewArea {
                id,
                code: row.code.clone(),
                name: row.name.clone(),
                level: row.level,
                kind: row.kind,
                parent,
                valid_from: turn.on,
            };
            let made = set_up(recording, &new, turn.today)?;
            for code in came_out_of {
                let divided = (there(recording, code)?.area_id, made.area_id);
                successions::record(recording, divided, SuccessionKind::Split, turn.on)?;
            }
        }
        Step::Rename { code, name, new_code } => {
            let wanted = Wanted {
                name: name.as_deref(),
                code: new_code.as_deref(),
            };
            rename(recording, &everything, code, wanted, turn)?;
        }
        Step::Recode { changes } => recode(recording, changes, turn)?,
        Step::Vacate { code } => vacate(recording, code, turn)?,
        Step::Rekind { code, kind } => {
            rekind(recording, &everything, code, *kind, turn)?;
        }
        Step::Move { code, parent } => {
            let parent = there(recording, parent)?;
            move_under(recording, &everything, code, (&parent, None), turn)?;
        }
        Step::Merge { code, into } => {
            let into = there(recording, into)?;
            merge(recording, &everything, code, &into, turn)?;
        }
        Step::Close { code } => {
            close(recording, &everything, code, turn)?;
        }
    }
    Ok(())
}

fn there(recording: &mut Recording<'_, '_>, code: &str) -> StoreResult<AreaVersion> {
    find_anywhere(recording.conn(), code)?.ok_or(StoreError::NotFound(Noun::Area))
}
