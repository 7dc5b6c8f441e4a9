//! `qiaojian migrate`

use qiaojian_shared::db::{latest_version, run_migrations};

use crate::args::Settings;
use crate::terminal::say;

/// Brings the schema up to date and says what was done.
pub fn run(settings: &Settings) -> anyhow::Result<()> {
    let ran = run_migrations(&settings.database()?)?;
    for version in &ran {
        say(format!("ran {version}"));
    }
    say(format!("the schema is at {}", latest_version()));
    Ok(())
}
