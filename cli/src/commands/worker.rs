//! `qiaojian worker`

use qiaojian_worker::Event;

use crate::args::Settings;
use crate::process;

/// Runs a worker. The schema has to be there: `qiaojian migrate`.
pub async fn run(settings: &Settings) -> anyhow::Result<()> {
    let parts = settings.parts(false)?;
    let stop = process::stop_on_signals()?;
    tracing::info!("The worker runs.");
    process::worker(&parts, settings.worker()?, log, stop).await
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
