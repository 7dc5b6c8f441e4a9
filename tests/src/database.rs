//! Databases for tests: a fresh file, or a fresh database on the server of `TEST_POSTGRES_URL`.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Once};

use qiaojian_domain::clock::Clock;
use qiaojian_store::db::{DatabaseUrl, Db, Lanes, run_migrations};

/// Which database a test runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    /// The embedded one.
    Sqlite,
    /// The server of `TEST_POSTGRES_URL`.
    Postgres,
}

impl Backend {
    /// Both of them.
    pub const ALL: [Self; 2] = [Self::Sqlite, Self::Postgres];
}

/// A database that lives as long as its test.
pub struct TestDb {
    url: DatabaseUrl,
    postgres: Option<(String, String)>,
    /// Removed with its contents when the test ends.
    directory: tempfile::TempDir,
}

impl TestDb {
    /// A migrated, empty database; `None` when PostgreSQL is asked for and no server is named.
    pub fn create(backend: Backend) -> Option<Self> {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let (url, postgres) = match backend {
            Backend::Sqlite => (DatabaseUrl::Sqlite(directory.path().join("qiaojian.db")), None),
            Backend::Postgres => {
                let server = postgres_server()?;
                let name = format!("qiaojian_test_{}", unique());
                admin(&server, &format!("CREATE DATABASE {name}"));
                let url = format!(
                    "{}/{name}",
                    server.rsplit_once('/').map_or(server.as_str(), |(host, _)| host)
                );
                (DatabaseUrl::Postgres(url), Some((server, name)))
            }
        };
        run_migrations(&url).expect("the migrations run");
        Some(Self {
            url,
            postgres,
            directory,
        })
    }

    /// Its URL.
    pub fn url(&self) -> &DatabaseUrl {
        &self.url
    }

    /// Its URL as `DATABASE_URL` takes it.
    pub fn url_text(&self) -> String {
        match &self.url {
            DatabaseUrl::Sqlite(path) => format!("sqlite:{}", path.display()),
            DatabaseUrl::Postgres(url) => url.clone(),
        }
    }

    /// A directory for the test's files.
    pub fn directory(&self) -> PathBuf {
        self.directory.path().to_owned()
    }

    /// Another database with the same contents, as a restored backup has them. On PostgreSQL connections to this one are closed.
    pub fn copy(&self) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let (url, postgres) = match (&self.url, &self.postgres) {
            (DatabaseUrl::Sqlite(path), _) => {
                let copy = directory.path().join("qiaojian.db");
                vacuum_into(path, &copy);
                (DatabaseUrl::Sqlite(copy), None)
            }
            (DatabaseUrl::Postgres(url), Some((server, name))) => {
                let copy = format!("qiaojian_test_{}", unique());
                admin(
                    server,
                    &format!(
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
                    ),
                );
                admin(server, &format!("CREATE DATABASE {copy} TEMPLATE {name}"));
                let url = url.replace(name, &copy);
                (DatabaseUrl::Postgres(url), Some((server.clone(), copy)))
            }
            (DatabaseUrl::Postgres(_), None) => panic!("a test database without a server"),
        };
        Self {
            url,
            postgres,
            directory,
        }
    }

    /// The lanes of one process.
    pub fn open(&self, clock: Arc<dyn Clock>) -> Db {
        let lanes = Lanes {
            readers: 2,
            slow_readers: 1,
        };
        Db::open(self.url.clone(), lanes, clock).expect("the database opens")
    }
}

impl Drop for TestDb {
    fn drop(&mut self) {
        if let Some((server, name)) = &self.postgres {
            admin(server, &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"));
        }
    }
}

/// Runs a test on a database of its own. On PostgreSQL without `TEST_POSTGRES_URL` it says that it is skipped; with
/// `TEST_REQUIRE_POSTGRES=1` (as in CI) skipping is a failure.
pub fn with_database(backend: Backend, test: impl FnOnce(TestDb)) {
    match TestDb::create(backend) {
        Some(db) => test(db),
        None => skipped(),
    }
}

/// Says once for each process what is skipped, on the real stderr: what a test prints is not shown when it passes.
fn skipped() {
    static SAID: Once = Once::new();
    assert!(
        std::env::var("TEST_REQUIRE_POSTGRES").is_err(),
        "TEST_REQUIRE_POSTGRES is set, but TEST_POSTGRES_URL is not"
    );
    SAID.call_once(|| {
        let said = "\nTEST_POSTGRES_URL is not set: tests named `…postgres`, and others that need PostgreSQL, do nothing.\n";
        std::io::stderr().write_all(said.as_bytes()).expect("stderr is open");
    });
}

fn postgres_server() -> Option<String> {
    std::env::var("TEST_POSTGRES_URL")
        .ok()
        .filter(|url| !url.is_empty())
}

fn unique() -> String {
    use qiaojian_domain::clock::{OsEntropy, SystemClock};
    qiaojian_domain::ids::new_uuid(&SystemClock, &OsEntropy)
        .simple()
        .to_string()
}

fn vacuum_into(path: &Path, copy: &Path) {
    use diesel::Connection as _;
    use diesel::connection::SimpleConnection as _;
    #[expect(
        clippy::disallowed_methods,
        reason = "the harness copies databases, which no store function does"
    )]
    let mut conn = diesel::SqliteConnection::establish(&path.to_string_lossy()).expect("the file opens");
    // Connections of a register that was dropped may still be closing.
    conn.batch_execute(&format!(
        "PRAGMA busy_timeout = 5000; VACUUM INTO '{}'",
        copy.display()
    ))
    .expect("the copy is written");
}

/// Runs one statement on the server, outside any test database.
fn admin(server: &str, statement: &str) {
    use diesel::Connection as _;
    use diesel::connection::SimpleConnection as _;
    #[expect(
        clippy::disallowed_methods,
        reason = "the harness makes and drops databases, which no store function does"
    )]
    let mut conn =
        diesel::PgConnection::establish(server).expect("the PostgreSQL server of TEST_POSTGRES_URL answers");
    // Cloning the template database takes its turn when many tests start at once.
    conn.batch_execute("SELECT pg_advisory_lock(715517)")
        .expect("an advisory lock");
    conn.batch_execute(statement).expect("the statement runs");
}
