//! Tokens of callers. The secret itself is never stored, only its hash.

use std::collections::{BTreeSet, HashSet};

use diesel::prelude::*;
use qiaojian_domain::access::{Post, Role, Scope, read_scopes, write_scopes};
use qiaojian_domain::clock::UtcTime;
use qiaojian_domain::digest::digest_of;
use qiaojian_domain::ids::{AccessTokenId, AreaId, TokenId};
use qiaojian_domain::token::TokenStatus;
use qiaojian_domain::{Conflict, Noun};
use serde::Serialize;

use super::areas::Subtree;
use super::audit::Entry;
use super::ledger::Recording;
use super::{StoreError, StoreResult, unless_stale};
use crate::db::AnyConnection;
use crate::db::schema::{area_versions, revoked_access_tokens, tokens};
use crate::predicates::{last_area, within};

/// A row of `tokens`.
#[derive(Debug, Clone, Serialize, Queryable, Selectable, Insertable)]
#[diesel(table_name = tokens)]
pub struct TokenRow {
    pub id: TokenId,
    pub version: i64,
    pub created_at: UtcTime,
    pub updated_at: UtcTime,
    pub created_by: Option<TokenId>,
    pub label: String,
    pub area_id: AreaId,
    pub post: Post,
    pub role: Role,
    /// Space-separated.
    pub scopes: String,
    #[serde(skip)]
    pub secret_hash: String,
    pub status: TokenStatus,
    pub expires_at: UtcTime,
    pub revoked_at: Option<UtcTime>,
    pub revoked_seq: Option<i64>,
    pub last_used_at: Option<UtcTime>,
    /// The ledger position at which its secret was last changed; 0 for the first secret. Access tokens issued before
    /// are rejected.
    pub secret_seq: i64,
}

/// A token with the area it is bound to.
#[derive(Debug, Clone, Queryable)]
pub struct TokenInArea {
    pub token: TokenRow,
    pub area_code: String,
    pub area_path: String,
}

macro_rules! tokens_in_areas {
    () => {
        tokens::table.inner_join(last_area!(tokens::area_id)).select((
            TokenRow::as_select(),
            area_versions::code,
            area_versions::path,
        ))
    };
}

/// Returns the token with this id regardless of scope, for authentication.
///
/// # Errors
/// Returns an error if the database fails.
pub fn by_id(conn: &mut AnyConnection, id: TokenId) -> QueryResult<Option<TokenInArea>> {
    tokens_in_areas!()
        .filter(tokens::id.eq(id))
        .first(conn)
        .optional()
}

/// Returns the token with this id, if its area belongs to `visible`.
///
/// # Errors
/// [`StoreError::NotFound`], or a database error.
pub fn find(conn: &mut AnyConnection, visible: &Subtree, id: TokenId) -> StoreResult<TokenInArea> {
    by_id(conn, id)?
        .filter(|token| visible.contains(&token.area_path))
        .ok_or(StoreError::NotFound(Noun::Token))
}

/// Returns the tokens of `visible`, by id, after `after`.
///
/// # Errors
/// Returns an error if the database fails.
pub fn list(
    conn: &mut AnyConnection,
    visible: &Subtree,
    (status, created_by): (Option<TokenStatus>, Option<TokenId>),
    after: Option<TokenId>,
    limit: i64,
) -> QueryResult<Vec<TokenInArea>> {
    let mut query = tokens_in_areas!()
        .filter(within!(visible))
        .order(tokens::id)
        .limit(limit)
        .into_boxed();
    if let Some(status) = status {
        query = query.filter(tokens::status.eq(status));
    }
    if let Some(creator) = created_by {
        query = query.filter(tokens::created_by.eq(creator));
    }
    if let Some(after) = after {
        query = query.filter(tokens::id.gt(after));
    }
    query.load(conn)
}

/// Returns those of these tokens that belong to `visible`.
///
/// # Errors
/// Returns an error if the database fails.
pub fn among(conn: &mut AnyConnection, visible: &Subtree, ids: &[TokenId]) -> QueryResult<HashSet<TokenId>> {
    let found: Vec<TokenId> = tokens::table
        .inner_join(last_area!(tokens::area_id))
        .filter(within!(visible))
        .filter(tokens::id.eq_any(ids))
        .select(tokens::id)
        .load(conn)?;
    Ok(found.into_iter().collect())
}

/// A token to issue.
#[derive(Debug, Clone)]
pub struct NewToken {
    pub id: TokenId,
    pub created_by: Option<TokenId>,
    pub label: String,
    pub area: AreaId,
    pub post: Post,
    pub role: Role,
    pub scopes: BTreeSet<Scope>,
    pub secret_hash: String,
    pub expires_at: UtcTime,
}

