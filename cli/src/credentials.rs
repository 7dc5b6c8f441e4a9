//! Tokens issued at the terminal, and the credentials file of the first admin.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use chrono::TimeDelta;
use qiaojian_domain::Noun;
use qiaojian_domain::access::{Post, Role, Scope};
use qiaojian_domain::clock::UtcTime;
use qiaojian_domain::ids::TokenId;
use qiaojian_store::db::DbError;
use qiaojian_store::secrets::{hash_secret, new_secret};
use qiaojian_store::tokens::{self, NewToken};
use qiaojian_store::{Actor, Recording, StoreError, Subtree, areas};
use serde::{Deserialize, Serialize};

use crate::files::{Replace, write_private};
use crate::settings::Parts;

/// The prefix of every client secret, by which a leaked one can be recognised.
const SECRET_PREFIX: &str = "qjs_";
/// Lifetime of the first admin's credentials, in days.
const ADMIN_DAYS: i64 = 730;

/// The options of a token to be issued.
pub struct Order {
    pub area: String,
    pub post: Post,
    pub role: Role,
    pub scopes: BTreeSet<Scope>,
    pub days: i64,
    pub label: String,
}

/// The credentials of a client, which are shown once.
#[derive(Debug, Serialize)]
pub struct Credentials {
    pub client_id: TokenId,
    pub client_secret: String,
    pub expires_at: UtcTime,
}

impl Credentials {
    fn generate(parts: &Parts, days: i64) -> Self {
        Self {
            client_id: TokenId::generate(parts.clock.as_ref(), parts.entropy.as_ref()),
            client_secret: new_secret(SECRET_PREFIX, parts.entropy.as_ref()),
            expires_at: parts.clock.now().plus(TimeDelta::days(days)),
        }
    }
}

/// Issues a token.
pub async fn issue(parts: &Parts, order: Order) -> anyhow::Result<Credentials> {
    let beyond: Vec<_> = order
        .scopes
        .difference(&order.role.scopes())
        .map(|scope| scope.as_str())
        .collect();
    anyhow::ensure!(
        beyond.is_empty(),
        "the role {} does not have the scopes {}",
        order.role,
        beyond.join(", ")
    );
    let credentials = Credentials::generate(parts, order.days);
    let area = order.area.clone();
    record(parts, order, &credentials)
        .await
        .map_err(|error| match error {
            StoreError::NotFound(Noun::Area) => {
                anyhow::anyhow!("there is no area {area}; load areas first (`qiaojian import areas FILE`)")
            }
            other => other.into(),
        })?;
    Ok(credentials)
}

/// Records the token of these credentials.
async fn record(parts: &Parts, order: Order, credentials: &Credentials) -> Result<(), StoreError> {
    let (id, hash, expires_at) = (
        credentials.client_id,
        hash_secret(&credentials.client_secret),
        credentials.expires_at,
    );
    parts
        .db
        .write(move |tx| {
            let actor = Actor::system("command line");
            let mut recording = Recording::begin(tx, &actor)?;
            let area = areas::find(recording.conn(), &Subtree::everything(), &order.area)?;
            let new = NewToken {
                id,
                created_by: None,
                label: order.label.clone(),
                area: area.area_id,
                post: order.post,
                role: order.role,
                scopes: order.scopes.clone(),
                secret_hash: hash.clone(),
                expires_at,
            };
            tokens::issue(&mut recording, &new)
        })
        .await
}

/// Returns the path of the first admin's credentials file.
pub fn admin_file(data_dir: &Path) -> PathBuf {
    data_dir.join("admin-credentials.json")
}

/// The content of the admin's credentials file.
#[derive(Serialize, Deserialize)]
struct AdminFile {
    client_id: TokenId,
    client_secret: String,
    expires_at: UtcTime,
    token_url: String,
}

/// Returns the token whose credentials are in the file, if the file exists and is valid.
pub fn admin_in_file(path: &Path) -> Option<TokenId> {
    let text = fs::read_to_string(path).ok()?;
    let file: AdminFile = serde_json::from_str(&text).ok()?;
    Some(file.client_id)
}

/// Issues the first admin's token and writes its credentials to the file (0600). The file is written first, because a
/// token whose secret nobody has would prevent every later start from creating another.
pub async fn write_admin(parts: &Parts, path: &Path, area: &str, base: &str) -> anyhow::Result<()> {
    let order = Order {
        area: area.to_owned(),
        post: Post::Federation,
        role: Role::ProvinceAdmin,
        scopes: Role::ProvinceAdmin.scopes(),
        days: ADMIN_DAYS,
        label: "管理员（首次启动时生成）".to_owned(),
    };
    let credentials = Credentials::generate(parts, order.days);
    let text = serde_json::to_string_pretty(&AdminFile {
        client_id: credentials.client_id,
        client_secret: credentials.client_secret.clone(),
        expires_at: credentials.expires_at,
        token_url: format!("{base}/oauth/token"),
    })?;
    write_private(path, &format!("{text}\n"), Replace::Yes)
        .with_context(|| format!("cannot write {}", path.display()))?;
    let recorded = record(parts, order, &credentials).await;
    // Credentials without a token would be misleading. If it is unknown whether the token exists, they are kept.
    if let Err(error) = &recorded
        && !matches!(error, StoreError::Db(DbError::CommitUnknown))
    {
        fs::remove_file(path).with_context(|| format!("cannot remove {}", path.display()))?;
    }
    recorded?;
    Ok(())
}
