//! The errors of store functions. The API maps each to a status and a message.

use qiaojian_domain::ids::AreaId;
use qiaojian_domain::organization::Kind;
use qiaojian_domain::{Conflict, Noun, RefusedTransition, Violation};

use crate::db::unique::UniqueKey;
use crate::db::{DbError, WriteError};

/// The result of a store function that can reject a request.
pub type StoreResult<T> = Result<T, StoreError>;

/// Why a store function failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A failure of the database itself.
    #[error(transparent)]
    Db(DbError),
    /// The row does not exist, or the caller may not see it.
    #[error("there is no such {}", .0.english())]
    NotFound(Noun),
    /// The row has changed since the caller read it.
    #[error("the row is at version {current}")]
    Stale {
        /// The version it has now.
        current: i64,
    },
    /// The state machine does not allow the transition.
    #[error(transparent)]
    Refused(#[from] RefusedTransition),
    /// The recorded state does not allow it.
    #[error("conflict: {0}")]
    Conflict(Conflict),
    /// The area has an active organization of this kind.
    #[error("the area has an active organization of kind {kind}")]
    OrganizationExists {
        /// The area.
        area: AreaId,
        /// Its kind.
        kind: Kind,
    },
    /// The input breaks a rule.
    #[error("invalid input")]
    Invalid(Vec<Violation>),
    /// A value could not be converted to or from JSON.
    #[error("cannot write JSON: {0}")]
    Json(#[from] serde_json::Error),
}

impl From<diesel::result::Error> for StoreError {
    fn from(error: diesel::result::Error) -> Self {
        use diesel::result::{DatabaseErrorKind, Error};
        if let Error::DatabaseError(DatabaseErrorKind::UniqueViolation, information) = &error
            && let Some(key) = UniqueKey::broken(information.as_ref())
        {
            return Self::Conflict(conflict_of(key));
        }
        Self::Db(error.into())
    }
}

/// Maps a violated UNIQUE rule to the conflict reported to the caller.
const fn conflict_of(key: UniqueKey) -> Conflict {
    match key {
        UniqueKey::AreaCode => Conflict::AreaCodeTaken,
        UniqueKey::ProgramCode => Conflict::ProgramCodeTaken,
        UniqueKey::ActiveOrganization => Conflict::OrganizationExists,
        UniqueKey::TaskNumber => Conflict::TaskNoTaken,
        UniqueKey::Assignee => Conflict::AssignedTwice,
        UniqueKey::EndpointAddress => Conflict::EndpointExists,
    }
}

impl From<DbError> for StoreError {
    fn from(error: DbError) -> Self {
        Self::Db(error)
    }
}

impl From<Conflict> for StoreError {
    fn from(conflict: Conflict) -> Self {
        Self::Conflict(conflict)
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

/// Checks that a change was made to the current version. `expected` is the version that the caller read; `None` skips
/// the check.
///
/// # Errors
/// [`StoreError::Stale`].
pub fn unless_stale(expected: Option<i64>, current: i64) -> StoreResult<()> {
    match expected {
        Some(expected) if expected != current => Err(StoreError::Stale { current }),
        _ => Ok(()),
    }
}
