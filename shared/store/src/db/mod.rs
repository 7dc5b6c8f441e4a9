//! One interface to both databases. `Db::read`, `Db::read_slow` (the slow lane of reads) and `Db::write` are the only
//! entry points.
//!
//! Each lane consists of a few threads that each own a connection and take closures from a queue. There is no
//! connection pool, so no checkout test is needed, and no query ever runs on an async thread (docs/decisions/0002).

mod any;
mod connect;
pub mod dialect;
mod error;
mod fair;
mod held;
mod lane;
mod migrate;
pub mod schema;
pub mod types;
pub mod unique;
mod writer;

use std::sync::Arc;

use diesel::connection::{AnsiTransactionManager, Connection, TransactionManager as _};
use qiaojian_domain::clock::Clock;

pub use any::{AnyConnection, MultiBackend};
pub use connect::{DatabaseUrl, OpenError};
pub use error::{DbError, WriteError};
pub use fair::{Share, as_share, current_share};
pub use held::wait_until_closed;
pub use migrate::{
    NEWER_SCHEMA, SchemaStand, latest_version, run_migrations, schema_is_current, schema_stand,
};
pub use writer::Tx;

use lane::{Lane, Order};
use writer::Writer;

/// Free disk space in bytes below which the database counts as nearly full.
#[cfg(target_os = "linux")]
const ROOM: u64 = 1024 * 1024;

/// The number of threads per lane. Each thread has its own connection.
#[derive(Debug, Clone, Copy)]
pub struct Lanes {
    /// Short reads. On SQLite, one per core is as fast as reading on the caller's thread; PostgreSQL needs more,
    /// because a read spends its time waiting.
    pub readers: usize,
    /// Exports, members, earlier `known_at`, documents: two slow queries must never stall short reads.
    pub slow_readers: usize,
}

impl Lanes {
    /// Returns the sizes that the measurements in docs/decisions/0002 selected.
    pub fn for_database(url: &DatabaseUrl) -> Self {
        match url {
            // Two readers on one core slow each other by a quarter.
            DatabaseUrl::Sqlite(_) => Self {
                readers: std::thread::available_parallelism().map_or(1, |cores| cores.get().min(4)),
                slow_readers: 1,
            },
            DatabaseUrl::Postgres(_) => Self {
                readers: 8,
                slow_readers: 2,
            },
        }
    }
}

/// A handle to the database, shared by all components. Cheap to clone.
#[derive(Clone)]
pub struct Db {
    inner: Arc<Inner>,
}

struct Inner {
    url: DatabaseUrl,
    readers: Lane,
    slow: Lane,
    writer: Writer,
}

impl Db {
    /// Opens the lanes. Does not migrate the schema: see [`run_migrations`].
    ///
    /// # Errors
    /// If the database cannot be reached, or its version is too old to be safe.
    pub fn open(url: DatabaseUrl, lanes: Lanes, clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        url.check()?;
        url.refuse_transaction_pooling()?;
        let writer = Writer::start(&url, clock)?;
        Self::with_writer(url, lanes, writer)
    }

    /// Opens the database for reading only; a write fails with [`DbError::Stopped`]. Works for an embedded database
    /// that the current user cannot write.
    ///
    /// # Errors
    /// Same as [`Db::open`].
    pub fn open_to_read(url: DatabaseUrl, lanes: Lanes) -> Result<Self, OpenError> {
        url.validate()?;
        url.refuse_transaction_pooling()?;
        Self::with_writer(url, lanes, Writer::none())
    }

    fn with_writer(url: DatabaseUrl, lanes: Lanes, writer: Writer) -> Result<Self, OpenError> {
        let readers = Lane::start("db-read", &url, lanes.readers, Order::Arrival)?;
        let slow = Lane::start("db-slow", &url, lanes.slow_readers, Order::Turns)?;
        Ok(Self {
            inner: Arc::new(Inner {
                url,
                readers,
                slow,
                writer,
            }),
        })
    }

