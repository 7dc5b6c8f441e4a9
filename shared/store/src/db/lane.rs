//! Threads that each own a read-only connection and take closures from a shared queue.
//!
//! The fast lane runs closures in order of arrival. The slow lane alternates between callers, so that a caller with a
//! thousand queries delays another by only one of them.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use diesel::connection::{Connection, SimpleConnection as _, TransactionManager as _};
use tokio::sync::oneshot;

use super::fair::{FairQueue, Full, current_share};
use super::held::Held;
use super::{AnyConnection, DatabaseUrl, DbError, OpenError, WriteError};

/// Maximum number of pending closures per lane. Beyond it the call fails at once as overloaded.
const QUEUE: usize = 1024;
/// Maximum number of pending closures per caller in the slow lane.
const QUEUE_PER_SHARE: usize = 128;

/// The result of one run of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ran {
    /// The caller was answered; the connection is usable.
    Answered,
    /// The caller was answered; the connection must be discarded.
    Spoiled,
    /// The connection was lost, and the caller has not been answered yet.
    Lost,
}

/// A pending read. It may run more than once, and answers once.
trait Job: Send {
    /// Returns whether the caller no longer waits for the answer.
    fn is_given_up(&self) -> bool;
    /// Runs the job. If the connection is lost during the run and `may_repeat` is set, the job does not answer and must
    /// be run again on another connection.
    fn run(&mut self, conn: &mut AnyConnection, may_repeat: bool) -> Ran;
    /// Answers that no connection is available.
    fn refuse(&mut self, error: DbError);
}

struct Read<T, E, F> {
    work: F,
    reply: Option<oneshot::Sender<Result<T, E>>>,
}

impl<T, E, F> Read<T, E, F> {
    fn answer(&mut self, outcome: Result<T, E>) {
        if let Some(reply) = self.reply.take() {
            let _ = reply.send(outcome);
        }
    }
}

impl<T, E, F> Job for Read<T, E, F>
where
    T: Send + 'static,
    E: WriteError,
    F: FnMut(&mut AnyConnection) -> Result<T, E> + Send + 'static,
{
    fn is_given_up(&self) -> bool {
        self.reply.as_ref().is_none_or(oneshot::Sender::is_closed)
    }

    fn run(&mut self, conn: &mut AnyConnection, may_repeat: bool) -> Ran {
        let Ok(outcome) = catch_unwind(AssertUnwindSafe(|| (self.work)(conn))) else {
            self.answer(Err(DbError::Panicked.into()));
            return Ran::Spoiled; // a snapshot may have been left open
        };
        let failure = outcome.as_ref().err().and_then(WriteError::db_error);
        let is_lost = failure.is_some_and(DbError::broke_connection);
        if is_lost && may_repeat {
            return Ran::Lost;
        }
        self.answer(outcome);
        if is_lost { Ran::Spoiled } else { Ran::Answered }
    }

    fn refuse(&mut self, error: DbError) {
        self.answer(Err(error.into()));
    }
}

type Waited = Box<dyn Job>;

/// The order in which closures run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// In order of arrival.
    Arrival,
    /// Round-robin between callers.
    Turns,
}

pub(super) struct Lane {
    jobs: Waiting,
}

/// The sending side of the queue. Dropping it with its lane ends the lane's threads.
enum Waiting {
    Arrival(Sender<Waited>),
    Turns(Arc<FairQueue<Waited>>),
}

impl Waiting {
    fn put(&self, job: Waited) -> Result<(), DbError> {
        match self {
            Self::Arrival(sender) => sender.try_send(job).map_err(|error| match error {
                TrySendError::Full(_) => DbError::Overloaded,
                TrySendError::Disconnected(_) => DbError::Stopped,
            }),
            Self::Turns(queue) => queue
                .put(current_share(), job)
                .map_err(|Full| DbError::Overloaded),
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if let Self::Turns(queue) = self {
            queue.close();
        }
    }
}

/// The receiving side of the queue.
#[derive(Clone)]
enum Source {
    Arrival(Receiver<Waited>),
    Turns(Arc<FairQueue<Waited>>),
}

impl Source {
    fn next(&self) -> Option<Waited> {
        match self {
            Self::Arrival(receiver) => receiver.recv().ok(),
            Self::Turns(queue) => queue.take(),
        }
    }
}

fn queue(order: Order) -> (Waiting, Source) {
    match order {
        Order::Arrival => {
            let (sender, receiver) = bounded(QUEUE);
            (Waiting::Arrival(sender), Source::Arrival(receiver))
        }
        Order::Turns => {
            let queue = Arc::new(FairQueue::new(QUEUE, QUEUE_PER_SHARE));
            (Waiting::Turns(Arc::clone(&queue)), Source::Turns(queue))
        }
    }
}

impl Lane {
    pub(super) fn start(
        name: &str,
        url: &DatabaseUrl,
        threads: usize,
        order: Order,
    ) -> Result<Self, OpenError> {
        let (jobs, source) = queue(order);
        let lost = Arc::new(AtomicU64::new(0));
        for index in 0..threads.max(1) {
            let conn = url.connect_read_only()?;
            let (source, url, held) = (source.clone(), url.clone(), Held::begin());
            let lost = Arc::clone(&lost);
            thread::Builder::new()
                .name(format!("{name}-{index}"))
                .spawn(move || {
                    serve(&source, &url, &lost, conn);
                    drop(held);
                })
                .map_err(|error| OpenError::Setup(error.to_string()))?;
        }
        Ok(Self { jobs })
    }

