//! A whole edition of the national list: what is new, named otherwise, moved or gone since the register's.

use std::collections::HashMap;
use std::path::Path;

use anyhow::Context as _;
use chrono::NaiveDate;
use qiaojian_shared::db::{DbError, WriteError};
use qiaojian_shared::domain::area::update::{DatedStep, Listed, Registered, Step, steps};
use qiaojian_shared::ids::AreaId;
use qiaojian_shared::store::areas::{self, AreaVersion, Turn};
use qiaojian_shared::store::{Actor, Recording, StoreError};

use super::refuse_bad_rows;
use crate::csv_file::Line;
use crate::demo::AreaRow;
use crate::settings::Parts;
use crate::terminal::{error, progress, say};

/// Steps in one write transaction, so that none lasts 250 ms.
const CHUNK: usize = 20;

/// Brings the register to the list, from `on` where a row says no other day; or says what would be done. Every step is tried before the
/// first one is taken.
pub async fn run(
    parts: &Parts,
    file: &Path,
    lines: Vec<Line<AreaRow>>,
    known: HashMap<String, AreaVersion>,
    (on, dry_run): (NaiveDate, bool),
) -> anyhow::Result<()> {
    // Whoever moves may be in the register and not in the file, so only the file's own rows are looked at.
    refuse_bad_rows(&lines, &HashMap::new())?;
    let listed: Vec<Listed> = lines.into_iter().map(|line| line.row.listed()).collect();
    let registered: Vec<Registered> = known.values().map(registered).collect();
    let work = Work::new(parts, file, on, steps(&listed, &registered), listed);
    let refused = work.try_all(parts).await?;
    for step in &work.steps {
        say(told(&step.taken.step, &known));
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

fn registered(area: &AreaVersion) -> Registered {
    Registered {
        code: area.code.clone(),
        level: area.level,
        parent: area.ancestor_codes().last().map(|code| (*code).to_owned()),
        name: area.name.clone(),
        kind: area.kind,
    }
}

/// A step, with what it needs.
#[derive(Clone)]
struct Ready {
    taken: DatedStep,
    row: Option<Listed>,
    id: AreaId,
    turn: Turn,
}

struct Work {
    steps: Vec<Ready>,
}

/// How trying ended: it always ends with nothing written.
enum Tried {
    Db(DbError),
    Refused(Vec<String>),
}

impl From<DbError> for Tried {
    fn from(error: DbError) -> Self {
        Self::Db(error)
    }
}

impl WriteError for Tried {
    fn db_error(&self) -> Option<&DbError> {
        match self {
            Self::Db(error) => Some(error),
            Self::Refused(_) => None,
        }
    }
}

impl Work {
    fn new(parts: &Parts, file: &Path, on: NaiveDate, steps: Vec<DatedStep>, listed: Vec<Listed>) -> Self {
        let rows: HashMap<String, Listed> = listed.into_iter().map(|row| (row.code.clone(), row)).collect();
        let file = file.file_name().unwrap_or_default().to_string_lossy();
        let today = parts.clock.today();
        let ready = |taken: DatedStep| Ready {
            row: rows.get(taken.step.code()).cloned(),
            id: AreaId::generate(parts.clock.as_ref(), parts.entropy.as_ref()),
            turn: Turn {
                on: taken.on.unwrap_or(on),
                reason: format!("区划代码更新：{file}"),
                expected: None,
                today,
            },
            taken,
        };
        Self {
            steps: steps.into_iter().map(ready).collect(),
        }
    }

    /// Takes every step in one transaction and takes all of it back. Gives what was refused.
    async fn try_all(&self, parts: &Parts) -> anyhow::Result<Vec<String>> {
        let steps = self.steps.clone();
        let tried = parts
            .db
            .write(move |tx| {
                let actor = Actor::system("import areas");
                let mut refused = Vec::new();
                for step in &steps {
                    let mut recording = Recording::begin(tx, &actor).map_err(DbError::from)?;
                    match take(&mut recording, step) {
                        Ok(()) => {}
                        Err(StoreError::Db(error)) => return Err(Tried::Db(error)),
                        Err(error) => refused.push(refusal(step, &error)),
                    }
                }
                Err::<(), _>(Tried::Refused(refused))
            })
            .await;
        match tried {
            Ok(()) => Ok(Vec::new()),
            Err(Tried::Refused(refused)) => Ok(refused),
            Err(Tried::Db(error)) => Err(error.into()),
        }
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
                    for step in &chunk {
                        let mut recording = Recording::begin(tx, &actor)?;
                        take(&mut recording, step)?;
                    }
                    Ok::<_, StoreError>(())
                })
                .await
                .context("the update was cut short; run it again to finish it")?;
            bar.inc(count);
        }
        bar.finish_and_clear();
        Ok(())
    }
}

fn take(recording: &mut Recording<'_, '_>, step: &Ready) -> Result<(), StoreError> {
    areas::take_step(
        recording,
        &step.taken.step,
        (step.row.as_ref(), step.id),
        &step.turn,
    )
}

fn refusal(step: &Ready, error: &StoreError) -> String {
    let why = match error {
        StoreError::Invalid(violations) => violations
            .iter()
            .map(|violation| violation.en.as_ref())
            .collect::<Vec<_>>()
            .join(" "),
        StoreError::Conflict(code) => qiaojian_api::conflict_text(code).1.to_owned(),
        other => other.to_string(),
    };
    format!("{}: {why}", told(&step.taken.step, &HashMap::new()))
}

/// A step as a line, with the names of the register.
fn told(step: &Step, known: &HashMap<String, AreaVersion>) -> String {
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

fn summary(steps: &[Ready]) -> String {
    let count = |of: fn(&Step) -> bool| steps.iter().filter(|step| of(&step.taken.step)).count();
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
