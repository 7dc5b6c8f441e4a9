//! Threads that own a read-only connection each and take closures from one queue.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use diesel::connection::{Connection, TransactionManager as _};
use tokio::sync::oneshot;

use super::{AnyConnection, DatabaseUrl, DbError, OpenError};

/// Closures that may wait for one lane. Beyond it callers are told at once that the service is overloaded.
const QUEUE: usize = 1024;

type Job = Box<dyn FnOnce(&mut AnyConnection) -> bool + Send>;

pub(super) struct Lane {
    jobs: Sender<Job>,
}

impl Lane {
    pub(super) fn start(name: &str, url: &DatabaseUrl, threads: usize) -> Result<Self, OpenError> {
        let (jobs, queue) = bounded::<Job>(QUEUE);
        for index in 0..threads.max(1) {
            let conn = url.connect_read_only()?;
            let (queue, url) = (queue.clone(), url.clone());
            thread::Builder::new()
                .name(format!("{name}-{index}"))
                .spawn(move || serve(&queue, &url, conn))
                .map_err(|error| OpenError::Setup(error.to_string()))?;
        }
        Ok(Self { jobs })
    }

    pub(super) async fn run<T, E, F>(&self, work: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
        F: FnOnce(&mut AnyConnection) -> Result<T, E> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel::<Result<T, E>>();
        let job: Job = Box::new(move |conn| {
            if reply.is_closed() {
                return true; // the caller has gone; nobody wants the answer
            }
            let outcome = catch_unwind(AssertUnwindSafe(|| work(conn)));
            let healthy = outcome.is_ok();
            let _ = reply.send(outcome.unwrap_or_else(|_| Err(DbError::Panicked.into())));
            healthy
        });
        match self.jobs.try_send(job) {
            Ok(()) => answer.await.unwrap_or_else(|_| Err(DbError::Stopped.into())),
            Err(TrySendError::Full(_)) => Err(DbError::Overloaded.into()),
            Err(TrySendError::Disconnected(_)) => Err(DbError::Stopped.into()),
        }
    }
}

fn serve(queue: &Receiver<Job>, url: &DatabaseUrl, mut conn: AnyConnection) {
    while let Ok(job) = queue.recv() {
        if is_broken(&mut conn)
            && let Ok(fresh) = url.connect_read_only()
        {
            conn = fresh;
        }
        if !job(&mut conn)
            && let Ok(fresh) = url.connect_read_only()
        {
            conn = fresh; // a panic may have left a snapshot open
        }
    }
}

/// Known without a round trip: the driver remembers that the link is gone, and an SQLite file does not go away.
pub(super) fn is_broken(conn: &mut AnyConnection) -> bool {
    <AnyConnection as Connection>::TransactionManager::is_broken_transaction_manager(conn)
}
