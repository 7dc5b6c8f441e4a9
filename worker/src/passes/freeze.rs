//! Texts of notices that an earlier version published without one.

use qiaojian_store::{StoreResult, bulletins};

use super::PassError;
use crate::worker::Worker;

/// Texts written in one transaction.
const BATCH_SIZE: i64 = 50;

impl Worker {
    /// Freezes the plain text of notices that have none, a bounded number of them. `true` when there may be more.
    ///
    /// # Errors
    /// When the database fails, or the frozen figures of a notice cannot be read.
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
