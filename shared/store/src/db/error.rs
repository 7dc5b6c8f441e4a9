//! Failures of the database itself. Failures *inside* a closure use the closure's own error type.

use diesel::result::{DatabaseErrorKind, Error as DieselError};

/// A failure of the database itself. None is caused by the caller; each is logged once, where it is converted into a
/// response.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// The lane's queue is full: more work is pending than can be completed in time.
    #[error("too much work is waiting for the database")]
    Overloaded,
    /// The lane has stopped.
    #[error("the database lanes have stopped")]
    Stopped,
    /// The connection could not be opened or reopened.
    #[error("the database cannot be reached: {0}")]
    Unreachable(String),
    /// Another process held a lock for longer than the timeout.
    #[error("another process holds the lock")]
    Locked,
    /// The connection was lost during the commit: whether it took effect is unknown.
    #[error("the connection was lost during the commit; whether it took effect is unknown")]
    CommitUnknown,
    /// A closure panicked; its work was rolled back.
    #[error("the operation panicked and was rolled back")]
    Panicked,
    /// The disk of the database is full; the work was rolled back.
    #[error("the database\u{2019}s disk is full")]
    Full,
    /// A serialization failure, a deadlock, or a transaction that was lost because another closure in it failed.
    #[error("the transaction must be run again")]
    Retry,
    /// Any other error of a statement.
    #[error("query failed: {0}")]
    Query(DieselError),
}

impl From<DieselError> for DbError {
    fn from(error: DieselError) -> Self {
        match &error {
            DieselError::DatabaseError(DatabaseErrorKind::SerializationFailure, _) => Self::Retry,
            // A primary that became read-only is no longer the primary: reconnecting finds the current one.
            DieselError::DatabaseError(
                DatabaseErrorKind::ClosedConnection
                | DatabaseErrorKind::UnableToSendCommand
                | DatabaseErrorKind::ReadOnlyTransaction,
                _,
            )
            | DieselError::BrokenTransactionManager => Self::Unreachable(error.to_string()),
            DieselError::DatabaseError(_, information) => match information.message() {
                "deadlock detected" => Self::Retry,
                // SQLite returns the last message when a lock on its shared-memory index is held for longer than it
                // retries, about 10 s.
                "database is locked" | "canceling statement due to lock timeout" | "locking protocol" => {
                    Self::Locked
                }
                message
                    if message == "database or disk is full"
                        || message.contains("No space left on device") =>
                {
                    Self::Full
                }
                message if message.starts_with("server closed the connection") => {
                    Self::Unreachable(message.to_owned())
                }
                message if message.starts_with("terminating connection") => {
                    Self::Unreachable(message.to_owned())
                }
                _ => Self::Query(error),
            },
            _ => Self::Query(error),
        }
    }
}

impl DbError {
    /// Returns whether the connection should be discarded.
    pub fn broke_connection(&self) -> bool {
        matches!(self, Self::Unreachable(_) | Self::CommitUnknown)
    }
}

/// The error type of a closure. It can contain a database failure, which the lane or the writer can inspect.
pub trait WriteError: From<DbError> + Send + 'static {
    /// Returns the database failure, if this error contains one.
    fn db_error(&self) -> Option<&DbError>;
}

impl WriteError for DbError {
    fn db_error(&self) -> Option<&DbError> {
        Some(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(message: &str) -> DbError {
        DieselError::DatabaseError(DatabaseErrorKind::Unknown, Box::new(message.to_owned())).into()
    }

    #[test]
    fn a_full_disk_is_told_from_other_failures() {
        for message in [
            "database or disk is full",
            "could not extend file \"base/16384/16402\": No space left on device",
        ] {
            assert!(matches!(answered(message), DbError::Full), "{message}");
        }
        assert!(matches!(answered("database is locked"), DbError::Locked));
        assert!(matches!(answered("no such table: x"), DbError::Query(_)));
    }
}
