//! The single writer of a process: pending closures run in one transaction, each in a savepoint, with one commit for
//! all.
//!
//! A closure that fails does not affect the others. If the transaction itself is lost (SQLite rolls it back on a full
//! disk; PostgreSQL requests a retry), the connection is dropped and every closure runs again in a transaction of its
//! own.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use diesel::QueryResult;
use diesel::connection::{AnsiTransactionManager, Connection, TransactionManager as _};
use qiaojian_domain::clock::{Clock, UtcTime};
use tokio::sync::oneshot;

use super::error::{DbError, WriteError};
use super::held::Held;
use super::lane::is_broken;
use super::{AnyConnection, DatabaseUrl, OpenError};

/// Maximum number of pending closures. Beyond it the call fails at once as overloaded.
const QUEUE: usize = 1024;
/// Maximum number of closures in one transaction.
const BATCH: usize = 64;
/// A batch accepts no further closure after this time, so that no write transaction lasts 250 ms.
const BATCH_TIME: Duration = Duration::from_millis(100);
/// Maximum number of attempts of a closure alone in its transaction.
const TRIES: u32 = 5;

type Manager = <AnyConnection as Connection>::TransactionManager;

/// The context of a write closure: the connection, inside a transaction, and the current time.
pub struct Tx<'a> {
    /// The connection. Never begin or end a transaction on it.
    pub conn: &'a mut AnyConnection,
    /// The current time by this process's clock; facts take theirs from the ledger clock (`ledger::Recording`).
    pub now: UtcTime,
}

/// The result of one run of a closure.
enum Outcome {
    Done,
    Failed,
    /// The database requires the whole transaction to run again, or the connection is unusable.
    Again,
}

