//! Two databases with the same rows: one for the service, one for the yardstick. Both are gone when the benchmark ends.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use diesel::connection::{Connection as _, SimpleConnection as _};
use diesel::{PgConnection, SqliteConnection};
use qiaojian_domain::clock::SystemClock;
use qiaojian_store::db::{DatabaseUrl, Db, Lanes, run_migrations};

use crate::fill::{Filled, fill};

/// The table of the yardstick's bare insert, with as many rows as the register has.
const BARE_TABLE: &str = "
    CREATE INDEX bare_organizations_area ON bare_organizations (area);
    INSERT INTO bare_organizations
        SELECT o.organization_id, a.code, o.host, o.kind, o.name, o.status, o.established_on, o.basis, o.created_at
        FROM organization_versions o JOIN area_versions a ON a.area_id = o.area_id
        WHERE o.superseded_seq IS NULL AND o.valid_to IS NULL AND a.superseded_seq IS NULL AND a.valid_to IS NULL;";
const BARE_COLUMNS: &str = "area TEXT NOT NULL, host TEXT NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL, status TEXT NOT NULL, \
     established_on DATE, basis TEXT NOT NULL";

/// The two databases, and what they hold.
#[derive(Debug)]
pub struct Databases {
    /// `DATABASE_URL` of the service.
    pub ours: String,
    /// The same rows, for the yardstick.
    pub yardstick: String,
    /// What requests are drawn from.
    pub filled: Filled,
    /// PostgreSQL: the server, and the databases to drop there.
    server: Option<(String, [String; 3])>,
}

impl Databases {
    /// Two files in `directory`, with `count` organizations each.
    ///
    /// # Errors
    /// When they cannot be made.
    pub async fn sqlite(directory: &Path, count: usize) -> anyhow::Result<Self> {
        let source = directory.join("source.db");
        let filled = fill_at(DatabaseUrl::Sqlite(source.clone()), count).await?;
        let copy = |name: &str| {
            let path = directory.join(name);
            sqlite(&source)?.batch_execute(&format!("VACUUM INTO '{}'", path.display()))?;
            anyhow::Ok(path)
        };
        let (ours, yardstick) = (copy("qiaojian.db")?, copy("yardstick.db")?);
        sqlite(&yardstick)?.batch_execute(&format!(
            "CREATE TABLE bare_organizations (id BLOB NOT NULL PRIMARY KEY, {BARE_COLUMNS}, created_at BIGINT NOT NULL);{BARE_TABLE}"
        ))?;
        let url = |path: PathBuf| format!("sqlite:{}", path.display());
        Ok(Self {
            ours: url(ours),
            yardstick: url(yardstick),
            filled,
            server: None,
        })
    }

    /// Two databases of their own on the server of `url`.
    ///
    /// # Errors
    /// When they cannot be made.
    pub async fn postgres(url: &str, count: usize) -> anyhow::Result<Self> {
        let base = url.rsplit_once('/').map_or(url, |(base, _)| base).to_owned();
        let names = ["source", "ours", "yardstick"]
            .map(|part| format!("qiaojian_load_{}_{part}", std::process::id()));
        let [source, ours, yardstick] = names.each_ref().map(|name| format!("{base}/{name}"));
        let [source_name, ours_name, yardstick_name] = &names;
        postgres(url)?.batch_execute(&format!("CREATE DATABASE {source_name}"))?;
        let mut databases = Self {
            ours,
            yardstick,
            filled: Filled::default(),
            server: Some((url.to_owned(), names.clone())),
        };
        databases.filled = fill_at(source.parse()?, count).await?;
        // Autovacuum would do it within a minute or two; the plans must not change during the run.
        postgres(&source)?.batch_execute("VACUUM ANALYZE")?;
        for name in [ours_name, yardstick_name] {
            postgres(url)?.batch_execute(&format!(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{source_name}'; "
            ))?;
            postgres(url)?.batch_execute(&format!("CREATE DATABASE {name} TEMPLATE {source_name}"))?;
        }
        postgres(&databases.yardstick)?.batch_execute(&format!(
            "CREATE TABLE bare_organizations (id uuid NOT NULL PRIMARY KEY, {BARE_COLUMNS}, created_at timestamptz NOT NULL);{BARE_TABLE}"
        ))?;
        Ok(databases)
    }
}

impl Drop for Databases {
    fn drop(&mut self) {
        let Some((server, names)) = &self.server else {
            return;
        };
        for name in names {
            let _ = postgres(server).and_then(|mut conn| {
                conn.batch_execute(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"))?;
                Ok(())
            });
        }
    }
}

async fn fill_at(url: DatabaseUrl, count: usize) -> anyhow::Result<Filled> {
    run_migrations(&url)?;
    let lanes = Lanes {
        readers: 1,
        slow_readers: 1,
    };
    let db = Db::open(url, lanes, Arc::new(SystemClock))?;
    fill(&db, count).await
}

/// A connection with the settings of a careful program: what the service uses, too.
///
/// # Errors
/// When it cannot be made.
#[expect(
    clippy::disallowed_methods,
    reason = "the yardstick goes around the service's own way in"
)]
pub fn sqlite(path: &Path) -> anyhow::Result<SqliteConnection> {
    let mut conn =
        SqliteConnection::establish(&path.to_string_lossy()).context("cannot open the database")?;
    conn.batch_execute(
        "PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; \
         PRAGMA temp_store = MEMORY; PRAGMA cache_size = -16000; PRAGMA journal_size_limit = 67108864",
    )?;
    Ok(conn)
}

#[expect(
    clippy::disallowed_methods,
    reason = "makes and drops databases, which no store function does"
)]
fn postgres(url: &str) -> anyhow::Result<PgConnection> {
    PgConnection::establish(url).context("cannot connect to PostgreSQL")
}
