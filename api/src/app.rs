//! The state shared by all request handlers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use chrono::NaiveDate;
use qiaojian_domain::clock::{Clock, Entropy, UtcTime};
use qiaojian_store::db::{Db, DbError};
use qiaojian_store::figures::ReadModel;
use qiaojian_store::guard::{Comparing, Guard};
use qiaojian_store::ledger;
use qiaojian_store::milestones::Memory;
use qiaojian_store::secrets::SecretKey;
use tokio::sync::Semaphore;

use crate::auth::Authority;
use crate::problem::ApiError;
use crate::under_way::KeyedRequests;
use crate::uploads::Uploads;

/// Interval between clock checks.
const COMPARE_EVERY: std::time::Duration = std::time::Duration::from_secs(5);
/// Maximum number of tables that are parsed at once; others wait.
const IMPORTS: usize = 2;
/// Maximum number of table uploads in progress at once, including those that are queued or still arriving. Further
/// uploads are refused and can be retried.
const UPLOADS: usize = 16;
/// Maximum number of table uploads in progress per caller, so that one caller cannot block all others.
const UPLOADS_PER_CALLER: usize = 3;

/// The shared application state. Cheap to clone.
#[derive(Clone)]
pub struct App {
    pub(crate) db: Db,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) secrets: SecretKey,
    pub(crate) authority: Arc<Authority>,
    pub(crate) figures: Arc<ReadModel>,
    /// Cached data about earlier eras, used to compute milestones.
    pub(crate) milestones: Arc<Memory>,
    /// Limits how many parsed tables are held in memory; a parsed table is many times the size of its file.
    pub(crate) imports: Arc<Semaphore>,
    /// Limits how many uploaded table files are held in memory.
    pub(crate) uploads: Arc<Uploads>,
    /// Whether the last write failed because the database's disk was full.
    pub(crate) is_full: Arc<AtomicBool>,
    /// Blocks writes while the clock is in doubt.
    pub(crate) guard: Arc<Guard>,
    /// The writes with an idempotency key that are in progress in this process.
    pub(crate) under_way: Arc<KeyedRequests>,
}

impl App {
    /// Loads the signing keys, creating the first one if there is none, and prepares token verification.
    ///
    /// # Errors
    /// Returns an error when the database cannot be read or written, or when its keys were sealed under another secret
    /// key.
    pub async fn start(
        db: Db,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        secrets: SecretKey,
    ) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let authority = Arc::new(Authority::start(&db, &clock, &entropy, &secrets).await?);
        let guard = Arc::new(Guard::new(Comparing::default(), clock.as_ref()));
        Ok(Self {
            guard,
            is_full: Arc::default(),
            db,
            clock,
            entropy,
            secrets,
            authority,
            figures: Arc::default(),
            milestones: Arc::default(),
            imports: Arc::new(Semaphore::new(IMPORTS)),
            uploads: Uploads::new(UPLOADS, UPLOADS_PER_CALLER),
            under_way: Arc::default(),
        })
    }

    /// Returns the current time.
    pub(crate) fn now(&self) -> UtcTime {
        self.clock.now()
    }

    /// Returns today's date in Asia/Shanghai.
    pub(crate) fn today(&self) -> NaiveDate {
        self.clock.today()
    }

    /// Polls for revocations made by other processes until the task is dropped.
    pub async fn watch_revocations(&self) {
        self.authority.watch(&self.db).await;
    }

    /// Also checks the clock against the sources in `comparing`. Without this, the clock is only checked against the
    /// machine's monotonic clock.
    #[must_use]
    pub fn comparing(mut self, comparing: Comparing) -> Self {
        self.guard = Arc::new(Guard::new(comparing, self.clock.as_ref()));
        self
    }

    /// Checks the clocks and the ledger once. Nothing is written while they are in doubt.
    pub async fn compare_clocks(&self) {
        // A database that does not respond is already reported by every request.
        if let Err(error) = self.guard.look(&self.db, self.clock.as_ref()).await {
            tracing::debug!(%error, "The clocks could not be compared.");
        }
    }

    /// Repeats the clock check until the task is dropped.
    pub async fn watch_clocks(&self) {
        let mut ticks = tokio::time::interval(COMPARE_EVERY);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.compare_clocks().await;
        }
    }

    /// Returns 503 while the clock is in doubt, because anything written now would permanently carry a wrong date.
    pub(crate) fn unless_in_doubt(&self) -> Result<(), ApiError> {
        match self.guard.doubt(self.clock.as_ref()) {
            None => Ok(()),
            Some(doubt) => Err(ApiError::clock_in_doubt(doubt)),
        }
    }

    /// Returns 503 if the disk is full. Checks the free space and, if the last write found the disk full, attempts a
    /// write.
    pub(crate) async fn unless_full(&self) -> Result<(), ApiError> {
        if !self.db.has_room() {
            return Err(DbError::Full.into());
        }
        if self.is_full.load(Ordering::Acquire) {
            self.db
                .write(|tx| ledger::rewrite(tx.conn).map_err(ApiError::from))
                .await?;
            self.is_full.store(false, Ordering::Release);
        }
        Ok(())
    }

    /// Maintains the read model of figures, starting from the current tree, until the task is dropped. Until the model
    /// is built, and without this task, figures are loaded from rows.
    pub async fn keep_figures(&self) {
        self.figures.want(self.today());
        self.figures.keep(&self.db).await;
    }

    /// Runs a read on the fast lane.
    pub(crate) async fn read<T, F>(&self, work: F) -> Result<T, ApiError>
    where
        T: Send + 'static,
        F: FnMut(&mut qiaojian_store::db::AnyConnection) -> Result<T, ApiError> + Send + 'static,
    {
        self.db.read(work).await
    }

    /// Runs a read on the slow lane, which serves documents, members and past points in time.
    pub(crate) async fn read_slow<T, F>(&self, work: F) -> Result<T, ApiError>
    where
        T: Send + 'static,
        F: FnMut(&mut qiaojian_store::db::AnyConnection) -> Result<T, ApiError> + Send + 'static,
    {
        self.db.read_slow(work).await
    }
}
