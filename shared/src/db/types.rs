//! Column types that `diesel` does not offer through `MultiConnection`: ids, instants and periods.
//! PostgreSQL keeps ids and instants as `uuid` and `timestamptz`, SQLite as 16 bytes and integer microseconds; a period is its name.

use std::io::Write as _;

use diesel::deserialize::{self, FromSql};
use diesel::pg::{Pg, PgValue};
use diesel::query_builder::QueryId;
use diesel::serialize::{self, IsNull, Output, ToSql};
use diesel::sql_types::{HasSqlType, SqlType, Text};
use diesel::sqlite::{Sqlite, SqliteValue};

use super::MultiBackend;
use crate::clock::UtcTime;
use crate::domain::period::Period;

/// An id column.
#[derive(Debug, Clone, Copy, SqlType, QueryId)]
#[diesel(postgres_type(oid = 2950, array_oid = 2951))]
#[diesel(sqlite_type(name = "Binary"))]
pub struct SqlUuid;

/// An instant column.
#[derive(Debug, Clone, Copy, SqlType, QueryId)]
#[diesel(postgres_type(oid = 1184, array_oid = 1185))]
#[diesel(sqlite_type(name = "Long"))]
pub struct SqlInstant;

macro_rules! multi_backend_type {
    ($($sql_type:ty),+) => {$(
        impl HasSqlType<$sql_type> for MultiBackend {
            fn metadata(lookup: &mut Self::MetadataLookup) -> Self::TypeMetadata {
                Self::lookup_sql_type::<$sql_type>(lookup)
            }
        }
    )+};
}
multi_backend_type!(SqlUuid, SqlInstant);

/// Lets an id newtype over `Uuid` stand in a [`SqlUuid`] column.
macro_rules! uuid_column {
    ($name:ty) => {
        const _: () = {
            use diesel::deserialize::{self, FromSql};
            use diesel::serialize::{self, IsNull, Output, ToSql};
            use $crate::db::MultiBackend;
            use $crate::db::types::SqlUuid;

            impl ToSql<SqlUuid, diesel::pg::Pg> for $name {
                fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, diesel::pg::Pg>) -> serialize::Result {
                    std::io::Write::write_all(out, self.0.as_bytes())?;
                    Ok(IsNull::No)
                }
            }
            impl ToSql<SqlUuid, diesel::sqlite::Sqlite> for $name {
                fn to_sql<'b>(
                    &'b self,
                    out: &mut Output<'b, '_, diesel::sqlite::Sqlite>,
                ) -> serialize::Result {
                    out.set_value(self.0.as_bytes().as_slice());
                    Ok(IsNull::No)
                }
            }
            impl ToSql<SqlUuid, MultiBackend> for $name {
                fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, MultiBackend>) -> serialize::Result {
                    out.set_value((SqlUuid, self));
                    Ok(IsNull::No)
                }
            }
            impl FromSql<SqlUuid, diesel::pg::Pg> for $name {
                fn from_sql(value: diesel::pg::PgValue<'_>) -> deserialize::Result<Self> {
                    Ok(Self(uuid::Uuid::from_slice(value.as_bytes())?))
                }
            }
            impl FromSql<SqlUuid, diesel::sqlite::Sqlite> for $name {
                fn from_sql(mut value: diesel::sqlite::SqliteValue<'_, '_, '_>) -> deserialize::Result<Self> {
                    Ok(Self(uuid::Uuid::from_slice(value.read_blob())?))
                }
            }
            impl FromSql<SqlUuid, MultiBackend> for $name {
                fn from_sql(
                    value: <MultiBackend as diesel::backend::Backend>::RawValue<'_>,
                ) -> deserialize::Result<Self> {
                    value.from_sql::<Self, SqlUuid>()
                }
            }
        };
    };
}
pub(crate) use uuid_column;

/// Microseconds between 1970-01-01, where we count from, and 2000-01-01, where PostgreSQL does.
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

impl ToSql<SqlInstant, MultiBackend> for UtcTime {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, MultiBackend>) -> serialize::Result {
        out.set_value((SqlInstant, self));
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

impl FromSql<SqlInstant, MultiBackend> for UtcTime {
    fn from_sql(
        value: <MultiBackend as diesel::backend::Backend>::RawValue<'_>,
    ) -> deserialize::Result<Self> {
        value.from_sql::<Self, SqlInstant>()
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

impl ToSql<Text, MultiBackend> for Period {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, MultiBackend>) -> serialize::Result {
        out.set_value((Text, self));
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
