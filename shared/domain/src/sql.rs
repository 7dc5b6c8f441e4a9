//! SQL types for ids, instants and periods. PostgreSQL stores ids and instants as `uuid` and `timestamptz`, SQLite as
//! 16 bytes and integer microseconds. A period is stored as its name.

use std::io::Write as _;

use diesel::deserialize::{self, FromSql};
use diesel::pg::{Pg, PgValue};
use diesel::query_builder::QueryId;
use diesel::serialize::{self, IsNull, Output, ToSql};
use diesel::sql_types::{SqlType, Text};
use diesel::sqlite::{Sqlite, SqliteValue};

use crate::clock::UtcTime;
use crate::period::Period;

/// The SQL type of an id column.
#[derive(Debug, Clone, Copy, SqlType, QueryId)]
#[diesel(postgres_type(oid = 2950, array_oid = 2951))]
#[diesel(sqlite_type(name = "Binary"))]
pub struct SqlUuid;

/// The SQL type of an instant column.
#[derive(Debug, Clone, Copy, SqlType, QueryId)]
#[diesel(postgres_type(oid = 1184, array_oid = 1185))]
#[diesel(sqlite_type(name = "Long"))]
pub struct SqlInstant;

/// Implements [`SqlUuid`] conversions for id newtypes over `Uuid`.
macro_rules! uuid_columns {
    ($($name:ident),+) => {$(
        impl ToSql<SqlUuid, Pg> for crate::ids::$name {
            fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
                out.write_all(self.0.as_bytes())?;
                Ok(IsNull::No)
            }
        }

        impl ToSql<SqlUuid, Sqlite> for crate::ids::$name {
            fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
                out.set_value(self.0.as_bytes().as_slice());
                Ok(IsNull::No)
            }
        }

        impl FromSql<SqlUuid, Pg> for crate::ids::$name {
            fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
                Ok(Self(uuid::Uuid::from_slice(value.as_bytes())?))
            }
        }

        impl FromSql<SqlUuid, Sqlite> for crate::ids::$name {
            fn from_sql(mut value: SqliteValue<'_, '_, '_>) -> deserialize::Result<Self> {
                Ok(Self(uuid::Uuid::from_slice(value.read_blob())?))
            }
        }
    )+};
}
for_each_id!(uuid_columns);

/// The microseconds between 1970-01-01, our epoch, and 2000-01-01, PostgreSQL's epoch.
const POSTGRES_EPOCH_MICROS: i64 = 946_684_800_000_000;

impl ToSql<SqlInstant, Pg> for UtcTime {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        out.write_all(&(self.micros() - POSTGRES_EPOCH_MICROS).to_be_bytes())?;
        Ok(IsNull::No)
    }
}

impl ToSql<SqlInstant, Sqlite> for UtcTime {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        out.set_value(self.micros());
        Ok(IsNull::No)
    }
}

impl FromSql<SqlInstant, Pg> for UtcTime {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        let micros = i64::from_be_bytes(value.as_bytes().try_into()?);
        Ok(Self::from_micros(micros.saturating_add(POSTGRES_EPOCH_MICROS)))
    }
}

impl FromSql<SqlInstant, Sqlite> for UtcTime {
    fn from_sql(mut value: SqliteValue<'_, '_, '_>) -> deserialize::Result<Self> {
        Ok(Self::from_micros(value.read_long()))
    }
}

impl ToSql<Text, Pg> for Period {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        write!(out, "{self}")?;
        Ok(IsNull::No)
    }
}

impl ToSql<Text, Sqlite> for Period {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        out.set_value(self.to_string());
        Ok(IsNull::No)
    }
}

impl<DB> FromSql<Text, DB> for Period
where
    DB: diesel::backend::Backend,
    String: FromSql<Text, DB>,
{
    fn from_sql(value: DB::RawValue<'_>) -> deserialize::Result<Self> {
        Ok(String::from_sql(value)?.parse()?)
    }
}
