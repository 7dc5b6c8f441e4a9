//! `qiaojian import areas`

mod check;
mod update;

use std::collections::HashMap;

use anyhow::Context as _;
use chrono::NaiveDate;
use qiaojian_domain::area::update::{Listed, Origin};
use qiaojian_domain::clock::{Clock, Entropy};
use qiaojian_domain::ids::AreaId;
use qiaojian_sheets::areas::ListedRow;
use qiaojian_store::areas::{self, AreaVersion, Filter, NewArea};
use qiaojian_store::{Actor, Recording, StoreError, Subtree};

use crate::area_file::{self, in_a_line};
use crate::args::{Import, ImportWhat, Settings};
use crate::settings::{Parts, Schema};
use crate::terminal::{error, progress, say};

/// Maximum number of rows per write transaction, so that none takes longer than 250 ms.
const CHUNK: usize = 150;
/// Maximum number of listed rows with errors or differences; the rest are counted.
const SHOWN: usize = 20;
/// The day from which imported areas are valid: before anything that is recorded.
const BEGINNING: Option<NaiveDate> = NaiveDate::from_ymd_opt(1949, 10, 1);

/// A row of the file with its row number in the spreadsheet.
type Row = (u32, Listed);

/// Imports areas from a file, or reports what would be imported.
pub async fn run(settings: &Settings, import: &Import) -> anyhow::Result<()> {
    let ImportWhat::Areas {
        file,
        dry_run,
        update_on,
        doubts,
    } = &import.what;
    let path = file.clone();
    // On the blocking pool, because the file may be a pipe that nobody writes to, and a signal must not wait for it.
    let rows = tokio::task::spawn_blocking(move || area_file::read(&path))
        .await
        .context("reading the file was interrupted")??;
    let rows = whole_rows(rows)?;
    if let Some(on) = update_on {
        let parts = settings.parts(Schema::Migrated).await?;
        update::run(&parts, file, rows, (*on, *dry_run, *doubts)).await?;
        parts.db.refresh_statistics().await;
        return Ok(());
    }
    if let Some((number, _)) = rows.iter().find(|(_, row)| is_of_an_edition(row)) {
        anyhow::bail!(
            "row {number}: predecessors and valid_from are allowed only in a new edition of the list; give --update-on DATE"
        );
    }
    if *dry_run {
        let known = match settings.parts_if_there().await? {
            Some(parts) => known_areas(&parts).await?,
            None => HashMap::new(),
        };
        refuse_bad_rows(&rows, &known)?;
        let summary = told_of_known_rows(&rows, &known);
        say(format!(
            "would add {} areas; {summary}",
            new_rows(rows, &known).len()
        ));
        return Ok(());
    }
    let parts = settings.parts(Schema::Migrated).await?;
    let known = known_areas(&parts).await?;
    refuse_bad_rows(&rows, &known)?;
    let summary = told_of_known_rows(&rows, &known);
    let new = new_rows(rows, &known);
    let total = new.len();
    write(&parts, new, known).await?;
    parts.db.refresh_statistics().await;
    say(format!("added {total} areas; {summary}"));
    Ok(())
}

async fn known_areas(parts: &Parts) -> anyhow::Result<HashMap<String, AreaVersion>> {
    let rows = parts
        .db
        .read_slow(|conn| {
            let every_kind = Filter::every_kind();
            areas::list(conn, &Subtree::everything(), &every_kind, None, i64::MAX).map_err(StoreError::from)
        })
        .await?;
    Ok(rows.into_iter().map(|area| (area.code.clone(), area)).collect())
}

fn is_of_an_edition(row: &Listed) -> bool {
    row.origin != Origin::default() || row.valid_from.is_some()
}

/// Returns the rows, or an error if one cannot be read.
fn whole_rows(read: Vec<ListedRow>) -> anyhow::Result<Vec<Row>> {
    let all = read.len();
    let mut unread = Vec::new();
    let rows = read.into_iter().filter_map(|(number, row)| match row {
        Ok(row) => Some((number, row)),
        Err(wrong) => {
            unread.push(format!("row {number}: {}", in_a_line(&wrong)));
            None
        }
    });
    let rows = rows.collect();
    refuse(&unread, all)?;
    Ok(rows)
}

fn refuse_bad_rows(rows: &[Row], known: &HashMap<String, AreaVersion>) -> anyhow::Result<()> {
    refuse(&check::problems(rows, known), rows.len())
}

fn refuse(problems: &[String], all: usize) -> anyhow::Result<()> {
    show(problems);
    anyhow::ensure!(
        problems.is_empty(),
        "{} of {all} rows cannot be loaded; nothing was written",
        problems.len(),
    );
    Ok(())
}

/// Reports the rows that differ from the register, and counts those that are registered.
fn told_of_known_rows(rows: &[Row], known: &HashMap<String, AreaVersion>) -> String {
    let differences = check::differences(rows, known);
    show(&differences);
    let there = rows
        .iter()
        .filter(|(_, row)| known.contains_key(&row.code))
        .count();
    match differences.len() {
        0 => format!("{there} already exist"),
        differing => format!("{there} already exist, {differing} of them different from the file"),
    }
}

fn show(lines: &[String]) {
    lines.iter().take(SHOWN).for_each(error);
    let more = lines.len().saturating_sub(SHOWN);
    if more > 0 {
        error(format!("… and {more} more rows like these"));
    }
}

fn new_rows(rows: Vec<Row>, known: &HashMap<String, AreaVersion>) -> Vec<Listed> {
    let rows = rows.into_iter().map(|(_, row)| row);
    rows.filter(|row| !known.contains_key(&row.code)).collect()
}

/// Writes level by level, so that each area finds its parent.
async fn write(
    parts: &Parts,
    mut rows: Vec<Listed>,
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
            // Nothing is below a village or a park, and these are nine tenths of the country's areas.
            let above = added.into_iter().filter(|area| area.level.has_below());
            known.extend(above.map(|area| (area.code.clone(), area)));
        }
    }
    bar.finish_and_clear();
    Ok(())
}

fn new_area(
    row: &Listed,
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
