//! The rows and cells of the progress bulletin's tables.

use super::progress::{CityFigures, Ratio, TaskRow};
use super::words::{Row, UNKNOWN, count, day, percentage};

/// Returns the name, organizations, added in the period, added since the baseline, and growth.
pub(super) fn number_row(city: &CityFigures, strong: bool) -> Row {
    Row {
        cells: vec![
            city.city.name.clone(),
            city.organizations.to_string(),
            city.added_in_period.to_string(),
            city.added_since_baseline.to_string(),
            growth_cell(&city.growth),
        ],
        strong,
    }
}

/// Returns the name and the coverage of counties, townships and villages.
pub(super) fn share_row(city: &CityFigures, strong: bool) -> Row {
    Row {
        cells: vec![
            city.city.name.clone(),
            share(&city.counties),
            share(&city.townships),
            share(&city.villages),
        ],
        strong,
    }
}

/// Returns a growth rate for a table, or — if the baseline is zero.
pub(super) fn growth_cell(growth: &Ratio) -> String {
    if growth.denominator == Some(0) {
        "—".to_owned()
    } else {
        percentage(growth.value)
    }
}

/// Returns 26.2%（16/61）, — if there is no area of the level, or 未知 if a part is unknown.
pub(super) fn share(ratio: &Ratio) -> String {
    match (ratio.numerator, ratio.denominator, ratio.value) {
        (_, Some(0), _) => "—".to_owned(),
        (None, None, _) => UNKNOWN.to_owned(),
        (part, of, Some(_)) => format!("{}（{}/{}）", percentage(ratio.value), count(part), count(of)),
        (part, of, None) => format!("{UNKNOWN}（{}/{}）", count(part), count(of)),
    }
}

/// Returns the number, content, due date and status.
pub(super) fn task_row(task: &TaskRow) -> Row {
    Row {
        cells: vec![
            task.no.to_string(),
            task.content.clone(),
            day(task.due_on),
            task.status.chinese().to_owned(),
        ],
        strong: false,
    }
}
