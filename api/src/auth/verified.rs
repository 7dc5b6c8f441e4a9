//! A cache of verified tokens, because checking a signature costs more than the query it guards.

use std::collections::HashSet;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use qiaojian_domain::access::{read_scopes, write_scopes};
use qiaojian_domain::clock::{Clock, Entropy, UtcTime};
use qiaojian_domain::ids::{AccessTokenId, TokenId};
use qiaojian_domain::token::TokenStatus;
use qiaojian_store::db::{AnyConnection, Db, snapshot};
use qiaojian_store::ledger::Position;
use qiaojian_store::secrets::SecretKey;
use qiaojian_store::tokens::TokenInArea;
use qiaojian_store::{Subtree, areas, ledger, tokens};
use quick_cache::sync::Cache;

use super::keys::{Claims, ISSUER, KeyError, Keys};
use super::{ACCESS_TOKEN_SECONDS, Principal};
use crate::problem::ApiError;

/// Maximum number of cached tokens. Each takes about half a kilobyte.
const REMEMBERED: usize = 20_000;
/// Interval at which the database is polled for revocations.
const POLL: Duration = Duration::from_millis(400);
/// Maximum age of a trusted cache. Revocations must take effect within one second.
const BELIEVED: Duration = Duration::from_millis(900);

/// Issues and verifies access tokens.
pub struct Authority {
    keys: Keys,
    remembered: Cache<Box<str>, Arc<Principal>>,
    revoked: RwLock<HashSet<TokenId>>,
    /// The ledger position up to which revocations are known.
    seen: Mutex<Option<Position>>,
    /// How often the cache was invalidated since the start, as far as is known. A moved area changes what its callers
    /// see; a new secret ends the access tokens issued for the old one.
    doubts: AtomicU64,
    /// When the database was last polled, in milliseconds since `started`.
    asked_at: AtomicI64,
    started: Instant,
}

impl Authority {
    pub(crate) async fn start(
        db: &Db,
        clock: &Arc<dyn Clock>,
        entropy: &Arc<dyn Entropy>,
        secrets: &SecretKey,
    ) -> Result<Self, KeyError> {
        let keys = Keys::load(db, clock.as_ref(), entropy.as_ref(), secrets).await?;
        Ok(Self {
            keys,
            remembered: Cache::new(REMEMBERED),
            revoked: RwLock::default(),
            seen: Mutex::default(),
            doubts: AtomicU64::default(),
            asked_at: AtomicI64::new(i64::MIN),
            started: Instant::now(),
        })
    }

    /// Issues an access token for the holder of `token`, with at most `scopes`.
    pub(crate) fn issue(
        &self,
        holder: &TokenInArea,
        scopes: &std::collections::BTreeSet<qiaojian_domain::access::Scope>,
        now: UtcTime,
        jti: uuid::Uuid,
    ) -> Result<String, ApiError> {
        let claims = Claims {
            iss: ISSUER.to_owned(),
            sub: holder.token.id.to_string(),
            area: holder.area_code.clone(),
            post: holder.token.post.to_string(),
            scope: write_scopes(scopes),
            iat: now.unix_seconds(),
            exp: (now.unix_seconds() + ACCESS_TOKEN_SECONDS).min(holder.token.expires_at.unix_seconds()),
            jti: jti.to_string(),
            secret_seq: holder.token.secret_seq,
        };
        self.keys
            .sign(&claims)
            .map_err(|error| ApiError::internal(&error))
    }

    /// Returns the caller that a bearer token belongs to.
    pub(crate) async fn principal(
        &self,
        db: &Db,
        now: UtcTime,
        bearer: &str,
    ) -> Result<Arc<Principal>, ApiError> {
        if let Some(principal) = self.remembered.get(bearer)
            && self.believes_memory()
        {
            if principal.expires_at <= now {
                return Err(ApiError::token_expired());
            }
            return if self.is_revoked(principal.token) {
                Err(ApiError::token_revoked())
            } else {
                Ok(principal)
            };
        }
        let claims = self.keys.verify(bearer).ok_or_else(ApiError::token_unknown)?;
        let expires_at = UtcTime::from_micros(claims.exp.saturating_mul(1_000_000));
        if expires_at <= now {
            return Err(ApiError::token_expired());
        }
        let id: TokenId = claims.sub.parse().map_err(|_| ApiError::token_unknown())?;
        let access: AccessTokenId = claims.jti.parse().map_err(|_| ApiError::token_unknown())?;
        // Recorded before the row is read, so that a concurrent change makes the cache entry stale, never falsely
        // fresh.
        let doubts_before = self.doubts.load(Ordering::Acquire);
        let holder = db
            .read(move |conn| {
                if tokens::is_access_revoked(conn, access)? {
                    return Err(ApiError::token_revoked());
                }
                Ok(tokens::by_id(conn, id)?)
            })
            .await?;
        let principal = Arc::new(principal_of(
            holder.ok_or_else(ApiError::token_unknown)?,
            &claims,
            expires_at,
            now,
        )?);
        if self.doubts.load(Ordering::Acquire) == doubts_before {
            self.remembered.insert(bearer.into(), Arc::clone(&principal));
        }
        Ok(principal)
    }

