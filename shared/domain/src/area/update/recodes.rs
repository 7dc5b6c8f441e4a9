//! New names and codes of continuing areas. Codes that are passed on between areas are changed at once.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::NaiveDate;

use super::{DatedStep, Listed, Recoded, Registered, Step};

/// The index of a row, the row, and its registered area.
type Row<'a> = (usize, &'a Listed, &'a Registered);

/// Returns the steps that give the areas of one level the names and codes of their rows.
pub(super) fn recodes<'a>(rows: impl Iterator<Item = Row<'a>>) -> Vec<DatedStep> {
    let changed: Vec<Row<'_>> = rows
        .filter(|(_, row, area)| row.name != area.name || row.code != area.code)
        .collect();
    let holds: HashMap<&str, Row<'_>> = changed.iter().map(|row| (row.2.code.as_str(), *row)).collect();
    let wants: HashMap<&str, Row<'_>> = changed.iter().map(|row| (row.1.code.as_str(), *row)).collect();
    let (mut seen, mut steps) = (BTreeSet::new(), Vec::new());
    for row in &changed {
        // Collects codes that depend on each other: forward to the holder of the wanted code, backward to the area that
        // wants the held code.
        let mut together: BTreeMap<usize, Row<'_>> = BTreeMap::new();
        let mut next = Some(row);
        while let Some(row) = next.filter(|row| seen.insert(row.0)) {
            together.insert(row.0, *row);
            next = holds.get(row.1.code.as_str());
        }
        next = wants.get(row.2.code.as_str());
        while let Some(row) = next.filter(|row| seen.insert(row.0)) {
            together.insert(row.0, *row);
            next = wants.get(row.2.code.as_str());
        }
        // Areas that give up their code earlier come first.
        let mut by_day: BTreeMap<Option<NaiveDate>, Vec<Row<'_>>> = BTreeMap::new();
        for row in together.into_values() {
            by_day.entry(row.1.valid_from).or_default().push(row);
        }
        steps.extend(by_day.into_iter().flat_map(|(on, rows)| step(on, &rows)));
    }
    steps
}

fn step(on: Option<NaiveDate>, rows: &[Row<'_>]) -> Option<DatedStep> {
    let name = |row: &Listed, area: &Registered| (row.name != area.name).then(|| row.name.clone());
    let (place, first, named) = *rows.first()?;
    let step = if rows.len() == 1 {
        Step::Rename {
            code: named.code.clone(),
            name: name(first, named),
            new_code: (first.code != named.code).then(|| first.code.clone()),
        }
    } else {
        let change = |(_, row, area): &Row<'_>| Recoded {
            code: area.code.clone(),
            named: area.name.clone(),
            name: name(row, area),
            new_code: row.code.clone(),
        };
        Step::Recode {
            changes: rows.iter().map(change).collect(),
        }
    };
    Some(DatedStep {
        step,
        on,
        row: Some(place),
        named: Some(named.name.clone()),
    })
}
