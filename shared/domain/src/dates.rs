//! Dates with the precision of their source document.

use chrono::{Datelike as _, Days, Months, NaiveDate};

column_enum! {
    /// The precision of a date.
    pub enum Precision {
        /// Known to the day.
        Day => "day",
        /// Known to the ten-day period of a month: 上旬, 中旬 or 下旬.
        TenDay => "ten_day",
        /// Known to the month.
        Month => "month",
    }
}

/// Returns the first and the last day that a date may stand for. An imprecise date counts from the last day (3月下旬 →
/// 03-31).
pub fn interval(on: NaiveDate, precision: Precision) -> (NaiveDate, NaiveDate) {
    let last_of_month = || {
        let first = on.with_day(1).unwrap_or(on);
        first
            .checked_add_months(Months::new(1))
            .and_then(|next| next.checked_sub_days(Days::new(1)))
            .unwrap_or(on)
    };
    let day = |day| on.with_day(day).unwrap_or(on);
    match precision {
        Precision::Day => (on, on),
        Precision::Month => (day(1), last_of_month()),
        Precision::TenDay => match on.day() {
            1..=10 => (day(1), day(10)),
            11..=20 => (day(11), day(20)),
            _ => (day(21), last_of_month()),
        },
    }
}

/// Returns the day before `day`.
pub fn day_before(day: NaiveDate) -> NaiveDate {
    day.pred_opt().unwrap_or(day)
}

/// Returns the day from which an event on this date counts: the last day of its interval.
pub fn counts_from(on: NaiveDate, precision: Precision) -> NaiveDate {
    interval(on, precision).1
}

/// Returns the latest date of this precision that counts on or before `day`.
pub fn latest_counting_by(day: NaiveDate, precision: Precision) -> NaiveDate {
    let (first, last) = interval(day, precision);
    if last == day { day } else { day_before(first) }
}

/// Dates as text: exactly `YYYY-MM-DD`, from 1900-01-01 on. Earlier years are assumed to be typing errors, and the two
/// databases sort years of more than four digits differently.
pub mod day {
    use chrono::NaiveDate;
    use serde::de::Error as _;
    use serde::{Deserialize, Deserializer};

    const FIRST: Option<NaiveDate> = NaiveDate::from_ymd_opt(1900, 1, 1);

    /// Parses a date.
    ///
    /// # Errors
    /// Returns a sentence that describes the expected format.
    pub fn parse(text: &str) -> Result<NaiveDate, String> {
        Some(text)
            .filter(|text| text.len() == "YYYY-MM-DD".len())
            .and_then(|text| text.parse::<NaiveDate>().ok())
            .filter(|date| Some(*date) >= FIRST)
            .ok_or_else(|| format!("`{text}` is not a date: expected YYYY-MM-DD, from 1900-01-01 on"))
    }

    /// For `#[serde(deserialize_with = "day::read")]`.
    ///
    /// # Errors
    /// See [`parse`].
    pub fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<NaiveDate, D::Error> {
        parse(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }

    /// For `#[serde(default, deserialize_with = "day::read_optional")]`.
    ///
    /// # Errors
    /// See [`parse`].
    pub fn read_optional<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<NaiveDate>, D::Error> {
        Option::<String>::deserialize(deserializer)?
            .map(|text| parse(&text).map_err(D::Error::custom))
            .transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn a_date_has_one_form() {
        assert_eq!(day::parse("2022-05-24"), Ok(date("2022-05-24")));
        assert_eq!(day::parse("1900-01-01"), Ok(date("1900-01-01")));
        for text in [
            "",
            "2022-5-24",
            "2022-02-30",
            "0022-03-31",
            "-2022-05-24",
            "+12022-05-24",
            "2022-05-24T00:00:00Z",
            "20220524",
        ] {
            assert!(day::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_imprecise_date_counts_from_the_end_of_its_interval() {
        for (on, precision, from, to) in [
            ("2022-05-24", Precision::Day, "2022-05-24", "2022-05-24"),
            ("2022-03-21", Precision::TenDay, "2022-03-21", "2022-03-31"),
            ("2022-03-31", Precision::TenDay, "2022-03-21", "2022-03-31"),
            ("2022-03-10", Precision::TenDay, "2022-03-01", "2022-03-10"),
            ("2022-03-11", Precision::TenDay, "2022-03-11", "2022-03-20"),
            ("2022-02-28", Precision::TenDay, "2022-02-21", "2022-02-28"),
            ("2024-02-10", Precision::Month, "2024-02-01", "2024-02-29"),
            ("2021-11-01", Precision::Month, "2021-11-01", "2021-11-30"),
            ("2021-12-05", Precision::Month, "2021-12-01", "2021-12-31"),
        ] {
            assert_eq!(
                interval(date(on), precision),
                (date(from), date(to)),
                "{on} {precision}"
            );
            assert_eq!(counts_from(date(on), precision), date(to), "{on} {precision}");
        }
    }

    #[test]
    fn the_latest_date_that_counts_by_a_day() {
        for (day, precision, latest) in [
            ("2022-06-24", Precision::Day, "2022-06-24"),
            ("2022-06-24", Precision::TenDay, "2022-06-20"),
            ("2022-06-30", Precision::TenDay, "2022-06-30"),
            ("2022-06-24", Precision::Month, "2022-05-31"),
            ("2022-06-30", Precision::Month, "2022-06-30"),
        ] {
            let found = latest_counting_by(date(day), precision);
            assert_eq!(found, date(latest), "{day} {precision}");
            assert!(counts_from(found, precision) <= date(day));
            assert!(counts_from(found.succ_opt().unwrap(), precision) > date(day));
        }
    }
}
