//! Issuing a token.

use std::collections::BTreeSet;

use actix_web::{HttpResponse, post, web};
use qiaojian_domain::Violation;
use qiaojian_domain::access::{Post, Scope};
use qiaojian_domain::ids::TokenId;
use qiaojian_domain::violation::{NAME_CHARS, check_line};
use qiaojian_store::secrets::{hash_secret, new_secret};
use qiaojian_store::tokens::{self, NewToken};

use super::life::Life;
use super::wire::{Token, TokenInput, TokenWithSecret};
use crate::app::App;
use crate::auth::{Caller, Principal, needs};
use crate::extract::Body;
use crate::headers::IdempotencyKey;
use crate::problem::ApiError;
use crate::wire::area_in_body;
use crate::write::{Reply, Write};

/// The prefix of every client secret, by which a leaked one can be recognised.
pub const SECRET_PREFIX: &str = "qjs_";

/// Issues a token bound to an area in the caller's subtree.
///
/// The token has no more permissions than its role or the caller, and does not outlive the caller's token. The secret
/// is shown only in this reply, and in a repetition of it under the same `Idempotency-Key`.
#[utoipa::path(
    tag = "tokens",
    security(("oauth" = ["token:admin"])),
    request_body = TokenInput,
    params(IdempotencyKey),
    responses(
        (status = 201, description = "Issued", body = TokenWithSecret),
        (status = 422, description = "A rule is violated, or the area is outside the caller's area")
    )
)]
#[post("/tokens")]
pub async fn create(
    app: web::Data<App>,
    caller: Caller<needs::TokenAdmin>,
    write: Write,
    body: Body<TokenInput>,
) -> Result<HttpResponse, ApiError> {
    let Body { value: input, digest } = body;
    let caller = caller.principal();
    let scopes = granted(&input, &caller)?;
    let mut violations = Vec::new();
    check_line(&mut violations, "/label", &input.label, NAME_CHARS);
    if !violations.is_empty() {
        return Err(ApiError::invalid(violations));
    }
    let life = Life::asked(input.expires_in_days)?;
    let id = TokenId::generate(app.clock.as_ref(), app.entropy.as_ref());
    let (secret, now) = (new_secret(SECRET_PREFIX, app.entropy.as_ref()), app.now());
    write
        .run(&app, &digest, move |recording| {
            let area = area_in_body(recording.conn(), &caller.visible, "/area", &input.area)?;
            let new = NewToken {
                id,
                created_by: Some(caller.token),
                label: input.label.clone(),
                area: area.area_id,
                post: input.post.unwrap_or(Post::Federation),
                role: input.role,
                scopes: scopes.clone(),
                secret_hash: hash_secret(&secret),
                expires_at: life.ends(recording.conn(), caller.token, now)?,
            };
            tokens::issue(recording, &new)?;
            let found = tokens::find(recording.conn(), &caller.visible, id)?;
            let shown = TokenWithSecret {
                client_id: id,
                client_secret: secret.clone(),
                token: Token::one(recording.conn(), &caller.visible, &found, now)?,
            };
            Ok(Reply::created(format!("/v1/tokens/{id}"), 1, &shown)?.secret())
        })
        .await
}

/// Returns the requested scopes, or by default those of the role that the caller holds too. Requesting more is refused.
fn granted(input: &TokenInput, caller: &Principal) -> Result<BTreeSet<Scope>, ApiError> {
    let role = input.role.scopes();
    let asked: BTreeSet<Scope> = input
        .scopes
        .as_ref()
        .map_or_else(|| role.clone(), |scopes| scopes.iter().copied().collect());
    let beyond: Vec<&str> = asked
        .iter()
        .filter(|scope| !role.contains(scope) || !caller.scopes.contains(scope))
        .map(|scope| scope.as_str())
        .collect();
    if asked.is_empty() || !beyond.is_empty() {
        let (zh, en) = if beyond.is_empty() {
            (
                "请至少授予一项权限。".to_owned(),
                "Grant at least one scope.".to_owned(),
            )
        } else {
            let list = beyond.join(", ");
            (
                format!("不能授予超出角色或本人的权限：{list}。"),
                format!("Scopes that the role or you do not have cannot be granted: {list}."),
            )
        };
        return Err(ApiError::invalid(vec![Violation::new(
            "/scopes",
            "scopes_not_grantable",
            zh,
            en,
        )]));
    }
    Ok(asked)
}
