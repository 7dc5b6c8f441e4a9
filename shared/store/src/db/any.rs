//! One connection type over both databases.
#![expect(
    clippy::disallowed_methods,
    reason = "the derive forwards every method, those that are not to be called among them"
)]

use diesel::{PgConnection, SqliteConnection};

/// A connection to either database. The SQLite variant comes last because it accepts any text as a URL.
#[derive(diesel::MultiConnection)]
pub enum AnyConnection {
    /// PostgreSQL.
    Postgres(PgConnection),
    /// The embedded database.
    Sqlite(SqliteConnection),
}
