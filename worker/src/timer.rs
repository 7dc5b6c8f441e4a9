//! The timer: a one-shot job for each schedule, which wakes the worker when the schedule is due.
//!
//! It decides nothing. The rows determine what is due, so a worker that wakes too early, twice or not at all finds the
//! same in them. The jobs are created again from the rows after each pass. The scheduler's own repetition and time
//! zones are not used, because it loses them after a stall and fixes them at creation.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use qiaojian_domain::clock::UtcTime;
use qiaojian_domain::ids::ScheduleId;
use tokio::sync::Notify;
use tokio_cron_scheduler::{Job, JobScheduler, JobSchedulerError};
use uuid::Uuid;

pub(crate) struct Timer {
    scheduler: JobScheduler,
    wake: Arc<Notify>,
    armed: BTreeMap<ScheduleId, Armed>,
}

struct Armed {
    due_at: UtcTime,
    job: Uuid,
    /// Whether it has fired. It may fire a fraction of a second early, and is then created again.
    fired: Arc<AtomicBool>,
}

impl Timer {
    /// Starts the timer. Without it, the worker polls every few seconds.
    pub(crate) async fn start(wake: Arc<Notify>) -> Option<Self> {
        let started = async {
            let scheduler = JobScheduler::new().await?;
            scheduler.start().await?;
            Ok::<_, JobSchedulerError>(scheduler)
        };
        match started.await {
            Ok(scheduler) => Some(Self {
                scheduler,
                wake,
                armed: BTreeMap::new(),
            }),
            Err(error) => {
                tracing::warn!(%error, "The timer could not be started; the worker polls instead.");
                None
            }
        }
    }

    /// Sets the timer for these due times. Those already due are handled by the pass.
    pub(crate) async fn arm(&mut self, due: &[(ScheduleId, UtcTime)], now: UtcTime) {
        let wanted: BTreeMap<ScheduleId, UtcTime> =
            due.iter().copied().filter(|(_, due_at)| *due_at > now).collect();
        let is_right = |id: &ScheduleId, armed: &Armed| {
            wanted.get(id) == Some(&armed.due_at) && !armed.fired.load(Ordering::Acquire)
        };
        let wrong: Vec<ScheduleId> = self
            .armed
            .iter()
            .filter(|(id, armed)| !is_right(id, armed))
            .map(|(id, _)| *id)
            .collect();
        for id in wrong {
            if let Some(armed) = self.armed.remove(&id)
                && let Err(error) = self.scheduler.remove(&armed.job).await
            {
                tracing::debug!(%error, "A job of the timer had already been removed.");
            }
        }
        for (id, due_at) in wanted {
            if self.armed.contains_key(&id) {
                continue;
            }
            match self.add(due_at, now).await {
                Ok(armed) => {
                    self.armed.insert(id, armed);
                }
                Err(error) => tracing::warn!(%error, "A job could not be added to the timer."),
            }
        }
    }

    async fn add(&self, due_at: UtcTime, now: UtcTime) -> Result<Armed, JobSchedulerError> {
        // The scheduler counts whole seconds, as specs do.
        let seconds = due_at.unix_seconds() - now.unix_seconds();
        let wait = Duration::from_secs(u64::try_from(seconds).unwrap_or_default());
        let fired = Arc::new(AtomicBool::new(false));
        let (wake, flag) = (Arc::clone(&self.wake), Arc::clone(&fired));
        let job = Job::new_one_shot(wait, move |_, _| {
            flag.store(true, Ordering::Release);
            wake.notify_one();
        })?;
        let job = self.scheduler.add(job).await?;
        Ok(Armed { due_at, job, fired })
    }

    pub(crate) async fn stop(mut self) {
        if let Err(error) = self.scheduler.shutdown().await {
            tracing::debug!(%error, "The timer did not stop.");
        }
    }
}
