//! Ids that clients make: the same id with the same request is the same row, however often it is sent.

use qiaojian_domain::Conflict;

use super::{StoreError, StoreResult};

/// Of what is recorded under a client's id, what the same request has made; none where the id is new.
///
/// # Errors
/// [`StoreError::Conflict`] `id_taken` when another request has made it.
pub(crate) fn made_before<T>(known: Option<T>, is_same: impl FnOnce(&T) -> bool) -> StoreResult<Option<T>> {
    match known {
        Some(known) if !is_same(&known) => Err(StoreError::Conflict(Conflict::IdTaken)),
        known => Ok(known),
    }
}
