//! From a URL to a connection with its settings.

use std::path::{Path, PathBuf};

use diesel::connection::{Connection, SimpleConnection};
use diesel::prelude::*;
use diesel::sql_types::Text;
use diesel::{PgConnection, SqliteConnection};

use super::{AnyConnection, DbError};

/// Which database, and where.
#[derive(Clone, PartialEq, Eq)]
pub enum DatabaseUrl {
    /// The embedded database in this file.
    Sqlite(PathBuf),
    /// A libpq URL; several hosts and `target_session_attrs` are allowed.
    Postgres(String),
}

impl std::fmt::Debug for DatabaseUrl {
    /// Never shows a password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Self::Postgres(_) => f.write_str("postgres:…"),
        }
    }
}

/// Why a database cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Neither `postgres://…` nor `sqlite:…`.
    #[error("DATABASE_URL must start with postgres:// or sqlite: (it does not)")]
    UnknownScheme,
    /// The build has no TLS.
    #[error(
        "this build cannot speak TLS to PostgreSQL, but DATABASE_URL asks for sslmode={0}; build with `--features postgres-tls` \
         (needs OpenSSL's headers) or use the container image"
    )]
    NoTls(String),
    /// SQLite before 3.51.3 can corrupt a WAL that several connections reset.
    #[error("SQLite {0} is too old: 3.51.3 or later is needed (older ones can corrupt a write-ahead log)")]
    OldSqlite(String),
    /// The directory or file cannot be used.
    #[error("cannot use {path}: {source}")]
    Path {
        /// Which file or directory.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The connection was refused.
    #[error("cannot connect to the database: {0}")]
    Connect(#[from] ConnectionError),
    /// A setting was refused, or a thread could not start.
    #[error("cannot set up the database connection: {0}")]
    Setup(String),
    /// A migration failed.
    #[error("cannot bring the schema up to date: {0}")]
    Migrate(String),
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
    /// The directory of the embedded database.
    pub fn directory(&self) -> Option<&Path> {
        match self {
            Self::Sqlite(path) => path.parent().filter(|parent| !parent.as_os_str().is_empty()),
            Self::Postgres(_) => None,
        }
    }

    /// Refuses what cannot work before anything is connected, with a sentence that says what to do.
    pub(super) fn check(&self) -> Result<(), OpenError> {
        match self {
            Self::Postgres(url) => match ssl_mode(url) {
                Some(mode)
                    if !cfg!(feature = "postgres-tls") && !matches!(mode, "disable" | "allow" | "prefer") =>
                {
                    Err(OpenError::NoTls(mode.to_owned()))
                }
                _ => Ok(()),
            },
            Self::Sqlite(_) => {
                let Some(directory) = self.directory() else {
                    return Ok(());
                };
                create_private_directory(directory).map_err(|source| OpenError::Path {
                    path: directory.to_owned(),
                    source,
                })
            }
        }
    }

    /// A connection that may write.
    pub(super) fn connect(&self) -> Result<AnyConnection, OpenError> {
        let conn = match self {
            Self::Postgres(url) => AnyConnection::Postgres(establish_postgres(url)?),
            Self::Sqlite(path) => AnyConnection::Sqlite(establish_sqlite(path)?),
        };
        Ok(conn)
    }

    /// A connection that cannot write.
    pub(super) fn connect_read_only(&self) -> Result<AnyConnection, OpenError> {
        let mut conn = self.connect()?;
        let setting = match &conn {
            AnyConnection::Postgres(_) => "SET default_transaction_read_only = on",
            AnyConnection::Sqlite(_) => "PRAGMA query_only = ON",
        };
        conn.batch_execute(setting).map_err(setup_failed)?;
        Ok(conn)
    }
}

/// Makes the directory of the embedded database, readable by its owner only. One that is there is left as it is.
fn create_private_directory(directory: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(directory)
}

fn ssl_mode(url: &str) -> Option<&str> {
    let (_, query) = url.split_once('?')?;
    query.split('&').find_map(|pair| pair.strip_prefix("sslmode="))
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one place that connects, and sets what every connection needs"
)]
fn establish_postgres(url: &str) -> Result<PgConnection, OpenError> {
    let mut conn = PgConnection::establish(url)?;
    conn.batch_execute(
        "SET TIME ZONE 'UTC'; SET lock_timeout = '5s'; SET statement_timeout = '60s'; \
         SET idle_in_transaction_session_timeout = '60s'; SET client_min_messages = warning; \
         SET application_name = 'qiaojian'",
    )
    .map_err(setup_failed)?;
    Ok(conn)
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one place that connects, and sets what every connection needs"
)]
fn establish_sqlite(path: &Path) -> Result<SqliteConnection, OpenError> {
    let mut conn = SqliteConnection::establish(&path.to_string_lossy())?;
    // `synchronous=FULL`: a notice marked as sent must still be marked after a power cut, or it goes out again.
    conn.batch_execute(
        "PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; \
         PRAGMA temp_store = MEMORY; PRAGMA cache_size = -16000; PRAGMA journal_size_limit = 67108864",
    )
    .map_err(setup_failed)?;
    let version: String = diesel::select(diesel::dsl::sql::<Text>("sqlite_version()"))
        .get_result(&mut conn)
        .map_err(setup_failed)?;
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

#[expect(clippy::needless_pass_by_value, reason = "`map_err` hands it over")]
fn setup_failed(error: diesel::result::Error) -> OpenError {
    OpenError::Setup(error.to_string())
}

impl From<OpenError> for DbError {
    fn from(error: OpenError) -> Self {
        Self::Unreachable(error.to_string())
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

    #[cfg(not(feature = "postgres-tls"))]
    #[test]
    fn tls_without_the_feature_is_a_sentence() {
        let url: DatabaseUrl = "postgres://h/q?sslmode=require".parse().unwrap();
        let error = url.check().unwrap_err().to_string();
        assert!(error.contains("--features postgres-tls"), "{error}");
        assert!(
            "postgres://h/q?sslmode=prefer"
                .parse::<DatabaseUrl>()
                .unwrap()
                .check()
                .is_ok()
        );
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
