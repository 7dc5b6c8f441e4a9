//! The steps of a pass. Each takes no input, can be repeated, and reports what it did.

mod compose;
mod deliver;
mod forget;
mod freeze;
mod note;

pub use compose::Composed;
pub use deliver::Delivered;
pub(crate) use note::Looked;
pub use note::Noted;

use std::sync::Arc;

use qiaojian_store::db::{DbError, WriteError};
use qiaojian_store::deliveries::{self, Reclaimed};
use qiaojian_store::schedules::{self, Ticked};
use qiaojian_store::{StoreError, StoreResult};

use crate::faults::FaultPoint;
use crate::worker::Worker;

/// The reason why a pass ended early. Finished work is kept; the next pass continues from the rows.
#[derive(Debug, thiserror::Error)]
pub enum PassError {
    /// A database error, or an invalid row.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A test made the worker die here.
    #[error("died at {0}, as asked")]
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

impl PassError {
    /// Whether the database is unavailable, so that everything else would fail too.
    pub(crate) fn is_outage(error: &StoreError) -> bool {
        error
            .db_error()
            .is_some_and(|error| !matches!(error, DbError::Query(_) | DbError::Panicked))
    }
}

impl Worker {
    /// Creates the occurrences that have come due.
    ///
    /// # Errors
    /// Returns an error if the database fails.
    pub async fn tick(&self) -> Result<Ticked, PassError> {
        let inner = &self.inner;
        let mut all = Ticked::default();
        loop {
            let now = inner.clock.now();
            if !inner
                .db
                .read(move |conn| schedules::anything_due(conn, now))
                .await?
            {
                return Ok(all);
            }
            inner.reach(FaultPoint::BeforeTick)?;
            let (clock, entropy) = (Arc::clone(&inner.clock), Arc::clone(&inner.entropy));
            let ticked = inner
                .db
                .write(move |tx| schedules::tick(tx, clock.as_ref(), entropy.as_ref()))
                .await?;
            inner.reach(FaultPoint::AfterTick)?;
            all.schedules += ticked.schedules;
            all.opened += ticked.opened;
            all.skipped += ticked.skipped;
            all.missed += ticked.missed;
            all.unreadable = ticked.unreadable;
            if !ticked.more {
                return Ok(all);
            }
        }
    }

    /// Reclaims the deliveries of workers that died or froze, and ends those past their expiry.
    ///
    /// # Errors
    /// Returns an error if the database fails.
    pub async fn reclaim(&self) -> Result<Reclaimed, PassError> {
        let inner = &self.inner;
        let now = inner.clock.now();
        let overdue: StoreResult<bool> = inner
            .db
            .read(move |conn| Ok(deliveries::anything_overdue(conn, now)?))
            .await;
        if !overdue? {
            return Ok(Reclaimed::default());
        }
        let random = inner.random();
        Ok(inner
            .db
            .write(move |tx| deliveries::reclaim(tx.conn, random, tx.now))
            .await?)
    }
}
