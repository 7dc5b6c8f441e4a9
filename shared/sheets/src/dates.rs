//! Parses dates as written in spreadsheets, and formats them as `2022-03-01`, `2022-03下旬` or `2022-03`.

use chrono::{Datelike as _, NaiveDate, NaiveTime};
use qiaojian_domain::dates::{Precision, day, interval};
use qiaojian_domain::organization::PreciseDate;

use super::cell::{clean, half_width};

/// Parses a day: `2022-03-01`, `2022/3/1`, `2022.3.1`, `2022年3月1日` or `20220301`, optionally followed by a time of day.
pub fn read_day(text: &str) -> Option<NaiveDate> {
    read_precise(text)
        .filter(|date| date.precision == Precision::Day)
        .map(|date| date.on)
}

/// Parses a day as [`read_day`] does, a month (`2022-03`, `2022年3月`) or a ten-day period (`2022-03下旬`, `2022年3月下旬`). An
/// imprecise date is represented by its first day.
pub fn read_precise(text: &str) -> Option<PreciseDate> {
    let text = half_width(clean(text));
    if is_cut_short(&text) {
        return None;
    }
    let text: String = without_time(&text).split_whitespace().collect();
    if let Some(on) = eight_digits(&text) {
        return bounded(on, Precision::Day);
    }
    let (text, part) = match text.char_indices().rev().nth(1) {
        Some((at, '上' | '中' | '下')) if text.ends_with('旬') => {
            let (text, part) = text.split_at(at);
            (text.to_owned(), part.chars().next())
        }
        _ => (text, None),
    };
    let text = text.replace(['年', '月'], "-").replace('日', "");
    let text = text.strip_suffix('-').unwrap_or(&text);
    let numbers: Vec<u32> = text
        .split(['-', '/', '.'])
        .map(|number| {
            let is_number =
                (1..=4).contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_digit());
            number.parse().ok().filter(|_| is_number)
        })
        .collect::<Option<_>>()?;
    let (year, month, of_month, precision) = match (numbers.as_slice(), part) {
        ([year, month, day], None) => (year, month, *day, Precision::Day),
        ([year, month], None) => (year, month, 1, Precision::Month),
        ([year, month], Some('上')) => (year, month, 1, Precision::TenDay),
        ([year, month], Some('中')) => (year, month, 11, Precision::TenDay),
        ([year, month], Some(_)) => (year, month, 21, Precision::TenDay),
        _ => return None,
    };
    bounded(
        NaiveDate::from_ymd_opt(i32::try_from(*year).ok()?, *month, of_month)?,
        precision,
    )
}

/// Returns whether this may be a truncated month: a spreadsheet writes the number 2022.10 as 2022.1.
pub(super) fn is_cut_short(text: &str) -> bool {
    let text = half_width(clean(text));
    let year = text.strip_suffix(".1");
    year.is_some_and(|year| year.len() == 4 && year.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Returns the date if it is within the bounds of [`day::parse`].
pub(super) fn bounded(on: NaiveDate, precision: Precision) -> Option<PreciseDate> {
    day::parse(&on.to_string())
        .ok()
        .map(|on| PreciseDate { on, precision })
}

/// Removes a time of day at the end: `0:00`, `00:00:00`.
fn without_time(text: &str) -> &str {
    let formats = ["%H:%M:%S%.f", "%H:%M"];
    match text.rsplit_once(' ') {
        Some((before, time))
            if formats
                .iter()
                .any(|format| NaiveTime::parse_from_str(time, format).is_ok()) =>
        {
            before
        }
        _ => text,
    }
}

/// Parses a day of the form `20220301`.
fn eight_digits(text: &str) -> Option<NaiveDate> {
    let is_one = text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_digit());
    is_one.then(|| NaiveDate::parse_from_str(text, "%Y%m%d").ok())?
}

/// Formats a date in the standard form.
pub fn show_precise(date: PreciseDate) -> String {
    let month = date.on.format("%Y-%m");
    match date.precision {
        Precision::Day => date.on.to_string(),
        Precision::Month => month.to_string(),
        Precision::TenDay => {
            let part = match interval(date.on, date.precision).0.day() {
                1 => '上',
                11 => '中',
                _ => '下',
            };
            format!("{month}{part}旬")
        }
    }
}
