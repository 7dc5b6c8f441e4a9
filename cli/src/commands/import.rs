//! `qiaojian import areas`

use std::collections::{HashMap, HashSet};

use anyhow::Context as _;
use chrono::NaiveDate;
use qiaojian_shared::clock::{Clock, Entropy};
use qiaojian_shared::domain::area::{AreaKind, Level};
use qiaojian_shared::domain::violation::NAME_CHARS;
use qiaojian_shared::ids::AreaId;
use qiaojian_shared::store::areas::{self, AreaVersion, Filter, NewArea};
use qiaojian_shared::store::{Actor, Recording, StoreError, Subtree};

use crate::args::{Import, ImportWhat, Settings};
use crate::csv_file;
use crate::demo::AreaRow;
use crate::settings::Parts;
use crate::terminal::{error, progress, say};

/// Rows in one write transaction, so that none lasts 250 ms.
const CHUNK: usize = 150;
/// Bad rows shown at most; the rest is counted.
const SHOWN: usize = 20;
/// From when on imported areas are valid: before anything that is recorded.
const BEGINNING: Option<NaiveDate> = NaiveDate::from_ymd_opt(1949, 10, 1);

/// Loads areas from a CSV file, or says what would be loaded.
pub async fn run(settings: &Settings, import: &Import) -> anyhow::Result<()> {
    let ImportWhat::Areas { file, dry_run } = &import.what;
    let rows = csv_file::read(file, &AreaRow::COLUMNS)?;
    let parts = settings.parts(true)?;
    let known = known_areas(&parts).await?;
    let problems = check(&rows, &known);
    if !problems.is_empty() {
        problems.iter().take(SHOWN).for_each(error);
        anyhow::bail!(
            "{} of {} rows cannot be loaded; nothing was written",
            problems.len(),
            rows.len()
        );
    }
    let new: Vec<AreaRow> = rows
        .into_iter()
        .filter(|row| !known.contains_key(&row.code))
        .collect();
    if *dry_run {
        say(format!(
            "would add {} areas; {} are there already",
            new.len(),
            known.len()
        ));
        return Ok(());
    }
    let total = new.len();
    write(&parts, new, known).await?;
    say(format!("added {total} areas"));
    Ok(())
}

async fn known_areas(parts: &Parts) -> anyhow::Result<HashMap<String, AreaVersion>> {
    let rows = parts
        .db
        .read_slow(|conn| {
            let every_kind = Filter {
                kinds: AreaKind::ALL.to_vec(),
                ..Filter::default()
            };
            areas::list(conn, &Subtree::everything(), &every_kind, None, i64::MAX).map_err(StoreError::from)
        })
        .await?;
    Ok(rows.into_iter().map(|area| (area.code.clone(), area)).collect())
}

/// Everything that is wrong with the file, each with its row.
fn check(rows: &[AreaRow], known: &HashMap<String, AreaVersion>) -> Vec<String> {
    let levels: HashMap<&str, Level> = rows
        .iter()
        .map(|row| (row.code.as_str(), row.level))
        .chain(known.values().map(|area| (area.code.as_str(), area.level)))
        .collect();
    let mut seen = HashSet::new();
    let problem = |row: &AreaRow| -> Option<String> {
        if Level::of_code(&row.code) != Some(row.level) {
            return Some(format!("the code does not fit the level {}", row.level));
        }
        if row.name.trim().is_empty() || row.name.chars().count() > NAME_CHARS {
            return Some(format!("the name must have 1 to {NAME_CHARS} characters"));
        }
        match (&row.parent, row.level) {
            (None, Level::Province) => None,
            (None, _) => Some("the parent is missing".to_owned()),
            (Some(parent), level) => match levels.get(parent.as_str()) {
                None => Some(format!("there is no parent {parent} in the file or the register")),
                Some(above) if !level.may_stand_under(*above) => {
                    Some(format!("a {level} cannot stand under a {above}"))
                }
                Some(_) => None,
            },
        }
    };
    rows.iter()
        .enumerate()
        .filter_map(|(index, row)| {
            let what = if seen.insert(row.code.as_str()) {
                problem(row)
            } else {
                Some("the code stands there twice".to_owned())
            };
            what.map(|what| format!("row {}: {}: {what}", index + 2, row.code))
        })
        .collect()
}

/// Writes level by level, so that each area finds its parent.
async fn write(
    parts: &Parts,
    mut rows: Vec<AreaRow>,
    mut known: HashMap<String, AreaVersion>,
) -> anyhow::Result<()> {
    rows.sort_by(|one, other| (one.level, &one.code).cmp(&(other.level, &other.code)));
    let bar = progress(u64::try_from(rows.len()).unwrap_or(u64::MAX), "areas");
    for of_level in rows.chunk_by(|one, next| one.level == next.level) {
        for chunk in of_level.chunks(CHUNK) {
            let new = chunk
                .iter()
                .map(|row| new_area(row, &known, parts.clock.as_ref(), parts.entropy.as_ref()))
                .collect::<anyhow::Result<Vec<_>>>()?;
            let added = parts
                .db
                .write(move |tx| {
                    let actor = Actor::system("import areas");
                    let mut recording = Recording::begin(tx, &actor)?;
                    new.iter()
                        .map(|area| areas::create(&mut recording, area))
                        .collect::<Result<Vec<_>, StoreError>>()
                })
                .await?;
            bar.inc(u64::try_from(added.len()).unwrap_or(0));
            known.extend(added.into_iter().map(|area| (area.code.clone(), area)));
        }
    }
    bar.finish_and_clear();
    Ok(())
}

fn new_area(
    row: &AreaRow,
    known: &HashMap<String, AreaVersion>,
    clock: &dyn Clock,
    entropy: &dyn Entropy,
) -> anyhow::Result<NewArea> {
    let parent = match &row.parent {
        None => None,
        Some(code) => Some(
            known
                .get(code)
                .with_context(|| format!("the parent {code} was not loaded"))?
                .clone(),
        ),
    };
    Ok(NewArea {
        id: AreaId::generate(clock, entropy),
        code: row.code.clone(),
        name: row.name.clone(),
        level: row.level,
        kind: row.kind,
        parent,
        valid_from: BEGINNING.context("a fixed date")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(code: &str, parent: Option<&str>, level: Level) -> AreaRow {
        AreaRow {
            code: code.to_owned(),
            level,
            parent: parent.map(str::to_owned),
            name: "某地".to_owned(),
            kind: AreaKind::Administrative,
        }
    }

    #[test]
    fn every_bad_row_is_named_with_its_reason() {
        let rows = [
            row("340000", None, Level::Province),
            row("340300", Some("340000"), Level::City),
            row("340300", Some("340000"), Level::City),
            row("340304", Some("340000"), Level::County),
            row("340304001", Some("340399"), Level::Township),
            row("34030", Some("340300"), Level::County),
            row("340305", None, Level::County),
        ];
        assert_eq!(
            check(&rows, &HashMap::new()),
            [
                "row 4: 340300: the code stands there twice",
                "row 5: 340304: a county cannot stand under a province",
                "row 6: 340304001: there is no parent 340399 in the file or the register",
                "row 7: 34030: the code does not fit the level county",
                "row 8: 340305: the parent is missing",
            ]
        );
        assert!(check(&rows[..2], &HashMap::new()).is_empty());
    }
}