/// Issues a token.
///
/// # Errors
/// Returns an error if the database fails.
pub fn issue(recording: &mut Recording<'_, '_>, new: &NewToken) -> StoreResult<()> {
    let at = recording.recorded().at;
    let row = TokenRow {
        id: new.id,
        version: 1,
        created_at: at,
        updated_at: at,
        created_by: new.created_by,
        label: new.label.clone(),
        area_id: new.area,
        post: new.post,
        role: new.role,
        scopes: write_scopes(&new.scopes),
        secret_hash: new.secret_hash.clone(),
        status: TokenStatus::Active,
        expires_at: new.expires_at,
        revoked_at: None,
        revoked_seq: None,
        last_used_at: None,
        secret_seq: 0,
    };
    create(recording, &row)
}

/// Returns the token with this id, if it is at the expected version. `None` skips the check.
fn find_at(
    recording: &mut Recording<'_, '_>,
    visible: &Subtree,
    id: TokenId,
    expected: Option<i64>,
) -> StoreResult<TokenInArea> {
    let found = find(recording.conn(), visible, id)?;
    unless_stale(expected, found.token.version)?;
    Ok(found)
}

/// Rejects a change of a token that has permissions the caller lacks: `granted` must include all of the token's scopes.
fn unless_beyond(found: &TokenInArea, granted: &BTreeSet<Scope>) -> StoreResult<()> {
    // A word that is no longer a scope grants nothing.
    let held = read_scopes(&found.token.scopes).unwrap_or_default();
    if held.is_subset(granted) {
        Ok(())
    } else {
        Err(StoreError::Conflict(Conflict::TokenBeyond))
    }
}

/// Replaces the secret of a token; the old one, and the access tokens issued for it, are rejected from now on. The new
/// secret grants all of the token's scopes, so `granted`, the caller's own scopes, must include them.
///
/// # Errors
/// [`StoreError::NotFound`], [`StoreError::Stale`], [`StoreError::Conflict`] `token_revoked` or `token_beyond`, or a
/// database error.
pub fn rotate(
    recording: &mut Recording<'_, '_>,
    visible: &Subtree,
    id: TokenId,
    expected: Option<i64>,
    granted: &BTreeSet<Scope>,
    secret_hash: &str,
) -> StoreResult<TokenInArea> {
    let found = find_at(recording, visible, id, expected)?;
    unless_beyond(&found, granted)?;
    if found.token.status == TokenStatus::Revoked {
        return Err(StoreError::Conflict(Conflict::TokenRevoked));
    }
    let recorded = recording.recorded();
    diesel::update(tokens::table.find(id))
        .set((
            tokens::secret_hash.eq(secret_hash),
            tokens::secret_seq.eq(recorded.seq),
            tokens::updated_at.eq(recorded.at),
            tokens::version.eq(tokens::version + 1),
        ))
        .execute(recording.conn())?;
    changed(recording, "rotate", visible, &found)
}

/// Adds a change of a token to the audit trail, and returns the changed token.
fn changed(
    recording: &mut Recording<'_, '_>,
    verb: &str,
    visible: &Subtree,
    before: &TokenInArea,
) -> StoreResult<TokenInArea> {
    let after = find(recording.conn(), visible, before.token.id)?;
    recording.audit(&Entry {
        verb,
        resource: Noun::Token,
        id: &after.token.id.to_string(),
        area: Some(after.token.area_id),
        before: Some(&digest_of(&before.token)?),
        after: Some(&digest_of(&after.token)?),
    })?;
    Ok(after)
}

/// Inserts a row of a token.
///
/// # Errors
/// Returns an error if the database fails.
pub fn create(recording: &mut Recording<'_, '_>, row: &TokenRow) -> StoreResult<()> {
    diesel::insert_into(tokens::table)
        .values(row)
        .execute(recording.conn())?;
    let (id, after) = (row.id.to_string(), digest_of(row)?);
    recording.audit(&Entry {
        verb: "create",
        resource: Noun::Token,
        id: &id,
        area: Some(row.area_id),
        before: None,
        after: Some(&after),
    })?;
    Ok(())
}

/// Extends a token until `expires_at`, with its id and secret; an expired one becomes valid again. `granted`, the
/// caller's own scopes, must include its scopes.
///
/// # Errors
/// [`StoreError::NotFound`], [`StoreError::Stale`], [`StoreError::Conflict`] `token_revoked` or `token_beyond`, or a
/// database error.
pub fn renew(
    recording: &mut Recording<'_, '_>,
    visible: &Subtree,
    (id, expected): (TokenId, Option<i64>),
    granted: &BTreeSet<Scope>,
    expires_at: UtcTime,
) -> StoreResult<TokenInArea> {
    let found = find_at(recording, visible, id, expected)?;
    unless_beyond(&found, granted)?;
    if found.token.status == TokenStatus::Revoked {
        return Err(StoreError::Conflict(Conflict::TokenRevoked));
    }
    diesel::update(tokens::table.find(id))
        .set((
            tokens::expires_at.eq(expires_at),
            tokens::updated_at.eq(recording.recorded().at),
            tokens::version.eq(tokens::version + 1),
        ))
        .execute(recording.conn())?;
    changed(recording, "renew", visible, &found)
}

