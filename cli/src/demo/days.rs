//! The days of the campaign. Offices found, approve and report on working days.

use chrono::{Datelike as _, Days, NaiveDate, Weekday};

/// The day on which the article was published, which is the last day of anything in the demo.
pub const LAST_DAY: NaiveDate = ymd(2022, 6, 24);

/// The day from which the areas and rules of the demo are valid: earlier than any organization in it.
pub const BEGINNING: NaiveDate = ymd(1949, 10, 1);

/// The baseline of growth: the day before the first month of the campaign.
pub const BASELINE: NaiveDate = ymd(2021, 10, 31);

/// The first day of the campaign.
pub const STARTS: NaiveDate = ymd(2021, 11, 1);

/// The months in which organizations are added, as (year, month). The article's 2021-11 is the month of preparation.
pub const MONTHS: [(i32, u32); 7] = [
    (2021, 12),
    (2022, 1),
    (2022, 2),
    (2022, 3),
    (2022, 4),
    (2022, 5),
    (2022, 6),
];

/// Public holidays on weekdays (Monday to Friday) between the baseline and the target (notices of the State Council).
const HOLIDAYS: [NaiveDate; 18] = [
    ymd(2022, 1, 3),
    ymd(2022, 1, 31),
    ymd(2022, 2, 1),
    ymd(2022, 2, 2),
    ymd(2022, 2, 3),
    ymd(2022, 2, 4),
    ymd(2022, 4, 4),
    ymd(2022, 4, 5),
    ymd(2022, 5, 2),
    ymd(2022, 5, 3),
    ymd(2022, 5, 4),
    ymd(2022, 6, 3),
    ymd(2022, 9, 12),
    ymd(2022, 10, 3),
    ymd(2022, 10, 4),
    ymd(2022, 10, 5),
    ymd(2022, 10, 6),
    ymd(2022, 10, 7),
];

/// Returns a date known to be valid at compile time. An invalid date becomes the first day of the calendar, which tests
/// detect.
pub const fn ymd(year: i32, month: u32, day: u32) -> NaiveDate {
    match NaiveDate::from_ymd_opt(year, month, day) {
        Some(date) => date,
        None => NaiveDate::MIN,
    }
}

/// Whether offices work on this day. Make-up working days on weekends are ignored, because the plan does not need them.
pub fn is_workday(date: NaiveDate) -> bool {
    !matches!(date.weekday(), Weekday::Sat | Weekday::Sun) && !HOLIDAYS.contains(&date)
}

/// Returns the working days of a month of the campaign, up to [`LAST_DAY`].
pub fn workdays_of(year: i32, month: u32) -> Vec<NaiveDate> {
    ymd(year, month, 1)
        .iter_days()
        .take_while(|day| day.month() == month && *day <= LAST_DAY)
        .filter(|day| is_workday(*day))
        .collect()
}

/// Returns the `n`-th working day after `date`, not counting `date` itself.
pub fn workdays_after(date: NaiveDate, n: u32) -> NaiveDate {
    step(date, n, |day| day.checked_add_days(Days::new(1)))
}

/// Returns the `n`-th working day before `date`.
pub fn workdays_before(date: NaiveDate, n: u32) -> NaiveDate {
    step(date, n, |day| day.checked_sub_days(Days::new(1)))
}

fn step(date: NaiveDate, n: u32, next: impl Fn(NaiveDate) -> Option<NaiveDate>) -> NaiveDate {
    std::iter::successors(next(date), |day| next(*day))
        .filter(|day| is_workday(*day))
        .take(n as usize)
        .last()
        .unwrap_or(date)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn working_days_skip_weekends_and_the_spring_festival() {
        assert_eq!(workdays_after(ymd(2022, 1, 28), 1), ymd(2022, 2, 7));
        assert_eq!(workdays_before(ymd(2022, 2, 7), 2), ymd(2022, 1, 27));
        assert_eq!(workdays_after(ymd(2022, 6, 2), 0), ymd(2022, 6, 2));
        assert_eq!(workdays_of(2022, 6).last(), Some(&LAST_DAY));
        assert_eq!(workdays_of(2022, 2).len(), 16);
        assert!(!HOLIDAYS.contains(&NaiveDate::MIN));
        assert!(
            HOLIDAYS
                .iter()
                .all(|day| !matches!(day.weekday(), Weekday::Sat | Weekday::Sun))
        );
    }
}