    pub(super) async fn run<T, E, F>(&self, work: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: WriteError,
        F: FnMut(&mut AnyConnection) -> Result<T, E> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        self.jobs.put(Box::new(Read {
            work,
            reply: Some(reply),
        }))?;
        answer.await.unwrap_or_else(|_| Err(DbError::Stopped.into()))
    }
}

/// A PostgreSQL connection that has been idle for longer than this is tested before a job uses it: after a failover it
/// is dead, and the job would fail although a new connection is available. A busy connection is not tested.
const DOUBTFUL_AFTER: Duration = Duration::from_millis(50);

/// A thread of a lane, with its connection.
struct Reader<'a> {
    url: &'a DatabaseUrl,
    good: Option<AnyConnection>,
    used: Instant,
    /// The number of connections that the threads of the lane have lost, and how many of these this thread has seen.
    lost: &'a AtomicU64,
    lost_seen: u64,
}

/// Serves jobs until the lane is dropped. A read whose connection is lost runs once more on a new one; while none is
/// available, reads fail at once without being run.
fn serve(source: &Source, url: &DatabaseUrl, lost: &AtomicU64, conn: AnyConnection) {
    let mut reader = Reader {
        url,
        good: Some(conn),
        used: Instant::now(),
        lost,
        lost_seen: lost.load(Ordering::Acquire),
    };
    while let Some(mut job) = source.next() {
        if job.is_given_up() {
            continue; // the caller no longer waits for the answer
        }
        if reader.run(job.as_mut(), true) == Ran::Lost {
            reader.run(job.as_mut(), false);
        }
    }
}

impl Reader<'_> {
    fn run(&mut self, job: &mut dyn Job, may_repeat: bool) -> Ran {
        let mut conn = match self.connection() {
            Ok(conn) => conn,
            Err(error) => {
                job.refuse(error.into());
                return Ran::Spoiled;
            }
        };
        let ran = job.run(&mut conn, may_repeat);
        if ran == Ran::Answered {
            self.good = Some(conn);
        } else {
            self.lost.fetch_add(1, Ordering::AcqRel);
        }
        self.used = Instant::now();
        ran
    }

    /// Returns the current connection, or a new one if it was lost. After another thread of the lane has lost its
    /// connection, this one is tested first.
    fn connection(&mut self) -> Result<AnyConnection, OpenError> {
        let lost = self.lost.load(Ordering::Acquire);
        let is_doubtful = self.used.elapsed() > DOUBTFUL_AFTER || lost != self.lost_seen;
        self.lost_seen = lost;
        let kept = self.good.take().and_then(|mut conn| {
            (!is_broken(&mut conn) && (!is_doubtful || lives(&mut conn))).then_some(conn)
        });
        kept.map_or_else(|| self.url.connect_read_only(), Ok)
    }
}

/// Returns whether the server responds on this connection. Always true for an SQLite file.
fn lives(conn: &mut AnyConnection) -> bool {
    match conn {
        AnyConnection::Postgres(conn) => conn.batch_execute("SELECT 1").is_ok(),
        AnyConnection::Sqlite(_) => true,
    }
}

/// Returns whether the connection is known to be lost. Needs no round trip: the driver remembers a lost link, and an
/// SQLite file cannot be lost.
pub(super) fn is_broken(conn: &mut AnyConnection) -> bool {
    <AnyConnection as Connection>::TransactionManager::is_broken_transaction_manager(conn)
}
