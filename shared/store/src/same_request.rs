//! Client-generated ids: the same id with the same request identifies the same row, however often it is sent.

use qiaojian_domain::Conflict;

use super::{StoreError, StoreResult};

/// Returns what the same request has already recorded under a client's id; `None` if the id is new.
///
/// # Errors
/// [`StoreError::Conflict`] `id_taken` if another request has used the id.
pub(crate) fn made_before<T>(known: Option<T>, is_same: impl FnOnce(&T) -> bool) -> StoreResult<Option<T>> {
    match known {
        Some(known) if !is_same(&known) => Err(StoreError::Conflict(Conflict::IdTaken)),
        known => Ok(known),
    }
}
