//! Threads that own a read-only connection each and take closures from one queue.
//!
//! Closures of the fast lane wait in the order they came in. In the slow lane callers take turns, so that one with a thousand questions
//! delays another by one of them.

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

/// Closures that may wait for one lane. Beyond it callers are told at once that the service is overloaded.
const QUEUE: usize = 1024;
/// Closures of one caller that may wait for the slow lane.
const QUEUE_PER_SHARE: usize = 128;

/// Runs on the lane's connection, or hears why there is none; says whether the connection is still good.
type Job = Box<dyn FnOnce(Result<&mut AnyConnection, DbError>) -> bool + Send>;

/// In what order closures are run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// As they come in.
    Arrival,
    /// Callers take turns.
    Turns,
}

pub(super) struct Lane {
    jobs: Waiting,
}

/// Where closures are put. Dropped with its lane, whose threads then end.
enum Waiting {
    Arrival(Sender<Job>),
    Turns(Arc<FairQueue<Job>>),
}

impl Waiting {
    fn put(&self, job: Job) -> Result<(), DbError> {
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

/// Where a thread takes closures from.
#[derive(Clone)]
enum Source {
    Arrival(Receiver<Job>),
    Turns(Arc<FairQueue<Job>>),
}

impl Source {
    fn next(&self) -> Option<Job> {
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
        F: FnOnce(&mut AnyConnection) -> Result<T, E> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel::<Result<T, E>>();
        let job: Job = Box::new(move |conn| {
            if reply.is_closed() {
                return true; // the caller has gone; nobody wants the answer
            }
            let (outcome, healthy) = match conn {
                Err(error) => (Err(error.into()), true),
                Ok(conn) => match catch_unwind(AssertUnwindSafe(|| work(conn))) {
                    Ok(outcome) => {
                        let failure = outcome.as_ref().err().and_then(WriteError::db_error);
                        let healthy = !failure.is_some_and(DbError::broke_connection);
                        (outcome, healthy)
                    }
                    // A snapshot may have been left open.
                    Err(_) => (Err(DbError::Panicked.into()), false),
                },
            };
            let _ = reply.send(outcome);
            healthy
        });
        self.jobs.put(job)?;
        answer.await.unwrap_or_else(|_| Err(DbError::Stopped.into()))
    }
}

/// A PostgreSQL connection that was not used for so long is asked whether it still lives before a job gets it: after a failover it does not,
/// and the job would be refused though a new one could be had. A busy one is not asked.
const DOUBTFUL_AFTER: Duration = Duration::from_millis(50);

/// A lost connection is made anew for the next job; while that cannot be had, jobs are answered at once and not run. Where one thread of the
/// lane has lost its connection, the others ask theirs as well.
fn serve(source: &Source, url: &DatabaseUrl, lost: &AtomicU64, conn: AnyConnection) {
    let mut good = Some(conn);
    let mut used = Instant::now();
    let mut lost_seen = lost.load(Ordering::Acquire);
    while let Some(job) = source.next() {
        let lost_now = lost.load(Ordering::Acquire);
        let is_doubtful = used.elapsed() > DOUBTFUL_AFTER || lost_now != lost_seen;
        lost_seen = lost_now;
        let kept = good.take().and_then(|mut conn| {
            (!is_broken(&mut conn) && (!is_doubtful || lives(&mut conn))).then_some(conn)
        });
        let mut conn = match kept.map_or_else(|| url.connect_read_only(), Ok) {
            Ok(conn) => conn,
            Err(error) => {
                job(Err(error.into()));
                continue;
            }
        };
        if job(Ok(&mut conn)) {
            good = Some(conn);
        } else {
            lost.fetch_add(1, Ordering::AcqRel);
        }
        used = Instant::now();
    }
}

/// Whether the server answers on this connection. An SQLite file does not go away.
fn lives(conn: &mut AnyConnection) -> bool {
    match conn {
        AnyConnection::Postgres(conn) => conn.batch_execute("SELECT 1").is_ok(),
        AnyConnection::Sqlite(_) => true,
    }
}

/// Known without a round trip: the driver remembers that the link is gone, and an SQLite file does not go away.
pub(super) fn is_broken(conn: &mut AnyConnection) -> bool {
    <AnyConnection as Connection>::TransactionManager::is_broken_transaction_manager(conn)
}
