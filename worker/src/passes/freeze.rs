//! Plain texts for notices that an earlier version published without one.

use qiaojian_store::{StoreResult, bulletins};

use crate::error::PassError;
use crate::worker::Worker;

/// Maximum number of texts written in one transaction.
const BATCH_SIZE: i64 = 50;

impl Worker {
    /// Freezes the plain text of a bounded number of notices that have none. Returns `true` if there may be more.
    ///
    /// # Errors
    /// Returns an error if the database fails, or if the frozen figures of a notice cannot be read.
    pub async fn freeze_texts(&self) -> Result<bool, PassError> {
        let db = &self.inner.db;
        let missing: StoreResult<bool> = db.read(|conn| Ok(bulletins::is_text_missing(conn)?)).await;
        if !missing? {
            return Ok(false);
        }
        let frozen: StoreResult<usize> = db
            .write(|tx| bulletins::freeze_missing_texts(tx.conn, BATCH_SIZE))
            .await;
        Ok(i64::try_from(frozen?).unwrap_or(BATCH_SIZE) >= BATCH_SIZE)
    }
}