    /// Refreshes the planner's statistics; see [`refresh_statistics`].
    pub async fn refresh_statistics(&self) {
        let url = self.inner.url.clone();
        let ended = tokio::task::spawn_blocking(move || refresh_statistics(&url)).await;
        if let Err(error) = ended {
            tracing::warn!(%error, "Refreshing the database's statistics was interrupted.");
        }
    }

    /// Returns the URL of this database.
    pub fn url(&self) -> &DatabaseUrl {
        &self.inner.url
    }

    /// Returns whether the disk of the embedded database has room for some writes. Always true for PostgreSQL, whose
    /// disk is not visible here.
    pub fn has_room(&self) -> bool {
        match &self.inner.url {
            #[cfg(target_os = "linux")]
            DatabaseUrl::Sqlite(path) => {
                let room = path
                    .parent()
                    .and_then(|directory| rustix::fs::statvfs(directory).ok());
                room.is_none_or(|room| room.f_bavail.saturating_mul(room.f_frsize) >= ROOM)
            }
            _ => true,
        }
    }

    /// Runs a short read on the fast lane. Each statement sees its own snapshot; see [`snapshot`] for several that must
    /// agree. If the connection is lost, the closure runs once more on a new one, so it must have no side effects.
    ///
    /// # Errors
    /// The closure's own error, or [`DbError`] if the lane is overloaded or the database is unavailable.
    pub async fn read<T, E, F>(&self, work: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: WriteError,
        F: FnMut(&mut AnyConnection) -> Result<T, E> + Send + 'static,
    {
        self.inner.readers.run(work).await
    }

    /// Like [`Db::read`], but on the slow lane, which alternates between callers: see [`as_share`].
    ///
    /// # Errors
    /// Same as [`Db::read`].
    pub async fn read_slow<T, E, F>(&self, work: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: WriteError,
        F: FnMut(&mut AnyConnection) -> Result<T, E> + Send + 'static,
    {
        self.inner.slow.run(work).await
    }

    /// Runs a write. Returns only after the commit; on an error nothing is written. The closure may run more than once,
    /// so it must have no side effects outside the database.
    ///
    /// # Errors
    /// The closure's own error, or [`DbError`] if the transaction could not be committed.
    pub async fn write<T, E, F>(&self, work: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: WriteError,
        F: FnMut(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    {
        self.inner.writer.run(work).await
    }
}

/// Refreshes the planner's statistics on a separate connection. Call it after a migration and after a bulk insert. A
/// failure affects only speed, so it is logged and not returned.
pub fn refresh_statistics(url: &DatabaseUrl) {
    let refreshed = url
        .connect()
        .map_err(|error| error.to_string())
        .and_then(|mut conn| dialect::analyze(&mut conn).map_err(|error| error.to_string()));
    if let Err(error) = refreshed {
        tracing::warn!(%error, "The database's statistics could not be refreshed; queries may be slow for a minute.");
    }
}

/// Runs `work` in one read-only snapshot: all its statements see the database as of the first.
///
/// # Errors
/// The closure's own error, or a database error.
pub fn snapshot<T, E>(
    conn: &mut AnyConnection,
    work: impl FnOnce(&mut AnyConnection) -> Result<T, E>,
) -> Result<T, E>
where
    E: From<diesel::result::Error>,
{
    match conn {
        AnyConnection::Postgres(conn) => AnsiTransactionManager::begin_transaction_sql(
            conn,
            "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
        )?,
        AnyConnection::Sqlite(conn) => AnsiTransactionManager::begin_transaction_sql(conn, "BEGIN")?,
    }
    let outcome = work(conn);
    // A read has nothing to commit; a rollback releases the snapshot just as well.
    let ended = <AnyConnection as Connection>::TransactionManager::rollback_transaction(conn);
    let value = outcome?;
    ended?;
    Ok(value)
}
