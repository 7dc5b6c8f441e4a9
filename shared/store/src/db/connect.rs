//! Opens configured connections from a database URL.

mod postgres;

use std::error::Error as _;
use std::path::{Path, PathBuf};

use diesel::SqliteConnection;
use diesel::connection::{Connection, SimpleConnection};
use diesel::prelude::*;
use diesel::sql_types::Text;

use super::{AnyConnection, DbError};

/// The kind of database and its location.
#[derive(Clone, PartialEq, Eq)]
pub enum DatabaseUrl {
    /// The embedded database in this file.
    Sqlite(PathBuf),
    /// A libpq URL; several hosts and `target_session_attrs` are allowed.
    Postgres(String),
}

impl std::fmt::Debug for DatabaseUrl {
    /// Never prints the password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Self::Postgres(_) => f.write_str("postgres:…"),
        }
    }
}

/// The reason a database cannot be used. Each message is a single line that states the remedy and never contains a
/// password.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Neither `postgres://…` nor `sqlite:…`.
    #[error("DATABASE_URL must start with postgres:// or sqlite: (it does not)")]
    UnknownScheme,
    /// A malformed PostgreSQL URL, with a description of the expected format.
    #[error("DATABASE_URL cannot be read: {0}")]
    BadUrl(&'static str),
    /// The build has no TLS.
    #[error(
        "this build does not support TLS to PostgreSQL, but DATABASE_URL requires sslmode={0}; build with `--features postgres-tls` \
         (needs OpenSSL's headers) or use the container image"
    )]
    NoTls(String),
    /// SQLite before 3.51.3 can corrupt a WAL that several connections reset.
    #[error("SQLite {0} is too old: 3.51.3 or later is needed (older ones can corrupt a write-ahead log)")]
    OldSqlite(String),
    /// The directory or lock file cannot be used; the source says why.
    #[error("cannot use {path} for the database (another place: --data-dir, or DATABASE_URL=sqlite:PATH)")]
    Path {
        /// The file or directory.
        path: PathBuf,
        /// The error from the operating system.
        source: std::io::Error,
    },
    /// The database file cannot be opened or written.
    #[error(
        "cannot use the database file {path}: {why}; it must be a file that this user may write, or not exist yet, in a directory that \
         this user may write"
    )]
    File {
        /// The file.
        path: PathBuf,
        /// The message from SQLite.
        why: String,
    },
    /// The database file or its directory is read-only for this user; the source says why.
    #[error(
        "this user may not write {path}; the file and the directory of the embedded database must be writable for the user of the service \
         (another place: --data-dir, or DATABASE_URL=sqlite:PATH)"
    )]
    ReadOnly {
        /// The file or directory.
        path: PathBuf,
        /// The error from the operating system.
        source: std::io::Error,
    },
    /// PostgreSQL is unreachable. The condition may be temporary, so the connection should be retried.
    #[error("cannot reach PostgreSQL: {0}; check DATABASE_URL and that the server is running")]
    Away(String),
    /// PostgreSQL refused the connection, or the attempt failed locally, for a reason that a retry does not resolve.
    #[error("cannot connect to PostgreSQL: {0}; check DATABASE_URL and the access rules of the server")]
    Refused(String),
    /// The database is behind a pooler that assigns a server connection per transaction.
    #[error(
        "the database is reached through a pooler in transaction mode (such as PgBouncer with pool_mode = transaction); configure it to \
         pool sessions, or connect directly to PostgreSQL"
    )]
    Pooled,
    /// The server reports errors in a language other than English, so they cannot be classified.
    #[error(
        "PostgreSQL reports errors in the language of lc_messages = '{locale}', but lock errors are recognized only in English; ask a \
         superuser to run: {statement}"
    )]
    Language {
        /// The `lc_messages` setting of this connection.
        locale: String,
        /// The SQL statement that fixes it.
        statement: String,
    },
    /// A setting was refused, or a thread could not start.
    #[error("cannot set up the database connection: {0}")]
    Setup(String),
    /// A migration failed.
    #[error("cannot bring the schema up to date: {0}")]
    Migrate(String),
}

impl OpenError {
    /// Returns whether the database may become available without a configuration change.
    pub fn is_away(&self) -> bool {
        matches!(self, Self::Away(_))
    }
}

impl std::str::FromStr for DatabaseUrl {
    type Err = OpenError;

