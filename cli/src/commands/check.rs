//! `qiaojian check`

use std::sync::Arc;

use anyhow::{anyhow, bail};
use qiaojian_store::StoreError;
use qiaojian_store::check::{Check, Report, run as run_check};
use qiaojian_store::db::snapshot;

use crate::args::{self, Settings};
use crate::settings::Parts;
use crate::terminal::{progress, say};

/// Recomputes everything from the rows and reports differences. Fails if there are any.
pub async fn run(settings: &Settings, options: &args::Check) -> anyhow::Result<()> {
    let Some(parts) = settings.parts_if_there().await? else {
        bail!("there is no database yet; `qiaojian up` or `qiaojian migrate` creates it");
    };
    let mut reports = Vec::new();
    let bar = progress(u64::try_from(Check::ALL.len()).unwrap_or(u64::MAX), "checks");
    for check in Check::ALL {
        let report = one(&parts, *check).await?;
        bar.inc(1);
        if !options.json {
            bar.suspend(|| tell(&report));
        }
        reports.push(report);
    }
    bar.finish_and_clear();
    if options.json {
        say(serde_json::to_string(&reports)?);
    }
    let differing = reports.iter().filter(|report| !report.is_clean()).count();
    if differing == 0 {
        Ok(())
    } else {
        Err(anyhow!(
            "{differing} of {} checks found differences",
            reports.len()
        ))
    }
}

/// Runs one check in its own snapshot.
async fn one(parts: &Parts, check: Check) -> Result<Report, StoreError> {
    let clock = Arc::clone(&parts.clock);
    parts
        .db
        .read_slow(move |conn| snapshot(conn, |conn| run_check(conn, check, clock.today())))
        .await
}

fn tell(report: &Report) {
    let outcome = match report.differences {
        0 => "ok".to_owned(),
        1 => "1 difference".to_owned(),
        differences => format!("{differences} differences"),
    };
    say(format!(
        "{:<15} {:>9} rows  {outcome}",
        report.check.as_str(),
        report.rows
    ));
    for difference in &report.first {
        say(format!("  {difference}"));
    }
    let told = u64::try_from(report.first.len()).unwrap_or(u64::MAX);
    if report.differences > told {
        say(format!("  and {} more", report.differences - told));
    }
}
