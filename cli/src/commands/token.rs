//! `qiaojian token`

use crate::args::{Settings, Token, TokenWhat};
use crate::credentials::{Order, issue};
use crate::settings::Schema;
use crate::terminal::say;

/// Issues credentials and shows them once.
pub async fn run(settings: &Settings, token: &Token) -> anyhow::Result<()> {
    let TokenWhat::Create {
        area,
        role,
        post,
        scopes,
        expires_in,
        label,
        json,
    } = &token.what;
    let parts = settings.parts(Schema::Present).await?;
    let order = Order {
        area: area.clone(),
        post: *post,
        role: *role,
        scopes: if scopes.is_empty() {
            role.scopes()
        } else {
            scopes.iter().copied().collect()
        },
        days: *expires_in,
        label: label.clone(),
    };
    let credentials = issue(&parts, order).await?;
    if *json {
        say(serde_json::to_string(&credentials)?);
    } else {
        say(format!("client_id      {}", credentials.client_id));
        say(format!("client_secret  {}", credentials.client_secret));
        say(format!("expires_at     {}", credentials.expires_at));
        say("The secret is not shown again.");
    }
    Ok(())
}
