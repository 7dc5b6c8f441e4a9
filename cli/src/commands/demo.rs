//! `qiaojian demo`

use std::collections::HashMap;

use indicatif::ProgressBar;

use crate::args::Settings;
use crate::demo::{Loaded, Part, Progress, load};
use crate::settings::{Parts, Schema};
use crate::terminal::{progress, say};

/// Loads the demo campaign.
pub async fn run(settings: &Settings) -> anyhow::Result<()> {
    let parts = settings.parts(Schema::Migrated).await?;
    say(match load_with_bars(&parts).await? {
        Loaded::Now => "the demo campaign is loaded",
        Loaded::Before => "the demo campaign was loaded before; nothing was added",
    });
    Ok(())
}

/// Loads the demo, with a progress bar for each part if stderr is a terminal.
pub async fn load_with_bars(parts: &Parts) -> anyhow::Result<Loaded> {
    let mut bars: HashMap<&'static str, ProgressBar> = HashMap::new();
    let loaded = load(
        &parts.db,
        parts.clock.as_ref(),
        parts.entropy.as_ref(),
        |at: Progress| {
            let name = match at.part {
                Part::Areas => "areas",
                Part::Organizations => "organizations",
                Part::Tasks => "tasks",
                Part::Records => "records",
            };
            let total = u64::try_from(at.total).unwrap_or(u64::MAX);
            let bar = bars.entry(name).or_insert_with(|| progress(total, name));
            bar.set_length(total);
            bar.set_position(u64::try_from(at.done).unwrap_or(u64::MAX));
        },
    )
    .await?;
    bars.values().for_each(ProgressBar::finish_and_clear);
    Ok(loaded)
}
