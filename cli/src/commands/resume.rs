//! `qiaojian resume`

use qiaojian_store::guard;

use crate::args::{Resume, Settings};
use crate::settings::Schema;
use crate::terminal::say;

/// Records that a person has checked the state, and records the database's current position.
pub async fn run(settings: &Settings, resume: &Resume) -> anyhow::Result<()> {
    settings.refuse_missing_database()?;
    settings.make_data_dir()?;
    settings.refuse_read_only()?;
    let parts = settings.parts(Schema::Present).await?;
    let mark = settings.comparing().mark.unwrap_or_default();
    guard::resume(&parts.db, &mark, &resume.reason).await?;
    say("All work continues; running processes notice it within seconds.");
    Ok(())
}
