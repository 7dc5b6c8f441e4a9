//! Threads that own a read-only connection each and take closures from one queue.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use diesel::connection::{Connection, TransactionManager as _};
use tokio::sync::oneshot;

use super::held::Held;
use super::{AnyConnection, DatabaseUrl, DbError, OpenError, WriteError};

/// Closures that may wait for one lane. Beyond it callers are told at once that the service is overloaded.
const QUEUE: usize = 1024;

/// Runs on the lane's connection, or hears why there is none; says whether the connection is still good.
type Job = Box<dyn FnOnce(Result<&mut AnyConnection, DbError>) -> bool + Send>;

pub(super) struct Lane {
    jobs: Sender<Job>,
}

impl Lane {
    pub(super) fn start(name: &str, url: &DatabaseUrl, threads: usize) -> Result<Self, OpenError> {
        let (jobs, queue) = bounded::<Job>(QUEUE);
        for index in 0..threads.max(1) {
            let conn = url.connect_read_only()?;
            let (queue, url, held) = (queue.clone(), url.clone(), Held::begin());
            thread::Builder::new()
                .name(format!("{name}-{index}"))
                .spawn(move || {
                    serve(&queue, &url, conn);
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
        match self.jobs.try_send(job) {
            Ok(()) => answer.await.unwrap_or_else(|_| Err(DbError::Stopped.into())),
            Err(TrySendError::Full(_)) => Err(DbError::Overloaded.into()),
            Err(TrySendError::Disconnected(_)) => Err(DbError::Stopped.into()),
        }
    }
}

/// A lost connection is made anew for the next job; while that cannot be had, jobs are answered at once and not run.
fn serve(queue: &Receiver<Job>, url: &DatabaseUrl, conn: AnyConnection) {
    let mut good = Some(conn);
    while let Ok(job) = queue.recv() {
        let kept = good
            .take()
            .and_then(|mut conn| (!is_broken(&mut conn)).then_some(conn));
        let mut conn = match kept.map_or_else(|| url.connect_read_only(), Ok) {
            Ok(conn) => conn,
            Err(error) => {
                job(Err(error.into()));
                continue;
            }
        };
        if job(Ok(&mut conn)) {
            good = Some(conn);
        }
    }
}

/// Known without a round trip: the driver remembers that the link is gone, and an SQLite file does not go away.
pub(super) fn is_broken(conn: &mut AnyConnection) -> bool {
    <AnyConnection as Connection>::TransactionManager::is_broken_transaction_manager(conn)
}
