//! Optimistic lookup: data is read before the write transaction, so that the writer is occupied only for the write
//! itself.

use std::sync::Arc;

use super::ledger::{self, Position, Recording};
use crate::db::{AnyConnection, Db, WriteError, snapshot};

/// Data read at a ledger position, with the function that reads it again.
pub struct Foreseen<T, F> {
    /// The ledger position of the data; `None` if it was read inside a transaction, which may be rolled back.
    known: Option<Position>,
    found: T,
    find: Arc<F>,
}

impl<T, E, F> Foreseen<T, F>
where
    T: Send + 'static,
    E: WriteError + From<diesel::result::Error>,
    F: Fn(&mut AnyConnection) -> Result<T, E> + Send + Sync + 'static,
{
    /// Reads the data, in one snapshot.
    ///
    /// # Errors
    /// The errors of `find`, or a database error.
    pub async fn read(db: &Db, find: F) -> Result<Self, E> {
        let find = Arc::new(find);
        let finding = Arc::clone(&find);
        let (known, found) = db
            .read_slow(move |conn| {
                snapshot(conn, |conn| Ok::<_, E>((ledger::position(conn)?, finding(conn)?)))
            })
            .await?;
        Ok(Self {
            known: Some(known),
            found,
            find,
        })
    }

    /// Returns the data.
    pub fn found(self) -> T {
        self.found
    }

    /// Returns the data as of the write: usually nobody has written in between, and the data is still valid; otherwise
    /// it is read again. Call it once, before anything is written.
    ///
    /// # Errors
    /// The errors of `find`.
    pub fn at(&mut self, recording: &mut Recording<'_, '_>) -> Result<&T, E> {
        if self.known != Some(recording.before()) {
            self.found = (self.find)(recording.conn())?;
            self.known = None;
        }
        Ok(&self.found)
    }
}
