//! Purging of stored replies that are no longer needed.

use qiaojian_store::StoreResult;
use qiaojian_store::idempotency;

use crate::error::PassError;
use crate::worker::Worker;

/// Maximum number of replies purged in one transaction.
const MOST: i64 = 500;

impl Worker {
    /// Purges a bounded number of expired stored replies. Returns `true` if there may be more.
    ///
    /// # Errors
    /// Returns an error if the database fails.
    pub async fn forget(&self) -> Result<bool, PassError> {
        let inner = &self.inner;
        let now = inner.clock.now();
        let expired: StoreResult<bool> = inner
            .db
            .read(move |conn| Ok(idempotency::anything_expired(conn, now)?))
            .await;
        if !expired? {
            return Ok(false);
        }
        let forgotten: StoreResult<usize> = inner
            .db
            .write(move |tx| Ok(idempotency::forget_expired(tx.conn, tx.now, MOST)?))
            .await;
        Ok(i64::try_from(forgotten?).unwrap_or(MOST) >= MOST)
    }
}