/// Revokes a token permanently, for a caller whose own scopes are `granted`; with `descendants`, also those of
/// `visible` that it issued, and in turn those that they issued. Revoking a revoked one changes nothing. Returns it,
/// and the number of others revoked.
///
/// # Errors
/// [`StoreError::NotFound`], [`StoreError::Stale`], [`StoreError::Conflict`] `token_beyond`, or a database error.
pub fn revoke_for(
    recording: &mut Recording<'_, '_>,
    visible: &Subtree,
    (id, expected): (TokenId, Option<i64>),
    granted: &BTreeSet<Scope>,
    descendants: bool,
) -> StoreResult<(TokenInArea, usize)> {
    let found = find_at(recording, visible, id, expected)?;
    unless_beyond(&found, granted)?;
    let mut others = 0;
    let mut issuers = if descendants { vec![id] } else { Vec::new() };
    while !issuers.is_empty() {
        let issued: Vec<TokenId> = tokens::table
            .filter(tokens::created_by.eq_any(&issuers))
            .order(tokens::id)
            .select(tokens::id)
            .load(recording.conn())?;
        for token in &issued {
            let Some(found) = by_id(recording.conn(), *token)? else {
                continue;
            };
            if found.token.status == TokenStatus::Active && visible.contains(&found.area_path) {
                unless_beyond(&found, granted)?;
                revoke(recording, visible, *token, None)?;
                others += 1;
            }
        }
        issuers = issued;
    }
    Ok((revoke(recording, visible, id, None)?, others))
}

/// Revokes a token permanently. Revoking a revoked one changes nothing.
///
/// # Errors
/// [`StoreError::NotFound`], [`StoreError::Stale`], or a database error.
pub fn revoke(
    recording: &mut Recording<'_, '_>,
    visible: &Subtree,
    id: TokenId,
    expected: Option<i64>,
) -> StoreResult<TokenInArea> {
    let found = find_at(recording, visible, id, expected)?;
    if found.token.status == TokenStatus::Revoked {
        return Ok(found);
    }
    let recorded = recording.recorded();
    diesel::update(tokens::table.find(id))
        .set((
            tokens::status.eq(TokenStatus::Revoked),
            tokens::revoked_at.eq(recorded.at),
            tokens::revoked_seq.eq(recorded.seq),
            tokens::updated_at.eq(recorded.at),
            tokens::version.eq(tokens::version + 1),
        ))
        .execute(recording.conn())?;
    changed(recording, "revoke", visible, &found)
}

/// Returns the tokens revoked after `seq`.
///
/// # Errors
/// Returns an error if the database fails.
pub fn revoked_after(conn: &mut AnyConnection, seq: i64) -> QueryResult<Vec<TokenId>> {
    tokens::table
        .filter(tokens::revoked_seq.is_not_null().and(tokens::revoked_seq.gt(seq)))
        .select(tokens::id)
        .load(conn)
}

/// Revokes one access token, and deletes the records of those that have expired.
///
/// # Errors
/// Returns an error if the database fails.
pub fn revoke_access(
    recording: &mut Recording<'_, '_>,
    id: AccessTokenId,
    token: TokenId,
    expires_at: UtcTime,
) -> StoreResult<()> {
    use revoked_access_tokens as r;
    if is_access_revoked(recording.conn(), id)? {
        return Ok(());
    }
    let recorded = recording.recorded();
    diesel::delete(r::table.filter(r::expires_at.le(recorded.at))).execute(recording.conn())?;
    diesel::insert_into(r::table)
        .values((
            r::id.eq(id),
            r::token_id.eq(token),
            r::revoked_seq.eq(recorded.seq),
            r::expires_at.eq(expires_at),
        ))
        .execute(recording.conn())?;
    recording.audit(&Entry {
        verb: "revoke_access",
        resource: Noun::Token,
        id: &token.to_string(),
        area: None,
        before: None,
        after: None,
    })?;
    Ok(())
}

/// Returns whether an access token was revoked.
///
/// # Errors
/// Returns an error if the database fails.
pub fn is_access_revoked(conn: &mut AnyConnection, id: AccessTokenId) -> QueryResult<bool> {
    use revoked_access_tokens as r;
    diesel::select(diesel::dsl::exists(r::table.find(id))).get_result(conn)
}

/// Returns whether a token's secret was replaced, or an access token revoked, after `seq`.
///
/// # Errors
/// Returns an error if the database fails.
pub fn access_ended_after(conn: &mut AnyConnection, seq: i64) -> QueryResult<bool> {
    use revoked_access_tokens as r;
    let rotated = diesel::dsl::exists(tokens::table.filter(tokens::secret_seq.gt(seq.max(0))));
    let given_up = diesel::dsl::exists(r::table.filter(r::revoked_seq.gt(seq)));
    diesel::select(rotated.or(given_up)).get_result(conn)
}

/// Records that the token was used.
///
/// # Errors
/// Returns an error if the database fails.
pub fn touch(conn: &mut AnyConnection, id: TokenId, at: UtcTime) -> QueryResult<()> {
    diesel::update(tokens::table.find(id))
        .set(tokens::last_used_at.eq(at))
        .execute(conn)
        .map(drop)
}