    fn from_str(text: &str) -> Result<Self, OpenError> {
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            return Ok(Self::Postgres(text.to_owned()));
        }
        text.strip_prefix("sqlite:")
            .map(|path| path.strip_prefix("//").unwrap_or(path))
            .filter(|path| !path.is_empty())
            .map(|path| Self::Sqlite(PathBuf::from(path)))
            .ok_or(OpenError::UnknownScheme)
    }
}

impl DatabaseUrl {
    /// Returns the directory of the embedded database.
    pub fn directory(&self) -> Option<&Path> {
        match self {
            Self::Sqlite(path) => path.parent().filter(|parent| !parent.as_os_str().is_empty()),
            Self::Postgres(_) => None,
        }
    }

    /// Rejects a URL that cannot work, before anything is created or connected.
    ///
    /// # Errors
    /// [`OpenError::BadUrl`] or [`OpenError::NoTls`].
    pub fn validate(&self) -> Result<(), OpenError> {
        match self {
            Self::Postgres(url) => postgres::check(url),
            Self::Sqlite(_) => Ok(()),
        }
    }

    /// Like [`validate`](Self::validate), but also creates the directory of the embedded database and rejects one that
    /// is not writable.
    pub(super) fn check(&self) -> Result<(), OpenError> {
        self.validate()?;
        if let Some(directory) = self.directory() {
            crate::files::create_private_directory(directory).map_err(|source| OpenError::Path {
                path: directory.to_owned(),
                source,
            })?;
        }
        self.check_writable()
    }

    /// Rejects an embedded database that the current user cannot write. The write-ahead log requires both the file and
    /// its directory to be writable.
    ///
    /// # Errors
    /// [`OpenError::ReadOnly`].
    pub fn check_writable(&self) -> Result<(), OpenError> {
        let Self::Sqlite(file) = self else {
            return Ok(());
        };
        let directory = self.directory().unwrap_or(Path::new("."));
        for path in [directory, file] {
            crate::files::check_writable(path).map_err(|source| OpenError::ReadOnly {
                path: path.to_owned(),
                source,
            })?;
        }
        Ok(())
    }

    /// Rejects a pooler in transaction mode (PgBouncer, `pool_mode = transaction`), where session settings, locks and
    /// prepared statements would be shared with other clients. Such a pooler is recognised by an idle connection that
    /// does not keep its server process to itself.
    pub(super) fn refuse_transaction_pooling(&self) -> Result<(), OpenError> {
        if !matches!(self, Self::Postgres(_)) {
            return Ok(());
        }
        let process = |conn: &mut AnyConnection| {
            diesel::select(diesel::dsl::sql::<diesel::sql_types::Integer>("pg_backend_pid()"))
                .get_result::<i32>(conn)
                .map_err(|error| postgres::setup_failed(&error))
        };
        let mut one = self.connect()?;
        let of_one = process(&mut one)?;
        let mut other = self.connect()?;
        if of_one == process(&mut other)? {
            return Err(OpenError::Pooled);
        }
        Ok(())
    }

    /// Opens a connection that may write.
    pub(super) fn connect(&self) -> Result<AnyConnection, OpenError> {
        match self {
            Self::Postgres(url) => postgres::establish(url).map(AnyConnection::Postgres),
            Self::Sqlite(path) => establish_sqlite(path).map(AnyConnection::Sqlite),
        }
    }

    /// Opens a read-only connection. Works for an embedded database that the current user cannot write.
    pub(super) fn connect_read_only(&self) -> Result<AnyConnection, OpenError> {
        let mut conn = match self {
            Self::Sqlite(path) if self.check_writable().is_err() => {
                establish_sqlite_to_read(path).map(AnyConnection::Sqlite)?
            }
            _ => self.connect()?,
        };
        let setting = match &conn {
            AnyConnection::Postgres(_) => "SET default_transaction_read_only = on",
            AnyConnection::Sqlite(_) => "PRAGMA query_only = ON",
        };
        conn.batch_execute(setting)
            .map_err(|error| postgres::setup_failed(&error))?;
        Ok(conn)
    }
}

fn establish_sqlite(path: &Path) -> Result<SqliteConnection, OpenError> {
    // `synchronous=FULL`: a notice marked as sent must still be marked after a power failure, or it would be sent
    // again.
    let settings = "PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; \
         PRAGMA temp_store = MEMORY; PRAGMA cache_size = -16000; PRAGMA journal_size_limit = 67108864";
    establish_sqlite_by(&path.to_string_lossy(), path, settings)
}

