//! `qiaojian api`

use tokio_util::sync::CancellationToken;

use crate::args::Settings;
use crate::settings::Schema;
use crate::{process, waiting};

/// Runs the REST service until SIGTERM or SIGINT. The schema must exist; `qiaojian migrate` creates it.
pub async fn run(settings: &Settings, stop: CancellationToken) -> anyhow::Result<()> {
    process::log_the_stop(&stop);
    let listening = process::listen(&settings.listen)?;
    // Checked before a key is created that would belong to no database.
    settings.refuse_missing_database()?;
    let secrets = settings.secrets()?;
    tracing::info!(address = %listening.address()?, "The API listens.");
    let database = settings.database()?;
    let app = waiting::ready(&database, Some(&listening), &stop, async || {
        let parts = settings.parts(Schema::Present).await?;
        process::app(&parts, &secrets, settings.comparing()).await
    })
    .await?;
    match app {
        Some(app) => process::api(app, listening, stop).await,
        None => Ok(()),
    }
}
