//! What every request is handed.

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
use crate::extract::Uploads;
use crate::problem::ApiError;
use crate::write::KeyedRequests;

/// How often the clocks are compared.
const COMPARE_EVERY: std::time::Duration = std::time::Duration::from_secs(5);
/// Tables that are read at a time; others wait.
const IMPORTS: usize = 2;
/// Tables that are under way at a time, those that wait or still arrive included; whoever comes then comes again.
const UPLOADS: usize = 16;
/// Those of one caller, who would otherwise keep out all others.
const UPLOADS_PER_CALLER: usize = 3;

/// The service's parts. Cheap to clone.
#[derive(Clone)]
pub struct App {
    pub(crate) db: Db,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) secrets: SecretKey,
    pub(crate) authority: Arc<Authority>,
    pub(crate) figures: Arc<ReadModel>,
    /// What is remembered of earlier eras, by which milestones are told.
    pub(crate) milestones: Arc<Memory>,
    /// Who may have what a table becomes in memory, which is many times its size.
    pub(crate) imports: Arc<Semaphore>,
    /// Who may have the bytes of a table in memory.
    pub(crate) uploads: Arc<Uploads>,
    /// Whether the last write found the database's disk full.
    pub(crate) is_full: Arc<AtomicBool>,
    /// Holds writes back while the clock is in doubt.
    pub(crate) guard: Arc<Guard>,
    /// The keyed writes of this process.
    pub(crate) under_way: Arc<KeyedRequests>,
}

impl App {
    /// Loads the signing keys (and makes the first one), and gets ready to verify tokens.
    ///
    /// # Errors
    /// When the database cannot be read or written, or the keys in it were sealed under another secret key.
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

    /// The present.
    pub(crate) fn now(&self) -> UtcTime {
        self.clock.now()
    }

    /// Today in Asia/Shanghai.
    pub(crate) fn today(&self) -> NaiveDate {
        self.clock.today()
    }

    /// Watches for revocations by other processes until the task is dropped.
    pub async fn watch_revocations(&self) {
        self.authority.watch(&self.db).await;
    }

    /// Compares the clock with what `comparing` says as well; without, with the machine's own steady clock alone.
    #[must_use]
    pub fn comparing(mut self, comparing: Comparing) -> Self {
        self.guard = Arc::new(Guard::new(comparing, self.clock.as_ref()));
        self
    }

    /// Looks once at the clocks and the ledger; in doubt nothing is written.
    pub async fn compare_clocks(&self) {
        // A database that does not answer is told by every request.
        if let Err(error) = self.guard.look(&self.db, self.clock.as_ref()).await {
            tracing::debug!(%error, "The clocks could not be compared.");
        }
    }

    /// Goes on looking until the task is dropped.
    pub async fn watch_clocks(&self) {
        let mut ticks = tokio::time::interval(COMPARE_EVERY);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.compare_clocks().await;
        }
    }

    /// 503 while the clock is in doubt: what is written now would be dated wrong for good.
    pub(crate) fn unless_in_doubt(&self) -> Result<(), ApiError> {
        match self.guard.doubt(self.clock.as_ref()) {
            None => Ok(()),
            Some(doubt) => Err(ApiError::clock_in_doubt(doubt)),
        }
    }

    /// 503 where the disk is full: by what is left of it, or, where the last write found it so, by trying to write.
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

    /// Holds the read model of figures, from the present tree on, until the task is dropped. Until it is built, and without this task,
    /// figures are loaded from rows.
    pub async fn keep_figures(&self) {
        self.figures.want(self.today());
        self.figures.keep(&self.db).await;
    }

    /// Reads on the fast lane.
    pub(crate) async fn read<T, F>(&self, work: F) -> Result<T, ApiError>
    where
        T: Send + 'static,
        F: FnMut(&mut qiaojian_store::db::AnyConnection) -> Result<T, ApiError> + Send + 'static,
    {
        self.db.read(work).await
    }

    /// Reads on the slow lane: documents, members, past moments.
    pub(crate) async fn read_slow<T, F>(&self, work: F) -> Result<T, ApiError>
    where
        T: Send + 'static,
        F: FnMut(&mut qiaojian_store::db::AnyConnection) -> Result<T, ApiError> + Send + 'static,
    {
        self.db.read_slow(work).await
    }
}