trait Job: Send {
    fn run(&mut self, tx: &mut Tx<'_>) -> Outcome;
    /// Discards the result of the last run, because its transaction was lost.
    fn forget(&mut self);
    fn answer(self: Box<Self>, committed: Result<(), DbError>);
}

struct Closure<T, E, F> {
    work: F,
    outcome: Option<Result<T, E>>,
    reply: oneshot::Sender<Result<T, E>>,
}

impl<T, E, F> Job for Closure<T, E, F>
where
    T: Send + 'static,
    E: WriteError,
    F: FnMut(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
{
    fn run(&mut self, tx: &mut Tx<'_>) -> Outcome {
        let outcome = catch_unwind(AssertUnwindSafe(|| (self.work)(tx)))
            .unwrap_or_else(|_| Err(DbError::Panicked.into()));
        let verdict = match &outcome {
            Ok(_) => Outcome::Done,
            Err(error)
                if error
                    .db_error()
                    .is_some_and(|error| matches!(error, DbError::Retry) || error.broke_connection()) =>
            {
                Outcome::Again
            }
            Err(_) => Outcome::Failed,
        };
        self.outcome = Some(outcome);
        verdict
    }

    fn forget(&mut self) {
        self.outcome = None;
    }

    fn answer(self: Box<Self>, committed: Result<(), DbError>) {
        let answer = match (committed, self.outcome) {
            (_, Some(Err(own))) => Err(own),
            (Err(error), _) => Err(error.into()),
            (Ok(()), Some(done)) => done,
            (Ok(()), None) => Err(DbError::Stopped.into()),
        };
        let _ = self.reply.send(answer);
    }
}

pub(super) struct Writer {
    jobs: Sender<Box<dyn Job>>,
}

impl Writer {
    pub(super) fn start(url: &DatabaseUrl, clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        let (jobs, queue) = bounded::<Box<dyn Job>>(QUEUE);
        let conn = url.connect()?;
        let mut thread = WriterThread {
            url: url.clone(),
            clock,
            conn,
        };
        let held = Held::begin();
        thread::Builder::new()
            .name("db-write".to_owned())
            .spawn(move || {
                thread.serve(&queue);
                drop(thread);
                drop(held);
            })
            .map_err(|error| OpenError::Setup(error.to_string()))?;
        Ok(Self { jobs })
    }

    /// Creates a writer that rejects every write with [`DbError::Stopped`].
    pub(super) fn none() -> Self {
        let (jobs, _) = bounded(0);
        Self { jobs }
    }

    pub(super) async fn run<T, E, F>(&self, work: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: WriteError,
        F: FnMut(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        match self.jobs.try_send(Box::new(Closure {
            work,
            outcome: None,
            reply,
        })) {
            Ok(()) => answer.await.unwrap_or_else(|_| Err(DbError::Stopped.into())),
            Err(TrySendError::Full(_)) => Err(DbError::Overloaded.into()),
            Err(TrySendError::Disconnected(_)) => Err(DbError::Stopped.into()),
        }
    }
}

struct WriterThread {
    url: DatabaseUrl,
    clock: Arc<dyn Clock>,
    conn: AnyConnection,
}

impl WriterThread {
    fn serve(&mut self, queue: &Receiver<Box<dyn Job>>) {
        while let Ok(first) = queue.recv() {
            let mut jobs = Vec::with_capacity(BATCH);
            match self.run_together(first, queue, &mut jobs) {
                Ok(()) => jobs.into_iter().for_each(|job| job.answer(Ok(()))),
                Err(lost) => self.recover(jobs, &lost),
            }
        }
    }

    /// Runs `first` and all other pending closures in one transaction. On an error nothing was committed, except that
    /// [`DbError::CommitUnknown`] means the outcome cannot be determined.
    fn run_together(
        &mut self,
        first: Box<dyn Job>,
        queue: &Receiver<Box<dyn Job>>,
        jobs: &mut Vec<Box<dyn Job>>,
    ) -> Result<(), DbError> {
        let began = Instant::now();
        let mut next = Some(first);
        if let Err(error) = self.begin() {
            jobs.extend(next);
            return Err(error.into());
        }
        while let Some(mut job) = next.take() {
            let ran = self.run_in_savepoint(job.as_mut());
            jobs.push(job);
            ran?;
            if jobs.len() < BATCH && began.elapsed() < BATCH_TIME {
                next = queue.try_recv().ok();
            }
        }
        self.commit()
    }

    fn run_in_savepoint(&mut self, job: &mut dyn Job) -> Result<(), DbError> {
        Manager::begin_transaction(&mut self.conn)?;
        let mut tx = Tx {
            conn: &mut self.conn,
            now: self.clock.now(),
        };
        match job.run(&mut tx) {
            // Releasing the savepoint fails if the transaction was lost: that is the check.
            Outcome::Done => Manager::commit_transaction(&mut self.conn)?,
            Outcome::Failed => Manager::rollback_transaction(&mut self.conn)?,
            Outcome::Again => return Err(DbError::Retry),
        }
        Ok(())
    }

    /// Runs each closure of a lost transaction alone. A connection lost during the commit is not retried: the caller
    /// can retry safely by Idempotency-Key or id, whereas a retry here could apply the write twice.
    fn recover(&mut self, jobs: Vec<Box<dyn Job>>, lost: &DbError) {
        // The transaction never began, or its outcome is unknown: running the closures now helps in neither case.
        let refuse: Option<fn() -> DbError> = match lost {
            DbError::CommitUnknown => Some(|| DbError::CommitUnknown),
            DbError::Locked => Some(|| DbError::Locked),
            DbError::Full => Some(|| DbError::Full),
            _ => None,
        };
        tracing::warn!(error = %lost, closures = jobs.len(), "A write transaction was lost.");
        self.reconnect();
        for mut job in jobs {
            // A rejection found in the lost transaction may depend on what another of its closures had written.
            job.forget();
            let outcome = match refuse {
                Some(error) => Err(error()),
                None => self.run_alone(job.as_mut()),
            };
            job.answer(outcome);
        }
    }

    fn run_alone(&mut self, job: &mut dyn Job) -> Result<(), DbError> {
        let mut last = DbError::Retry;
        for _ in 0..TRIES {
            let attempt = self
                .begin()
                .map_err(DbError::from)
                .and_then(|()| self.run_in_savepoint(job))
                .and_then(|()| self.commit());
            match attempt {
                Ok(()) => return Ok(()),
                Err(error @ (DbError::CommitUnknown | DbError::Locked)) => return Err(error),
                Err(error) => {
                    last = error;
                    self.reconnect();
                }
            }
        }
        Err(last)
    }

    fn begin(&mut self) -> QueryResult<()> {
        if is_broken(&mut self.conn) {
            self.reconnect();
        }
        match &mut self.conn {
            AnyConnection::Postgres(conn) => AnsiTransactionManager::begin_transaction_sql(conn, "BEGIN"),
            AnyConnection::Sqlite(conn) => {
                AnsiTransactionManager::begin_transaction_sql(conn, "BEGIN IMMEDIATE")
            }
        }
    }

    fn commit(&mut self) -> Result<(), DbError> {
        Manager::commit_transaction(&mut self.conn).map_err(|error| match DbError::from(error) {
            broken if broken.broke_connection() || is_broken(&mut self.conn) => DbError::CommitUnknown,
            definite => definite,
        })
    }

    /// Opens a new connection. If none is available the old one is kept, and the next use fails as before.
    fn reconnect(&mut self) {
        match self.url.connect() {
            Ok(fresh) => self.conn = fresh,
            Err(error) => tracing::error!(%error, "Cannot reconnect to the database."),
        }
    }
}
