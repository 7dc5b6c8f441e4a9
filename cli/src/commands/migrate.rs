//! `qiaojian migrate`

use anyhow::Context as _;
use qiaojian_store::db::{OpenError, latest_version, refresh_statistics, run_migrations};

use crate::args::Settings;
use crate::terminal::say;

/// Migrates the schema to the current version and reports what was done.
pub async fn run(settings: &Settings) -> anyhow::Result<()> {
    settings.refuse_lost_database()?;
    let url = settings.database()?;
    let ran = tokio::task::spawn_blocking(move || {
        let ran = run_migrations(&url)?;
        refresh_statistics(&url);
        Ok::<_, OpenError>(ran)
    })
    .await
    .context("the migration was interrupted")??;
    for version in &ran {
        say(format!("ran {version}"));
    }
    say(format!("the schema is at {}", latest_version()));
    Ok(())
}
