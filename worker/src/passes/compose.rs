//! Composes bulletins from open occurrences: computed on the slow lane, written in one transaction.

use std::sync::Arc;

use qiaojian_domain::Conflict;
use qiaojian_domain::bulletin::BulletinState;
use qiaojian_domain::clock::UtcTime;
use qiaojian_domain::delivery::back_off;
use qiaojian_store::areas::Subtree;
use qiaojian_store::bulletins::{self, BulletinKey, BulletinRow, ComposedBulletin, Mint};
use qiaojian_store::db::snapshot;
use qiaojian_store::occurrences::{self, OccurrenceRow};
use qiaojian_store::schedules::{self, ScheduleRow};
use qiaojian_store::{Actor, Recording, StoreError, StoreResult};

use crate::error::PassError;
use crate::faults::FaultPoint;
use crate::status::Composed;
use crate::worker::{Event, Order, Worker};

/// Maximum number of occurrences composed in one pass, so that deliveries are not delayed.
const MOST: usize = 32;

impl Worker {
    /// Composes the open occurrences, oldest first, and publishes them or keeps them as drafts.
    ///
    /// # Errors
    /// Returns an error if the database fails. An occurrence that cannot be composed does not fail the pass.
    pub async fn compose(&self) -> Result<Composed, PassError> {
        let inner = &self.inner;
        let mut composed = Composed::default();
        for _ in 0..MOST {
            let now = inner.clock.now();
            let next: StoreResult<_> = inner
                .db
                .read(move |conn| Ok(occurrences::next_open(conn, now)?))
                .await;
            let Some(occurrence) = next? else {
                return Ok(composed);
            };
            if !self.reserve(&occurrence).await? {
                composed.taken += 1;
                continue;
            }
            inner.reach(FaultPoint::AfterReserve)?;
            match self.compose_one(&occurrence).await {
                Ok(bulletin) if bulletin.state == BulletinState::Draft => composed.drafts += 1,
                Ok(_) => composed.published += 1,
                // The schedule was paused, changed or deleted while it was composed; its current version decides about
                // the occurrence.
                Err(PassError::Store(StoreError::Conflict(Conflict::ScheduleChanged))) => composed.taken += 1,
                Err(PassError::Store(error)) if !PassError::is_outage(&error) => {
                    composed.failed += 1;
                    self.note_failure(&occurrence, &error).await?;
                }
                Err(error) => return Err(error),
            }
        }
        composed.more = true;
        Ok(composed)
    }

    async fn reserve(&self, occurrence: &OccurrenceRow) -> Result<bool, PassError> {
        let (id, lease) = (occurrence.id, self.inner.config.compose_lease);
        let reserved: StoreResult<bool> = self
            .inner
            .db
            .write(move |tx| Ok(occurrences::reserve(tx.conn, id, tx.now, tx.now.plus(lease))?))
            .await;
        Ok(reserved?)
    }

    async fn compose_one(&self, occurrence: &OccurrenceRow) -> Result<BulletinRow, PassError> {
        let inner = &self.inner;
        let (schedule_id, period, today) = (occurrence.schedule_id, occurrence.period, inner.clock.today());
        let composer = Arc::clone(&inner.composer);
        let (schedule, key, content) = inner
            .db
            .read_slow(move |conn| {
                snapshot(conn, |conn| {
                    let schedule = schedules::find(conn, &Subtree::everything(), schedule_id)?;
                    let key = key_of(&schedule, period);
                    let order = Order {
                        key: key.clone(),
                        recipients: schedule.recipients()?,
                        today,
                    };
                    let content = composer.compose(conn, &order)?;
                    Ok::<_, StoreError>((schedule, key, content))
                })
            })
            .await?;
        inner.reach(FaultPoint::BeforePublish)?;
        let bulletin = self.write(occurrence, schedule, key, content).await?;
        inner.reach(FaultPoint::AfterPublish)?;
        if let Some(serial) = bulletin.serial {
            inner.tell(Event::Published {
                title: bulletin.title.clone(),
                period: bulletin.period,
                serial,
            });
        }
        Ok(bulletin)
    }

    /// Writes the bulletin, its notices and deliveries, and the end of the occurrence, all or nothing.
    async fn write(
        &self,
        occurrence: &OccurrenceRow,
        schedule: ScheduleRow,
        key: BulletinKey,
        content: ComposedBulletin,
    ) -> StoreResult<BulletinRow> {
        let (clock, entropy) = (Arc::clone(&self.inner.clock), Arc::clone(&self.inner.entropy));
        let (id, actor) = (occurrence.id, Actor::system("worker"));
        let due_on = occurrence.due_at.date_in_shanghai();
        self.inner
            .db
            .write(move |tx| {
                let mut recording = Recording::begin(tx, &actor)?;
                schedules::unless_changed(recording.conn(), &schedule)?;
                let mint = Mint {
                    clock: clock.as_ref(),
                    entropy: entropy.as_ref(),
                };
                let terms = (schedule.approval, Some(due_on));
                let bulletin = bulletins::compose(&mut recording, mint, &key, &content, terms)?;
                let now = recording.now();
                occurrences::composed(recording.conn(), id, bulletin.id, now)?;
                Ok(bulletin)
            })
            .await
    }

    async fn note_failure(&self, occurrence: &OccurrenceRow, error: &StoreError) -> Result<(), PassError> {
        tracing::error!(occurrence = %occurrence.id, period = %occurrence.period, %error, "A bulletin could not be composed; retrying \
            later.");
        let id = occurrence.id;
        let wait = back_off(occurrence.failures.saturating_add(1), self.inner.random());
        let reason = error.to_string();
        let noted: StoreResult<bool> = self
            .inner
            .db
            .write(move |tx| {
                let not_before: UtcTime = tx.now.plus(wait);
                Ok(occurrences::failed(tx.conn, id, &reason, tx.now, not_before)?)
            })
            .await;
        noted?;
        Ok(())
    }
}

fn key_of(schedule: &ScheduleRow, period: qiaojian_domain::period::Period) -> BulletinKey {
    BulletinKey {
        issuer: schedule.issuer_area_id,
        program: schedule.program_id,
        kind: schedule.kind,
        subject: String::new(),
        period,
    }
}