/// Opens a file that the current user cannot write. Without a write-ahead log no other process has the file open, so it
/// is opened as immutable; otherwise SQLite needs the log and its index next to the file.
fn establish_sqlite_to_read(path: &Path) -> Result<SqliteConnection, OpenError> {
    let text = path.to_string_lossy();
    let log = PathBuf::from(format!("{text}-wal"));
    let has_log = std::fs::metadata(log).is_ok_and(|log| log.len() > 0);
    let escaped = text.replace('%', "%25").replace('?', "%3f").replace('#', "%23");
    let as_it_is = if has_log { "" } else { "&immutable=1" };
    let settings = "PRAGMA busy_timeout = 5000; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -16000";
    establish_sqlite_by(&format!("file:{escaped}?mode=ro{as_it_is}"), path, settings)
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one place that connects, and sets what every connection needs"
)]
fn establish_sqlite_by(name: &str, path: &Path, settings: &str) -> Result<SqliteConnection, OpenError> {
    let unusable = |why: &dyn std::fmt::Display| OpenError::File {
        path: path.to_owned(),
        why: why.to_string(),
    };
    let mut conn = SqliteConnection::establish(name).map_err(|error| unusable(&error))?;
    conn.batch_execute(settings).map_err(|error| unusable(&error))?;
    let version: String = diesel::select(diesel::dsl::sql::<Text>("sqlite_version()"))
        .get_result(&mut conn)
        .map_err(|error| unusable(&error))?;
    if !new_enough(&version) {
        return Err(OpenError::OldSqlite(version));
    }
    Ok(conn)
}

fn new_enough(version: &str) -> bool {
    let mut parts = version.split('.').map(|part| part.parse::<u32>().unwrap_or(0));
    (
        parts.next().unwrap_or(0),
        parts.next().unwrap_or(0),
        parts.next().unwrap_or(0),
    ) >= (3, 51, 3)
}

impl From<OpenError> for DbError {
    fn from(error: OpenError) -> Self {
        Self::Unreachable(match error.source() {
            Some(source) => format!("{error}: {source}"),
            None => error.to_string(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_its_database_or_is_refused() {
        assert_eq!(
            "sqlite:data/q.db".parse::<DatabaseUrl>().unwrap(),
            DatabaseUrl::Sqlite("data/q.db".into())
        );
        assert_eq!(
            "sqlite:///srv/q.db".parse::<DatabaseUrl>().unwrap(),
            DatabaseUrl::Sqlite("/srv/q.db".into())
        );
        assert!(matches!(
            "postgres://h/q".parse::<DatabaseUrl>(),
            Ok(DatabaseUrl::Postgres(_))
        ));
        assert!("mysql://h/q".parse::<DatabaseUrl>().is_err());
        assert!(
            "postgre://h/q".parse::<DatabaseUrl>().is_err(),
            "a mistyped URL must not create a file"
        );
    }

    #[test]
    fn a_file_that_cannot_be_used_is_named_once() {
        let directory = tempfile::tempdir().unwrap();
        let place = directory.path().to_owned();
        let error = DatabaseUrl::Sqlite(place.clone()).connect().err().unwrap();
        assert!(matches!(error, OpenError::File { .. }), "{error}");
        let blocked = place.join("file");
        std::fs::write(&blocked, "").unwrap();
        let error = DatabaseUrl::Sqlite(blocked.join("q.db")).check().unwrap_err();
        let DbError::Unreachable(said) = DbError::from(error) else {
            panic!("another kind of failure");
        };
        assert_eq!(said.matches("not a directory").count(), 1, "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }

    #[test]
    fn sqlite_keeps_the_plan_of_a_prepared_statement() {
        let directory = tempfile::tempdir().unwrap();
        let mut conn = establish_sqlite(&directory.path().join("options.db")).unwrap();
        let kept: bool = diesel::select(diesel::dsl::sql::<diesel::sql_types::Bool>(
            "sqlite_compileoption_used('ENABLE_QPSG')",
        ))
        .get_result(&mut conn)
        .unwrap();
        assert!(
            kept,
            "SQLite was compiled without the flags of .cargo/config.toml: run cargo inside the repository"
        );
    }

    #[test]
    fn the_version_with_the_wal_bug_is_refused() {
        assert!(!new_enough("3.51.2"));
        assert!(new_enough("3.51.3"));
        assert!(new_enough("3.53.0"));
    }
}
