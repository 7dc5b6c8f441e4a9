//! From the ledger to milestones: what was reached is noted once, so that it is still told when a correction undoes it.

use std::collections::VecDeque;
use std::sync::Arc;

use chrono::NaiveDate;
use qiaojian_domain::ids::AreaId;
use qiaojian_store::db::snapshot;
use qiaojian_store::ledger::Position;
use qiaojian_store::milestones;
use qiaojian_store::milestones::rows::NewMilestone;
use qiaojian_store::{Actor, Recording, StoreError, ledger};

use super::PassError;
use crate::worker::Worker;

/// Milestones noted in one transaction.
const CHUNK: usize = 100;

/// How far a worker has looked.
#[derive(Debug, Default)]
pub struct Looked {
    /// Up to which position in the ledger, and on which day.
    up_to: Option<(Position, NaiveDate)>,
    /// The provinces still to be looked at, the next one first.
    waiting: VecDeque<AreaId>,
}

/// What a pass noted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Noted {
    /// Milestones that were new.
    pub milestones: usize,
    /// Whether there may be more to do at once.
    pub more: bool,
}

impl Worker {
    /// Looks at one province in which something may have been reached since the last look, and notes what is new there. Any number of
    /// workers may look: what another has noted is not noted again.
    ///
    /// # Errors
    /// When the database fails, or a row of the province is not as it should be. The province then waits until the others have had their turn.
    pub async fn note_milestones(&self) -> Result<Noted, PassError> {
        let inner = &self.inner;
        let today = inner.clock.now().date_in_shanghai();
        let mut looked = inner.looked.lock().await;
        self.look_for_changes(&mut looked, today).await?;
        let Some(province) = looked.waiting.front().copied() else {
            return Ok(Noted::default());
        };
        // To the end of the queue now, so that one that fails, or takes too long, keeps none of the others waiting.
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

    /// Puts the provinces in the queue in which something changed since the last look.
    async fn look_for_changes(&self, looked: &mut Looked, today: NaiveDate) -> Result<(), PassError> {
        let before = looked.up_to.clone();
        let changed = self.inner.db.read_slow(move |conn| {
            snapshot(conn, |conn| {
                let here = ledger::position(conn)?;
                // A date that is not known to the day counts from its last day on: a new day is a new look. So is a ledger that went
                // back, in which the same number means something else.
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
