//! A token in JSON. Its secret appears only in the reply that created it.

use qiaojian_domain::Noun;
use qiaojian_domain::access::{Post, Role};
use qiaojian_domain::clock::UtcTime;
use qiaojian_domain::ids::TokenId;
use qiaojian_domain::token::TokenStatus;
use qiaojian_store::Subtree;
use qiaojian_store::db::AnyConnection;
use qiaojian_store::tokens::{self, TokenInArea};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::problem::ApiError;

/// The current status of a token. Whether it has expired depends on the time.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ShownStatus {
    Enrolling,
    Active,
    Expired,
    Revoked,
}

/// A token, without its secret.
#[derive(Debug, Serialize, ToSchema)]
pub struct Token {
    /// Also its `client_id`.
    pub id: TokenId,
    pub version: i64,
    pub label: String,
    /// The code of the area it is bound to.
    pub area: String,
    pub post: Post,
    pub role: Role,
    pub scopes: Vec<String>,
    pub status: ShownStatus,
    pub expires_at: UtcTime,
    pub revoked_at: Option<UtcTime>,
    /// When an access token was last issued for it.
    pub last_used_at: Option<UtcTime>,
    /// The token that issued it, if the caller may see that token.
    pub created_by: Option<TokenId>,
    pub created_at: UtcTime,
    pub updated_at: UtcTime,
}

/// A token with its secret, which is shown once.
#[derive(Debug, Serialize, ToSchema)]
pub struct TokenWithSecret {
    pub client_id: TokenId,
    /// Shown only here; only its hash is stored.
    pub client_secret: String,
    #[serde(flatten)]
    pub token: Token,
}

/// The input for a token.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"label": "禹会区侨联", "area": "340304", "role": "reader"}))]
pub struct TokenInput {
    /// Its purpose. Never a person's name.
    #[schema(example = "禹会区侨联 1 号手机", max_length = 100)]
    pub label: String,
    /// The code of the area it is bound to.
    pub area: String,
    /// Defaults to `federation`.
    #[serde(default)]
    pub post: Option<Post>,
    pub role: Role,
    /// Defaults to the scopes of the role; never more than those of the role and of the issuer.
    #[serde(default)]
    pub scopes: Option<Vec<qiaojian_domain::access::Scope>>,
    /// 1 to 730, and no longer than the lifetime of the issuer's token. Defaults to 90 days, or to the lifetime of the
    /// issuer's token if that is shorter.
    #[serde(default)]
    pub expires_in_days: Option<i64>,
}

impl Token {
    /// Converts rows to tokens at the time `now`. Issuers outside `visible` are omitted.
    pub fn all(
        conn: &mut AnyConnection,
        visible: &Subtree,
        found: &[TokenInArea],
        now: UtcTime,
    ) -> Result<Vec<Self>, ApiError> {
        let creators: Vec<TokenId> = found.iter().filter_map(|one| one.token.created_by).collect();
        let seen = tokens::among(conn, visible, &creators)?;
        let tell = |one: &TokenInArea| Self {
            created_by: one.token.created_by.filter(|creator| seen.contains(creator)),
            ..Self::of(one, now)
        };
        Ok(found.iter().map(tell).collect())
    }

    /// Converts one row in the same way.
    pub fn one(
        conn: &mut AnyConnection,
        visible: &Subtree,
        found: &TokenInArea,
        now: UtcTime,
    ) -> Result<Self, ApiError> {
        let mut all = Self::all(conn, visible, std::slice::from_ref(found), now)?;
        all.pop().ok_or_else(|| ApiError::not_found(Noun::Token))
    }

    fn of(found: &TokenInArea, now: UtcTime) -> Self {
        let row = &found.token;
        Self {
            id: row.id,
            version: row.version,
            label: row.label.clone(),
            area: found.area_code.clone(),
            post: row.post,
            role: row.role,
            scopes: row.scopes.split(' ').map(str::to_owned).collect(),
            status: match row.status {
                TokenStatus::Revoked => ShownStatus::Revoked,
                _ if row.expires_at <= now => ShownStatus::Expired,
                TokenStatus::Active => ShownStatus::Active,
                TokenStatus::Enrolling => ShownStatus::Enrolling,
            },
            expires_at: row.expires_at,
            revoked_at: row.revoked_at,
            last_used_at: row.last_used_at,
            created_by: row.created_by,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}
