//! The steps of a pass. Each takes no input, can be repeated, and reports what it did.

mod compose;
mod deliver;
mod forget;
mod freeze;
mod note;

pub use note::Noted;

use std::sync::Arc;

use qiaojian_store::StoreResult;
use qiaojian_store::deliveries::{self, Reclaimed};
use qiaojian_store::schedules::{self, Ticked};

use crate::error::PassError;
use crate::faults::FaultPoint;
use crate::worker::Worker;

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
