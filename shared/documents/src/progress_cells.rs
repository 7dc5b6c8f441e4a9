//! The cells of the progress bulletin's tables.

use super::progress::{CityFigures, Ratio, TaskRow};
use super::words::{Row, UNKNOWN, count, day, percentage};

/// Name, organizations, added in the period, added since the baseline, growth.
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

/// Name and the coverage of counties, townships and villages.
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

/// A growth in a table; — where it cannot be computed because there was nothing before.
pub(super) fn growth_cell(growth: &Ratio) -> String {
    if growth.denominator == Some(0) {
        "—".to_owned()
    } else {
        percentage(growth.value)
    }
}

/// 26.2%（16/61）; — where there is no area of the level, 未知 where a part is unknown.
pub(super) fn share(ratio: &Ratio) -> String {
    match (ratio.numerator, ratio.denominator, ratio.value) {
        (_, Some(0), _) => "—".to_owned(),
        (None, None, _) => UNKNOWN.to_owned(),
        (part, of, Some(_)) => format!("{}（{}/{}）", percentage(ratio.value), count(part), count(of)),
        (part, of, None) => format!("{UNKNOWN}（{}/{}）", count(part), count(of)),
    }
}

/// Number, content, due date, status.
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
