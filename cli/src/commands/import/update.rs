//! A whole edition of the national list: what is new, named otherwise, moved or gone since the register's.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use chrono::NaiveDate;
use qiaojian_api::why_refused;
use qiaojian_shared::domain::Violation;
use qiaojian_shared::domain::area::update::{Listed, Step};
use qiaojian_shared::ids::AreaId;
use qiaojian_shared::store::areas::{self, AreaVersion, Edition, ReadyStep};
use qiaojian_shared::store::{Actor, Recording, StoreError, Subtree};

use super::{Row, refuse_bad_rows};
use crate::settings::Parts;
use crate::terminal::{error, progress, say};

/// Steps in one write transaction, so that none lasts 250 ms.
const CHUNK: usize = 20;

/// Brings the register to the list, from `on` where a row says no other day; or says what would be done. Every step is tried before the
/// first one is taken.
pub async fn run(
    parts: &Parts,
    file: &Path,
    rows: Vec<Row>,
    (on, dry_run): (NaiveDate, bool),
) -> anyhow::Result<()> {
    // Whoever moves may be in the register and not in the file, so only the file's own rows are looked at.
    refuse_bad_rows(&rows, &HashMap::new())?;
    let listed: Vec<Listed> = rows.into_iter().map(|(_, row)| row).collect();
    let listed = Arc::new(listed);
    let asked = Arc::clone(&listed);
    let known = parts
        .db
        .read_slow(move |conn| areas::registered_of(conn, &Subtree::everything(), &asked))
        .await?;
    let work = Work::new(parts, file, on, &listed, &known);
    let known = known.iter().map(|area| (area.code.as_str(), area)).collect();
    let refused = work.try_all(parts).await?;
    for step in work.steps.iter() {
        say(told(&step.dated.step, &known));
    }
    let summary = summary(&work.steps);
    refused.iter().for_each(error);
    anyhow::ensure!(
        refused.is_empty(),
        "{} of {} steps cannot be taken; nothing was written ({summary})",
        refused.len(),
        work.steps.len()
    );
    if dry_run {
        say(format!("would take {} steps: {summary}", work.steps.len()));
        return Ok(());
    }
    work.take_all(parts).await?;
    say(format!("took {} steps: {summary}", work.steps.len()));
    Ok(())
}

struct Work {
    steps: Arc<[ReadyStep]>,
}

impl Work {
    fn new(parts: &Parts, file: &Path, on: NaiveDate, listed: &[Listed], known: &[AreaVersion]) -> Self {
        let edition = Edition {
            on,
            reason: format!(
                "区划代码更新：{}",
                file.file_name().unwrap_or_default().to_string_lossy()
            ),
            today: parts.clock.today(),
        };
        let new_id = || AreaId::generate(parts.clock.as_ref(), parts.entropy.as_ref());
        Self {
            steps: edition.steps(listed, known, new_id).into(),
        }
    }

    /// Tries every step. Gives what was refused, in sentences.
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
                .context("the update was cut short; run it again to finish it")?;
            bar.inc(count);
        }
        bar.finish_and_clear();
        Ok(())
    }
}

fn refusal(step: &ReadyStep, violations: &[Violation]) -> String {
    let why: Vec<&str> = violations.iter().map(|violation| &*violation.en).collect();
    format!("{}: {}", told(&step.dated.step, &HashMap::new()), why.join(" "))
}

/// A step as a line, with the names of the register.
fn told(step: &Step, known: &HashMap<&str, &AreaVersion>) -> String {
    let name = |code: &str| {
        known
            .get(code)
            .map_or(String::new(), |area| format!(" {}", area.name))
    };
    match step {
        Step::Add { code, came_out_of } if came_out_of.is_empty() => format!("add {code}"),
        Step::Add { code, came_out_of } => format!("add {code}, out of {}", came_out_of.join(", ")),
        Step::Rename {
            code,
            name: to,
            new_code,
        } => {
            let to = [to.as_deref(), new_code.as_deref()];
            let to: Vec<&str> = to.into_iter().flatten().collect();
            format!("rename {code}{} to {}", name(code), to.join(" "))
        }
        Step::Rekind { code, kind } => format!("rekind {code}{} to {kind}", name(code)),
        Step::Move { code, parent } => format!("move {code}{} under {parent}", name(code)),
        Step::Merge { code, into } => format!("merge {code}{} into {into}", name(code)),
        Step::Close { code } => format!("close {code}{}", name(code)),
    }
}

fn summary(steps: &[ReadyStep]) -> String {
    let count = |of: fn(&Step) -> bool| steps.iter().filter(|step| of(&step.dated.step)).count();
    format!(
        "{} added, {} renamed, {} of another kind, {} moved, {} merged, {} closed",
        count(|step| matches!(step, Step::Add { .. })),
        count(|step| matches!(step, Step::Rename { .. })),
        count(|step| matches!(step, Step::Rekind { .. })),
        count(|step| matches!(step, Step::Move { .. })),
        count(|step| matches!(step, Step::Merge { .. })),
        count(|step| matches!(step, Step::Close { .. })),
    )
}
