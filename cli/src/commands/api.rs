//! `qiaojian api`

use anyhow::Context as _;

use crate::args::Settings;
use crate::process;

/// Runs the REST service. The schema has to be there: `qiaojian migrate`.
pub async fn run(settings: &Settings) -> anyhow::Result<()> {
    let parts = settings.parts(false)?;
    let secrets = settings.secrets()?;
    let listening = qiaojian_api::listen(&settings.listen)
        .with_context(|| format!("cannot listen on {}", settings.listen))?;
    let stop = process::stop_on_signals()?;
    tracing::info!(address = %listening.address()?, "The API listens.");
    process::api(&parts, secrets, listening, stop).await
}
