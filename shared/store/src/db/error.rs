//! What can go wrong between a closure and the disk. What went wrong *inside* a closure is the closure's own error type.

use diesel::result::{DatabaseErrorKind, Error as DieselError};

/// A failure of the database itself. None is the caller's fault; all are logged once, where they are turned into an answer.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// The lane's queue is full: more work is waiting than can be done in time.
    #[error("too much work is waiting for the database")]
    Overloaded,
    /// The lane has stopped.
    #[error("the database lanes have stopped")]
    Stopped,
    /// The connection could not be made or made again.
    #[error("the database cannot be reached: {0}")]
    Unreachable(String),
    /// Another process held a lock for longer than we wait.
    #[error("another process holds the lock")]
    Locked,
    /// The link broke during the commit: whether it took effect is unknown.
    #[error("the connection was lost during the commit; whether it took effect is unknown")]
    CommitUnknown,
    /// A closure panicked; its work was rolled back.
    #[error("the work panicked and was rolled back")]
    Panicked,
    /// There is no room left where the database keeps its files; the work was rolled back.
    #[error("the database\u{2019}s disk is full")]
    Full,
    /// Serialization failure, deadlock, or a transaction that another's failure took down.
    #[error("the transaction has to be run again")]
    Retry,
    /// Anything else a statement answered.
    #[error("query failed: {0}")]
    Query(DieselError),
}

impl From<DieselError> for DbError {
    fn from(error: DieselError) -> Self {
        match &error {
            DieselError::DatabaseError(DatabaseErrorKind::SerializationFailure, _) => Self::Retry,
            // A primary that turned read-only under us is not the primary any more: connecting anew finds the one that is.
            DieselError::DatabaseError(
                DatabaseErrorKind::ClosedConnection
                | DatabaseErrorKind::UnableToSendCommand
                | DatabaseErrorKind::ReadOnlyTransaction,
                _,
            )
            | DieselError::BrokenTransactionManager => Self::Unreachable(error.to_string()),
            DieselError::DatabaseError(_, information) => match information.message() {
                "deadlock detected" => Self::Retry,
                // SQLite says the last when a lock of its shared index is held for longer than it tries, some 10 s.
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
    /// Whether the connection should be thrown away.
    pub fn broke_connection(&self) -> bool {
        matches!(self, Self::Unreachable(_) | Self::CommitUnknown)
    }
}

/// The error of a closure: it can carry a database failure, and the lane or the writer can ask for it back.
pub trait WriteError: From<DbError> + Send + 'static {
    /// The database failure inside, if that is what this is.
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
