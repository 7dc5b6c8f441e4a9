//! The migrations, embedded in the binary: the same versions for both databases.

use std::fs::File;

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness as _, embed_migrations};

use super::{AnyConnection, DatabaseUrl, DbError, OpenError};

const SQLITE: EmbeddedMigrations = embed_migrations!("../../migrations/sqlite");
const POSTGRES: EmbeddedMigrations = embed_migrations!("../../migrations/postgres");

/// An arbitrary advisory-lock key that serialises migrations of one PostgreSQL database.
const POSTGRES_LOCK: i64 = 0x7169_616f_6a69_616e;

/// Brings the schema up to date and returns the versions that were applied. Several processes may call it concurrently.
///
/// # Errors
/// If the database cannot be reached or a migration fails; a failed migration is rolled back.
pub fn run_migrations(url: &DatabaseUrl) -> Result<Vec<String>, OpenError> {
    url.check()?;
    url.refuse_transaction_pooling()?;
    let _turn = match url {
        DatabaseUrl::Sqlite(path) => Some(lock_file(&path.with_extension("migrate.lock"))?),
        DatabaseUrl::Postgres(_) => None,
    };
    let mut conn = url.connect()?;
    let failed = |error: &dyn std::fmt::Display| OpenError::Migrate(error.to_string());
    match &mut conn {
        AnyConnection::Sqlite(conn) => {
            refuse_newer(&conn.applied_migrations().map_err(|error| failed(&error))?)?;
            let ran = conn
                .run_pending_migrations(SQLITE)
                .map_err(|error| failed(&error))?;
            Ok(ran.iter().map(ToString::to_string).collect())
        }
        AnyConnection::Postgres(conn) => {
            diesel::sql_query("SET lock_timeout = 0")
                .execute(conn)
                .map_err(|error| failed(&error))?;
            diesel::sql_query("SELECT pg_advisory_lock($1)")
                .bind::<BigInt, _>(POSTGRES_LOCK)
                .execute(conn)
                .map_err(|error| failed(&error))?;
            refuse_newer(&conn.applied_migrations().map_err(|error| failed(&error))?)?;
            // The lock belongs to the session: it is released when this connection closes, whatever happens.
            let ran = conn
                .run_pending_migrations(POSTGRES)
                .map_err(|error| failed(&error))?;
            Ok(ran.iter().map(ToString::to_string).collect())
        }
    }
}

/// Rejects a database that a newer binary has migrated.
fn refuse_newer(applied: &[diesel::migration::MigrationVersion<'_>]) -> Result<(), OpenError> {
    let own = latest_version();
    if applied.iter().any(|version| version.to_string() > own) {
        return Err(OpenError::Migrate(NEWER_SCHEMA.to_owned()));
    }
    Ok(())
}

fn lock_file(path: &std::path::Path) -> Result<File, OpenError> {
    let at = |source| OpenError::Path {
        path: path.to_owned(),
        source,
    };
    let file = File::create(path).map_err(at)?;
    file.lock().map_err(at)?;
    Ok(file)
}

/// Returns the schema version of this binary.
pub fn latest_version() -> String {
    let migrations = diesel::migration::MigrationSource::<diesel::sqlite::Sqlite>::migrations(&SQLITE);
    migrations
        .unwrap_or_default()
        .iter()
        .map(|migration| migration.name().version().to_string())
        .max()
        .unwrap_or_default()
}

/// How the schema of a database compares with that of this binary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SchemaStand {
    /// It has to be migrated.
    Older,
    /// It has the version this binary was built for.
    Current,
    /// A newer binary has migrated it. Writes of this binary may not be valid.
    Newer,
}

/// Returns whether the database has the schema this binary was built for, or a newer one: a running process continues
/// while the next version migrates the schema.
///
/// # Errors
/// If the query fails.
pub fn schema_is_current(conn: &mut AnyConnection) -> Result<bool, DbError> {
    Ok(schema_stand(conn)? != SchemaStand::Older)
}

/// Compares the schema of the database with that of this binary.
///
/// # Errors
/// If the query fails.
pub fn schema_stand(conn: &mut AnyConnection) -> Result<SchemaStand, DbError> {
    let newest: Option<String> = diesel::select(diesel::dsl::sql::<diesel::sql_types::Nullable<Text>>(
        "(SELECT max(version) FROM __diesel_schema_migrations)",
    ))
    .get_result(conn)?;
    let own = latest_version();
    Ok(match newest {
        Some(version) if version > own => SchemaStand::Newer,
        Some(version) if version == own => SchemaStand::Current,
        _ => SchemaStand::Older,
    })
}

/// The message for a database that a newer binary has migrated.
pub const NEWER_SCHEMA: &str = "the database was migrated by a newer version of qiaojian; use that version, or restore the backup made \
    before the migration";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_databases_have_the_same_versions() {
        let names = |source: Vec<String>| source;
        let sqlite: Vec<_> =
            diesel::migration::MigrationSource::<diesel::sqlite::Sqlite>::migrations(&SQLITE)
                .unwrap()
                .iter()
                .map(|migration| migration.name().to_string())
                .collect();
        let postgres: Vec<_> = diesel::migration::MigrationSource::<diesel::pg::Pg>::migrations(&POSTGRES)
            .unwrap()
            .iter()
            .map(|migration| migration.name().to_string())
            .collect();
        assert_eq!(names(sqlite), postgres);
        assert!(!latest_version().is_empty());
    }
}
