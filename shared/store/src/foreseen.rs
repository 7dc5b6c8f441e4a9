//! What is looked up before it is written, outside of the transaction, so that the writer is held for the writing alone.

use std::sync::Arc;

use super::ledger::{self, Position, Recording};
use crate::db::{AnyConnection, Db, WriteError, snapshot};

/// What was found in the register at some place of its ledger, and how to find it anew.
pub struct Foreseen<T, F> {
    /// Everything up to here was known to it; nothing is certain of what was found within a transaction, which may come to nothing.
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
    /// Finds it, in one snapshot.
    ///
    /// # Errors
    /// Those of `find`, or a database error.
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

    /// What was found.
    pub fn found(self) -> T {
        self.found
    }

    /// What stands when it is written: mostly nobody wrote in between, and what was found holds; else it is found anew. Ask it
    /// once, before anything is written.
    ///
    /// # Errors
    /// Those of `find`.
    pub fn at(&mut self, recording: &mut Recording<'_, '_>) -> Result<&T, E> {
        if self.known != Some(recording.before()) {
            self.found = (self.find)(recording.conn())?;
            self.known = None;
        }
        Ok(&self.found)
    }
}
