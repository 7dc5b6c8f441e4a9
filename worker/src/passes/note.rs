//! Records milestones from the ledger. Each is recorded once, so that it is still shown after a correction undoes it.

use std::sync::Arc;

use chrono::NaiveDate;
use qiaojian_store::db::snapshot;
use qiaojian_store::milestones;
use qiaojian_store::milestones::rows::NewMilestone;
use qiaojian_store::{Actor, Recording, StoreError, ledger};

use crate::error::PassError;
use crate::worker::{Looked, Worker};

/// Maximum number of milestones recorded in one transaction.
const CHUNK: usize = 100;

/// The result of a pass that records milestones.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Noted {
    /// Number of new milestones.
    pub milestones: usize,
    /// Whether more may be ready immediately.
    pub more: bool,
}

impl Worker {
    /// Checks one province in which milestones may have been reached since the last check, and records the new ones.
    /// Any number of workers may do this: a milestone recorded by another worker is not recorded again.
    ///
    /// # Errors
    /// Returns an error if the database fails, or if a row of the province is invalid. The province then waits until
    /// the others have been checked.
    pub async fn note_milestones(&self) -> Result<Noted, PassError> {
        let inner = &self.inner;
        let today = inner.clock.now().date_in_shanghai();
        let mut looked = inner.looked.lock().await;
        self.look_for_changes(&mut looked, today).await?;
        let Some(province) = looked.waiting.front().copied() else {
            return Ok(Noted::default());
        };
        // Moved to the end of the queue now, so that a province that fails or takes too long does not delay the others.
        looked.waiting.rotate_left(1);
        let found = inner
            .db
            .read_slow(move |conn| {
                snapshot(conn, |conn| {
                    let known = ledger::known(conn)?;
                    milestones::unnoted(conn, province, today, known)
                })
            })
            .await?;
        let mut noted = Noted::default();
        for chunk in found.chunks(CHUNK) {
            noted.milestones += self.note(chunk.to_vec()).await?;
        }
        looked.waiting.retain(|waiting| *waiting != province);
        noted.more = !looked.waiting.is_empty();
        Ok(noted)
    }

    /// Adds the provinces to the queue in which something changed since the last check.
    async fn look_for_changes(&self, looked: &mut Looked, today: NaiveDate) -> Result<(), PassError> {
        let before = looked.up_to.clone();
        let changed = self.inner.db.read_slow(move |conn| {
            snapshot(conn, |conn| {
                let here = ledger::position(conn)?;
                // A date that is not known to the day counts from its last day, so everything is checked again on a new
                // day. The same applies to a ledger that was rolled back, in which the same position means something
                // else.
                let since = match &before {
                    Some((position, day)) if *day == today && position.is_current(conn)? => Some(position),
                    _ => None,
                };
                if since == Some(&here) {
                    return Ok::<_, StoreError>((here, Vec::new()));
                }
                let known = ledger::known(conn)?;
                let since = since.map(|position| position.seq);
                Ok((here, milestones::to_look_at(conn, since, known)?))
            })
        });
        let (here, provinces) = changed.await?;
        for province in provinces {
            if !looked.waiting.contains(&province) {
                looked.waiting.push_back(province);
            }
        }
        looked.up_to = Some((here, today));
        Ok(())
    }

    async fn note(&self, found: Vec<NewMilestone>) -> Result<usize, PassError> {
        let (clock, entropy) = (Arc::clone(&self.inner.clock), Arc::clone(&self.inner.entropy));
        let noted = self.inner.db.write(move |tx| {
            if milestones::are_noted(tx.conn, &found)? {
                return Ok::<_, StoreError>(0);
            }
            let actor = Actor::system("milestones");
            let mut recording = Recording::begin(tx, &actor)?;
            milestones::note(&mut recording, &found, clock.as_ref(), entropy.as_ref())
        });
        Ok(noted.await?)
    }
}
