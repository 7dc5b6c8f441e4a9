//! Stored responses to requests with an `Idempotency-Key`, written in the same transaction as their effect.

use diesel::dsl::{exists, select};
use diesel::prelude::*;
use qiaojian_domain::clock::UtcTime;
use qiaojian_domain::ids::TokenId;

use crate::db::AnyConnection;
use crate::db::schema::idempotency_keys;

/// A stored response. Only the key's hash is stored.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = idempotency_keys)]
pub struct RememberedReply {
    pub token_id: TokenId,
    pub key_hash: String,
    /// A keyed digest of method, path and body.
    pub fingerprint: String,
    pub status: i16,
    /// A JSON object of header names and values.
    pub headers: String,
    /// The body; sealed with a key derived from the `Idempotency-Key` if it contains secrets.
    pub body: String,
    pub sealed: bool,
    pub created_at: UtcTime,
    pub expires_at: UtcTime,
}

/// Returns the stored response for this key, unless it has expired.
///
/// # Errors
/// Returns an error if the database fails.
pub fn find(
    conn: &mut AnyConnection,
    token: TokenId,
    key_hash: &str,
    now: UtcTime,
) -> QueryResult<Option<RememberedReply>> {
    idempotency_keys::table
        .find((token, key_hash))
        .filter(idempotency_keys::expires_at.gt(now))
        .select(RememberedReply::as_select())
        .first(conn)
        .optional()
}

/// Stores a response, replacing an expired one.
///
/// # Errors
/// Returns an error if the database fails.
pub fn remember(conn: &mut AnyConnection, reply: &RememberedReply) -> QueryResult<()> {
    diesel::delete(
        idempotency_keys::table
            .find((reply.token_id, &reply.key_hash))
            .filter(idempotency_keys::expires_at.le(reply.created_at)),
    )
    .execute(conn)?;
    diesel::insert_into(idempotency_keys::table)
        .values(reply)
        .execute(conn)
        .map(drop)
}

/// Returns whether there is anything to purge. Runs on a read lane, so that an idle worker writes nothing.
///
/// # Errors
/// Returns an error if the database fails.
pub fn anything_expired(conn: &mut AnyConnection, now: UtcTime) -> QueryResult<bool> {
    select(exists(
        idempotency_keys::table.filter(idempotency_keys::expires_at.le(now)),
    ))
    .get_result(conn)
}

/// Deletes responses that expired by `now`, at most `limit` rows, and returns their number.
///
/// # Errors
/// Returns an error if the database fails.
pub fn forget_expired(conn: &mut AnyConnection, now: UtcTime, limit: i64) -> QueryResult<usize> {
    let expired: Vec<(TokenId, String)> = idempotency_keys::table
        .filter(idempotency_keys::expires_at.le(now))
        .select((idempotency_keys::token_id, idempotency_keys::key_hash))
        .limit(limit)
        .load(conn)?;
    for (token, key_hash) in &expired {
        diesel::delete(idempotency_keys::table.find((token, key_hash))).execute(conn)?;
    }
    Ok(expired.len())
}
