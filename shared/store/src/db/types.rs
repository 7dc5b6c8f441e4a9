//! Column types for ids, instants and periods on the connected database: `diesel` does not support custom types through
//! `MultiConnection`. The representation in each database is documented in `qiaojian_domain::sql`.

use diesel::deserialize::{self, FromSql};
use diesel::serialize::{self, IsNull, Output, ToSql};
use diesel::sql_types::{HasSqlType, Text};
use qiaojian_domain::clock::UtcTime;
use qiaojian_domain::period::Period;
pub use qiaojian_domain::sql::{SqlInstant, SqlUuid};

use super::MultiBackend;

macro_rules! multi_backend_types {
    ($($sql_type:ty),+) => {$(
        impl HasSqlType<$sql_type> for MultiBackend {
            fn metadata(lookup: &mut Self::MetadataLookup) -> Self::TypeMetadata {
                Self::lookup_sql_type::<$sql_type>(lookup)
            }
        }
    )+};
}
multi_backend_types!(SqlUuid, SqlInstant);

/// Forwards a value to the connected database.
macro_rules! to_multi_backend {
    ($sql_type:ident: $($name:ty),+) => {$(
        impl ToSql<$sql_type, MultiBackend> for $name {
            fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, MultiBackend>) -> serialize::Result {
                out.set_value(($sql_type, self));
                Ok(IsNull::No)
            }
        }
    )+};
}

/// Reads a value in the representation of the connected database.
macro_rules! from_multi_backend {
    ($sql_type:ident: $($name:ty),+) => {$(
        impl FromSql<$sql_type, MultiBackend> for $name {
            fn from_sql(
                value: <MultiBackend as diesel::backend::Backend>::RawValue<'_>,
            ) -> deserialize::Result<Self> {
                value.from_sql::<Self, $sql_type>()
            }
        }
    )+};
}

macro_rules! id_columns {
    ($($name:ident),+) => {
        to_multi_backend!(SqlUuid: $(qiaojian_domain::ids::$name),+);
        from_multi_backend!(SqlUuid: $(qiaojian_domain::ids::$name),+);
    };
}
qiaojian_domain::for_each_id!(id_columns);

to_multi_backend!(SqlInstant: UtcTime);
from_multi_backend!(SqlInstant: UtcTime);
to_multi_backend!(Text: Period);
