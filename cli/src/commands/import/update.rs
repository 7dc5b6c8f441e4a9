//! Updating the register to a complete edition of the national list: new, renamed, moved and closed areas.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use chrono::NaiveDate;
use qiaojian_api::why_refused;
use qiaojian_domain::Violation;
use qiaojian_domain::area::update::{Doubt, Listed, Recoded, Step, before_vacated};
use qiaojian_domain::ids::AreaId;
use qiaojian_store::areas::{self, Agreement, Edition, Plan, ReadyStep};
use qiaojian_store::{Actor, Recording, StoreError, Subtree};

use super::{Row, refuse, refuse_bad_rows, show};
use crate::settings::Parts;
use crate::terminal::{error, progress, say};

/// Maximum number of steps per write transaction, so that none takes longer than 250 ms.
const CHUNK: usize = 20;

/// Updates the register to the list, from `on` unless a row gives another day, or reports what would be done. Every
/// step is tried before the first one is taken.
pub async fn run(
    parts: &Parts,
    file: &Path,
    rows: Vec<Row>,
    (on, dry_run, doubts): (NaiveDate, bool, usize),
) -> anyhow::Result<()> {
    // A moved area may be in the register but not in the file, so only the file's own rows are checked.
    refuse_bad_rows(&rows, &HashMap::new())?;
    let numbers: Vec<u32> = rows.iter().map(|(number, _)| *number).collect();
    let listed: Vec<Listed> = rows.into_iter().map(|(_, row)| row).collect();
    let plan = plan(parts, file, on, listed).await?;
    if let Some(cut_short) = &plan.cut_short {
        anyhow::bail!("{}", cut_short.en);
    }
    let number = |place: usize| numbers.get(place).copied().unwrap_or_default();
    let wrong: Vec<String> = plan
        .wrong
        .iter()
        .map(|(place, wrong)| format!("row {}: {}", number(*place), wrong.en))
        .collect();
    refuse(&wrong, numbers.len())?;
    let doubtful: Vec<String> = plan
        .doubts
        .iter()
        .map(|doubt| format!("row {}: {}", number(doubt.row), told_doubt(doubt)))
        .collect();
    let work = Work {
        steps: plan.steps.into(),
    };
    if let Some(Agreement { as_of, rows }) = plan.agrees_best {
        let all = numbers.len();
        tracing::info!(%as_of, rows, all, "The list matches the register best as of this day.");
    }
    let refused = work.try_all(parts).await?;
    for step in work.steps.iter() {
        if let Some(told) = told(step) {
            say(told);
        }
    }
    let steps = work.told();
    let summary = summary(&work.steps);
    refused.iter().for_each(error);
    anyhow::ensure!(
        refused.is_empty(),
        "{} of {steps} steps cannot be applied; nothing was written ({summary})",
        refused.len(),
    );
    show(&doubtful);
    if dry_run {
        say(format!("would apply {steps} steps: {summary}"));
        return Ok(());
    }
    let found = doubtful.len();
    anyhow::ensure!(
        found == doubts,
        "{found} rows look like areas that have another code in the register; nothing was written. Give that code as their predecessor, \
         or confirm with --doubts {found}"
    );
    work.take_all(parts).await?;
    say(format!("applied {steps} steps: {summary}"));
    Ok(())
}

async fn plan(parts: &Parts, file: &Path, on: NaiveDate, listed: Vec<Listed>) -> anyhow::Result<Plan> {
    let edition = Edition {
        on,
        reason: format!(
            "区划代码更新：{}",
            file.file_name().unwrap_or_default().to_string_lossy()
        ),
        today: parts.clock.today(),
    };
    let (clock, entropy) = (Arc::clone(&parts.clock), Arc::clone(&parts.entropy));
    let plan = parts.db.read_slow(move |conn| {
        let registered = areas::registered_of(conn, &Subtree::everything(), &listed)?;
        let new_id = || AreaId::generate(clock.as_ref(), entropy.as_ref());
        edition.plan(conn, &listed, &registered, new_id)
    });
    Ok(plan.await?)
}

fn told_doubt(doubt: &Doubt) -> String {
    let Doubt {
        code, name, known_as, ..
    } = doubt;
    format!("{code} {name}: the register has this name at {known_as}")
}

struct Work {
    steps: Arc<[ReadyStep]>,
}