    /// Revokes a token in this process immediately. Other processes honour it within a second.
    pub(crate) fn revoke(&self, token: TokenId) {
        self.revoked
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(token);
    }

    /// Clears the cache, so that this process immediately refuses an access token that has just ended. Other processes
    /// refuse it within a second.
    pub(crate) fn forget_access(&self) {
        self.doubts.fetch_add(1, Ordering::AcqRel);
        self.remembered.clear();
    }

    /// Returns the client, the id and the expiry of an access token, or `None` if it was not signed here.
    pub(crate) fn read_access(&self, bearer: &str) -> Option<(TokenId, AccessTokenId, UtcTime)> {
        let claims = self.keys.verify(bearer)?;
        let ends = UtcTime::from_micros(claims.exp.saturating_mul(1_000_000));
        Some((claims.sub.parse().ok()?, claims.jti.parse().ok()?, ends))
    }

    /// Returns the public keys.
    pub(crate) fn jwks(&self) -> serde_json::Value {
        self.keys.jwks()
    }

    fn is_revoked(&self, token: TokenId) -> bool {
        self.revoked
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .contains(&token)
    }

    fn believes_memory(&self) -> bool {
        let asked_at = self.asked_at.load(Ordering::Acquire);
        let believed = i64::try_from(BELIEVED.as_millis()).unwrap_or(0);
        asked_at != i64::MIN && self.millis() - asked_at < believed
    }

    fn millis(&self) -> i64 {
        i64::try_from(self.started.elapsed().as_millis()).unwrap_or(i64::MAX)
    }

    /// Polls the database for revocations and tree changes until the future is dropped.
    pub(crate) async fn watch(&self, db: &Db) {
        let mut ticks = tokio::time::interval(POLL);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let asked_at = self.millis();
            let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let asked = db.read(move |conn| snapshot(conn, |conn| Changes::since(conn, seen.as_ref())));
            match asked.await {
                Ok(changes) => {
                    self.learn(changes);
                    self.asked_at.store(asked_at, Ordering::Release);
                }
                // The cache is no longer trusted after BELIEVED; each request then queries the database itself.
                Err(error) => {
                    tracing::warn!(%error, "Cannot query which tokens were revoked; reading the token of each request until this works…");
                }
            }
        }
    }

    fn learn(&self, changes: Changes) {
        let mut known = self.revoked.write().unwrap_or_else(PoisonError::into_inner);
        if changes.is_anew {
            // Revocations in commits that were lost no longer apply.
            known.clear();
        }
        known.extend(changes.revoked);
        drop(known);
        if changes.is_anew || changes.tree || changes.access {
            self.forget_access();
        }
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(changes.here);
    }
}

/// Changes in the ledger since a known position.
struct Changes {
    here: Position,
    /// Whether no earlier position is known: at the start, and when the ledger was rolled back and no longer has that
    /// position.
    is_anew: bool,
    revoked: Vec<TokenId>,
    /// Whether the tree changed.
    tree: bool,
    /// Whether access tokens ended before they expired.
    access: bool,
}

impl Changes {
    /// Run it in one snapshot.
    fn since(conn: &mut AnyConnection, seen: Option<&Position>) -> Result<Self, ApiError> {
        let here = ledger::position(conn)?;
        let since = match seen {
            Some(seen) if *seen == here || seen.is_current(conn)? => Some(seen.seq),
            _ => None,
        };
        let seq = since.unwrap_or(-1);
        let is_new = seq < here.seq;
        Ok(Self {
            is_anew: since.is_none(),
            revoked: if is_new {
                tokens::revoked_after(conn, seq)?
            } else {
                Vec::new()
            },
            access: is_new && tokens::access_ended_after(conn, seq)?,
            tree: is_new && areas::last_change(conn)? > seq,
            here,
        })
    }
}

fn principal_of(
    holder: TokenInArea,
    claims: &Claims,
    expires_at: UtcTime,
    now: UtcTime,
) -> Result<Principal, ApiError> {
    if holder.token.status == TokenStatus::Revoked || claims.secret_seq < holder.token.secret_seq {
        return Err(ApiError::token_revoked());
    }
    if holder.token.expires_at <= now {
        return Err(ApiError::token_expired());
    }
    let granted = read_scopes(&claims.scope).map_err(|_| ApiError::token_unknown())?;
    let held = read_scopes(&holder.token.scopes).map_err(|error| ApiError::internal(&error))?;
    Ok(Principal {
        token: holder.token.id,
        area: holder.token.area_id,
        visible: Subtree::rooted_at(&holder.area_path),
        area_code: holder.area_code,
        post: holder.token.post,
        scopes: granted.intersection(&held).copied().collect(),
        expires_at,
    })
}
