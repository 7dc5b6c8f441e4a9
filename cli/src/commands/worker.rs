//! `qiaojian worker`

use qiaojian_worker::Event;
use tokio_util::sync::CancellationToken;

use crate::args::Settings;
use crate::settings::Schema;
use crate::{process, waiting};

/// Runs a worker until SIGTERM or SIGINT. The schema must exist; `qiaojian migrate` creates it.
pub async fn run(settings: &Settings, stop: CancellationToken) -> anyhow::Result<()> {
    process::log_the_stop(&stop);
    let config = settings.worker()?;
    settings.refuse_missing_database()?;
    settings.make_data_dir()?;
    settings.refuse_read_only()?;
    let database = settings.database()?;
    let ready = waiting::ready(&database, None, &stop, async || {
        settings.parts(Schema::Present).await
    })
    .await?;
    let Some(parts) = ready else {
        return Ok(());
    };
    tracing::info!("The worker runs.");
    process::worker(&parts, config, log, stop).await
}

fn log(event: Event) {
    match event {
        Event::Published { period, serial, .. } => tracing::info!(%period, serial, "Published a bulletin."),
        Event::Sent {
            area_code,
            period,
            channel,
            ..
        } => {
            tracing::info!(area = area_code, %period, %channel, "Delivered a notice.");
        }
    }
}