impl Work {
    /// Returns the number of steps that are shown.
    fn told(&self) -> usize {
        self.steps.iter().filter_map(told).count()
    }

    /// Tries every step, and returns a sentence for each refusal.
    async fn try_all(&self, parts: &Parts) -> anyhow::Result<Vec<String>> {
        let refused = areas::try_steps(&parts.db, Arc::clone(&self.steps)).await?;
        let told = refused.into_iter().filter_map(|(place, error)| {
            let step = self.steps.get(place)?;
            Some(why_refused(error).map(|violations| refusal(step, &violations)))
        });
        Ok(told.collect::<Result<_, _>>()?)
    }

    async fn take_all(&self, parts: &Parts) -> anyhow::Result<()> {
        let bar = progress(u64::try_from(self.steps.len()).unwrap_or(u64::MAX), "steps");
        for chunk in self.steps.chunks(CHUNK) {
            let chunk = chunk.to_vec();
            let count = u64::try_from(chunk.len()).unwrap_or(0);
            parts
                .db
                .write(move |tx| {
                    let actor = Actor::system("import areas");
                    let mut recording = Recording::begin(tx, &actor).map_err(StoreError::from)?;
                    let refused = areas::take_steps(&mut recording, &chunk)?;
                    refused.into_iter().next().map_or(Ok(()), |(_, error)| Err(error))
                })
                .await
                .context("the update was interrupted; run it again to finish it")?;
            bar.inc(count);
        }
        bar.finish_and_clear();
        Ok(())
    }
}

fn refusal(step: &ReadyStep, violations: &[Violation]) -> String {
    let why: Vec<&str> = violations.iter().map(|violation| &*violation.en).collect();
    let about = told(step).unwrap_or_else(|| format!("change {}", before_vacated(step.dated.step.code())));
    format!("{about}: {}", why.join(" "))
}

/// Returns a step as a line, with the area's registered name; `None` for a step that only frees a code for others.
fn told(ready: &ReadyStep) -> Option<String> {
    let step = &ready.dated.step;
    let named = ready
        .dated
        .named
        .iter()
        .fold(String::new(), |_, name| format!(" {name}"));
    let code = before_vacated(step.code());
    Some(match step {
        Step::Vacate { .. } => return None,
        Step::Add { came_out_of, .. } => {
            let name = ready.row.as_ref().map_or("", |row| row.name.as_str());
            let from: Vec<&str> = came_out_of.iter().map(|code| before_vacated(code)).collect();
            if from.is_empty() {
                format!("add {code} {name}")
            } else {
                format!("add {code} {name}, out of {}", from.join(", "))
            }
        }
        Step::Rename { name, new_code, .. } => {
            let to = [name.as_deref(), new_code.as_deref()];
            let to: Vec<&str> = to.into_iter().flatten().collect();
            format!("rename {code}{named} to {}", to.join(" "))
        }
        Step::Recode { changes } => {
            let changes: Vec<String> = changes.iter().map(told_change).collect();
            format!("recode {}", changes.join(", "))
        }
        Step::Rekind { kind, .. } => format!("rekind {code}{named} to {kind}"),
        Step::Move { parent, .. } => format!("move {code}{named} under {parent}"),
        Step::Merge { into, .. } => format!("merge {code}{named} into {into}"),
        Step::Close { .. } => format!("close {code}{named}"),
    })
}

fn told_change(change: &Recoded) -> String {
    let Recoded {
        code,
        named,
        name,
        new_code,
    } = change;
    match name {
        Some(name) => format!("{code} {named} to {name} {new_code}"),
        None => format!("{code} {named} to {new_code}"),
    }
}

fn summary(steps: &[ReadyStep]) -> String {
    let recoded: usize = steps
        .iter()
        .map(|step| match &step.dated.step {
            Step::Recode { changes } => changes.len(),
            _ => 0,
        })
        .sum();
    let count = |of: fn(&Step) -> bool| steps.iter().filter(|step| of(&step.dated.step)).count();
    format!(
        "{} added, {} renamed, {} of another kind, {} moved, {} merged, {} closed",
        count(|step| matches!(step, Step::Add { .. })),
        count(|step| matches!(step, Step::Rename { .. })) + recoded,
        count(|step| matches!(step, Step::Rekind { .. })),
        count(|step| matches!(step, Step::Move { .. })),
        count(|step| matches!(step, Step::Merge { .. })),
        count(|step| matches!(step, Step::Close { .. })),
    )
}
