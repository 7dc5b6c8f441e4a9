//! Why a pass ends early.

use qiaojian_store::StoreError;
use qiaojian_store::db::{DbError, WriteError};

use crate::faults::FaultPoint;

/// The reason why a pass ended early. Finished work is kept; the next pass continues from the rows.
#[derive(Debug, thiserror::Error)]
pub enum PassError {
    /// A database error, or an invalid row.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A test made the worker die here.
    #[error("crashed at {0}, as requested")]
    Fault(FaultPoint),
    /// The pass exceeded its time limit.
    #[error("the pass took too long")]
    TooLong,
    /// The pass panicked.
    #[error("the pass panicked")]
    Panicked,
}

impl From<DbError> for PassError {
    fn from(error: DbError) -> Self {
        Self::Store(error.into())
    }
}

impl From<FaultPoint> for PassError {
    fn from(point: FaultPoint) -> Self {
        Self::Fault(point)
    }
}

impl PassError {
    /// Whether the database is unavailable, so that everything else would fail too.
    pub(crate) fn is_outage(error: &StoreError) -> bool {
        error
            .db_error()
            .is_some_and(|error| !matches!(error, DbError::Query(_) | DbError::Panicked))
    }
}
