//! The keys that sign access tokens. Several may be valid at once, because rotation overlaps.

use diesel::prelude::*;
use qiaojian_domain::clock::UtcTime;

use crate::db::AnyConnection;
use crate::db::schema::signing_keys;

/// An Ed25519 key pair. The private key is sealed.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = signing_keys)]
pub struct SigningKeyRow {
    pub kid: String,
    /// 32 bytes as base64url.
    pub public_key: String,
    pub sealed_private_key: String,
    pub created_at: UtcTime,
    /// The time from which it no longer signs anything.
    pub retired_at: Option<UtcTime>,
}

/// Returns all keys, newest first.
///
/// # Errors
/// Returns an error if the database fails.
pub fn list(conn: &mut AnyConnection) -> QueryResult<Vec<SigningKeyRow>> {
    signing_keys::table
        .order(signing_keys::created_at.desc())
        .select(SigningKeyRow::as_select())
        .load(conn)
}

/// Adds a key.
///
/// # Errors
/// Returns an error if the database fails.
pub fn create(conn: &mut AnyConnection, row: &SigningKeyRow) -> QueryResult<()> {
    diesel::insert_into(signing_keys::table)
        .values(row)
        .execute(conn)
        .map(drop)
}
