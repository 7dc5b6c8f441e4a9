//! What a store function can answer besides a row. The API turns each into a status and a sentence.

use crate::db::{DbError, WriteError};
use crate::domain::{RefusedTransition, Violation};

/// The result of a store function that can refuse.
pub type StoreResult<T> = Result<T, StoreError>;

/// Why a store function did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database itself.
    #[error(transparent)]
    Db(DbError),
    /// There is no such row, or none the caller may see.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// The row has changed since the caller read it.
    #[error("the row is at version {current}")]
    Stale {
        /// The version it has now.
        current: i64,
    },
    /// The state machine does not allow it.
    #[error(transparent)]
    Refused(#[from] RefusedTransition),
    /// The id is in use for something else.
    #[error("the id is taken")]
    IdTaken,
    /// A UNIQUE rule of the field: the code says which.
    #[error("conflict: {0}")]
    Conflict(&'static str),
    /// The input breaks a rule.
    #[error("invalid input")]
    Invalid(Vec<Violation>),
    /// A value of ours could not be written as JSON.
    #[error("cannot write JSON: {0}")]
    Json(#[from] serde_json::Error),
}

impl From<diesel::result::Error> for StoreError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Db(error.into())
    }
}

impl From<DbError> for StoreError {
    fn from(error: DbError) -> Self {
        Self::Db(error)
    }
}

impl From<Violation> for StoreError {
    fn from(violation: Violation) -> Self {
        Self::Invalid(vec![violation])
    }
}

impl WriteError for StoreError {
    fn db_error(&self) -> Option<&DbError> {
        match self {
            Self::Db(error) => Some(error),
            _ => None,
        }
    }
}

impl StoreError {
    /// Turns a broken UNIQUE rule into the conflict the call site knows it to be.
    #[must_use]
    pub fn or_conflict(self, code: &'static str) -> Self {
        use diesel::result::{DatabaseErrorKind, Error};
        match self {
            Self::Db(DbError::Query(Error::DatabaseError(DatabaseErrorKind::UniqueViolation, _))) => {
                Self::Conflict(code)
            }
            other => other,
        }
    }
}

/// Lets a change through that was made to the version which stands. `expected` is what the caller read; whoever does not say is
/// not asked.
///
/// # Errors
/// [`StoreError::Stale`].
pub fn unless_stale(expected: Option<i64>, current: i64) -> StoreResult<()> {
    match expected {
        Some(expected) if expected != current => Err(StoreError::Stale { current }),
        _ => Ok(()),
    }
}
