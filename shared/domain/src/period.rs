//! Calendar periods, which bulletins report on. A period is a calendar name, never an instant, so rescheduling from
//! nine to ten o'clock cannot create a second period.

#[cfg(feature = "diesel")]
mod column;

use std::borrow::Cow;
use std::fmt;

use chrono::{Datelike as _, Days, NaiveDate, Weekday};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::dates::day_before;

column_enum! {
    /// The length of a period.
    pub enum PeriodUnit {
        /// 日: `2022-05-24`.
        Day => "day" / "日",
        /// 周, Monday to Sunday (ISO 8601): `2022-W21`.
        Week => "week" / "周",
        /// 旬, the 1st to 10th, 11th to 20th, 21st to last of a month: `2022-05-T2`.
        TenDay => "ten_day" / "旬",
        /// 月: `2022-05`.
        Month => "month" / "月",
        /// 季度: `2022-Q2`.
        Quarter => "quarter" / "季度",
        /// 年: `2022`.
        Year => "year" / "年",
    }
}

/// A calendar period between 1900 and 9999. Periods of the same unit are ordered by time, periods of different units by
/// unit.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(
    feature = "diesel",
    derive(diesel::expression::AsExpression, diesel::deserialize::FromSqlRow)
)]
#[cfg_attr(feature = "diesel", diesel(sql_type = diesel::sql_types::Text))]
pub struct Period {
    unit: PeriodUnit,
    first_day: NaiveDate,
}

/// The error returned when a text is not the name of a period.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a period; write 2022-05-24, 2022-W21, 2022-05-T2, 2022-05, 2022-Q2 or 2022")]
pub struct NotAPeriod(pub String);

/// The supported years.
const YEARS: std::ops::RangeInclusive<i32> = 1900..=9999;

impl Period {
    /// Returns the period of this unit that contains `date`. Dates before 1900 or after 9999 are clamped to the
    /// supported years.
    pub fn containing(date: NaiveDate, unit: PeriodUnit) -> Self {
        let date = date.clamp(first_nameable_day(), last_nameable_day());
        let month_from = |month| NaiveDate::from_ymd_opt(date.year(), month, 1).unwrap_or(date);
        let first_day = match unit {
            PeriodUnit::Day => date,
            PeriodUnit::Week => date.week(Weekday::Mon).first_day(),
            PeriodUnit::TenDay => date.with_day(1 + 10 * ten_day_index(date)).unwrap_or(date),
            PeriodUnit::Month => month_from(date.month()),
            PeriodUnit::Quarter => month_from(1 + date.month0() / 3 * 3),
            PeriodUnit::Year => month_from(1),
        };
        Self { unit, first_day }
    }

    /// Returns the length of the period.
    pub const fn unit(self) -> PeriodUnit {
        self.unit
    }

    /// Returns the first day.
    pub const fn first_day(self) -> NaiveDate {
        self.first_day
    }

    /// Returns the day before the period. What was established *in* the period counts from a later day than this.
    pub fn eve(self) -> NaiveDate {
        day_before(self.first_day)
    }

    /// Returns the last day.
    pub fn last_day(self) -> NaiveDate {
        let next = match self.unit {
            PeriodUnit::Day => return self.first_day,
            PeriodUnit::Week => return self.first_day.week(Weekday::Mon).last_day(),
            PeriodUnit::TenDay if ten_day_index(self.first_day) < 2 => {
                return self
                    .first_day
                    .checked_add_days(Days::new(9))
                    .unwrap_or(self.first_day);
            }
            PeriodUnit::TenDay | PeriodUnit::Month => 1,
            PeriodUnit::Quarter => 3,
            PeriodUnit::Year => 12,
        };
        let first_of_month = self.first_day.with_day(1).unwrap_or(self.first_day);
        first_of_month
            .checked_add_months(chrono::Months::new(next))
            .and_then(|after| after.pred_opt())
            .unwrap_or(self.first_day)
    }

    /// Returns the following period, or `None` after 9999.
    pub fn next(self) -> Option<Self> {
        self.plus(1)
    }

    /// Returns the preceding period, or `None` before 1900.
    pub fn previous(self) -> Option<Self> {
        self.plus(-1)
    }

    /// Returns the period `offset` periods later (earlier if negative), or `None` outside the supported years.
    pub fn plus(self, offset: i32) -> Option<Self> {
        let index = self.index() + i64::from(offset);
        let date = |year: i64, month0: i64, day: u32| {
            NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, u32::try_from(month0).ok()? + 1, day)
        };
        let first_day = match self.unit {
            PeriodUnit::Day => NaiveDate::from_num_days_from_ce_opt(i32::try_from(index).ok()?),
            PeriodUnit::Week => NaiveDate::from_num_days_from_ce_opt(i32::try_from(index * 7 + 1).ok()?),
            PeriodUnit::TenDay => date(
                index.div_euclid(36),
                index.rem_euclid(36) / 3,
                1 + 10 * u32::try_from(index.rem_euclid(3)).ok()?,
            ),
            PeriodUnit::Month => date(index.div_euclid(12), index.rem_euclid(12), 1),
            PeriodUnit::Quarter => date(index.div_euclid(4), index.rem_euclid(4) * 3, 1),
            PeriodUnit::Year => date(index, 0, 1),
        }?;
        (first_nameable_day()..=last_nameable_day())
            .contains(&first_day)
            .then_some(Self {
                unit: self.unit,
                first_day,
            })
    }

    /// Returns the Chinese name as used in documents: 2022年5月, 2022年第21周, 2022年5月中旬.
    pub fn chinese(self) -> String {
        let day = self.first_day;
        let (year, month) = (day.year(), day.month());
        match self.unit {
            PeriodUnit::Day => format!("{year}年{month}月{}日", day.day()),
            PeriodUnit::Week => format!("{}年第{}周", day.iso_week().year(), day.iso_week().week()),
            PeriodUnit::TenDay => {
                let third = ["上", "中", "下"].get(ten_day_index(day) as usize).unwrap_or(&"");
                format!("{year}年{month}月{third}旬")
            }
            PeriodUnit::Month => format!("{year}年{month}月"),
            PeriodUnit::Quarter => {
                let quarter = ["一", "二", "三", "四"]
                    .get(day.month0() as usize / 3)
                    .unwrap_or(&"");
                format!("{year}年第{quarter}季度")
            }
            PeriodUnit::Year => format!("{year}年"),
        }
    }

    /// Numbers the periods of this unit consecutively, from an arbitrary origin.
    fn index(self) -> i64 {
        let day = self.first_day;
        let (year, month0) = (i64::from(day.year()), i64::from(day.month0()));
        match self.unit {
            PeriodUnit::Day => i64::from(day.num_days_from_ce()),
            // 0001-01-01, day 1, was a Monday.
            PeriodUnit::Week => i64::from(day.num_days_from_ce() - 1) / 7,
            PeriodUnit::TenDay => (year * 12 + month0) * 3 + i64::from(ten_day_index(day)),
            PeriodUnit::Month => year * 12 + month0,
            PeriodUnit::Quarter => year * 4 + month0 / 3,
            PeriodUnit::Year => year,
        }
    }
}

/// Returns 0, 1 or 2: the ten-day period of the month that contains `day`.
fn ten_day_index(day: NaiveDate) -> u32 {
    (day.day0() / 10).min(2)
}

/// This day is a Monday, so the first week is also within range.
fn first_nameable_day() -> NaiveDate {
    NaiveDate::from_ymd_opt(*YEARS.start(), 1, 1).unwrap_or_default()
}

fn last_nameable_day() -> NaiveDate {
    NaiveDate::from_ymd_opt(*YEARS.end(), 12, 31).unwrap_or_default()
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let day = self.first_day;
        match self.unit {
            PeriodUnit::Day => write!(f, "{}", day.format("%Y-%m-%d")),
            PeriodUnit::Week => write!(f, "{}", day.format("%G-W%V")),
            PeriodUnit::TenDay => write!(f, "{}-T{}", day.format("%Y-%m"), ten_day_index(day) + 1),
            PeriodUnit::Month => write!(f, "{}", day.format("%Y-%m")),
            PeriodUnit::Quarter => write!(f, "{}-Q{}", day.year(), day.month0() / 3 + 1),
            PeriodUnit::Year => write!(f, "{}", day.year()),
        }
    }
}

impl fmt::Debug for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::str::FromStr for Period {
    type Err = NotAPeriod;

    fn from_str(text: &str) -> Result<Self, NotAPeriod> {
        read(text).ok_or_else(|| NotAPeriod(text.to_owned()))
    }
}

fn read(text: &str) -> Option<Period> {
    let mut parts = text.split('-');
    let (year, second, third) = (parts.next()?, parts.next(), parts.next());
    if parts.next().is_some() {
        return None;
    }
    let year = i32::try_from(digits(year, 4)?)
        .ok()
        .filter(|year| YEARS.contains(year))?;
    let (unit, first_day) = match (second, third) {
        (None, None) => (PeriodUnit::Year, NaiveDate::from_ymd_opt(year, 1, 1)?),
        (Some(second), None) => match (second.strip_prefix('Q'), second.strip_prefix('W')) {
            (Some(quarter), _) => {
                let quarter = digits(quarter, 1).filter(|quarter| (1..=4).contains(quarter))?;
                (
                    PeriodUnit::Quarter,
                    NaiveDate::from_ymd_opt(year, quarter * 3 - 2, 1)?,
                )
            }
            (_, Some(week)) => (
                PeriodUnit::Week,
                NaiveDate::from_isoywd_opt(year, digits(week, 2)?, Weekday::Mon)?,
            ),
            _ => (
                PeriodUnit::Month,
                NaiveDate::from_ymd_opt(year, digits(second, 2)?, 1)?,
            ),
        },
        (Some(month), Some(third)) => match third.strip_prefix('T') {
            Some(part) => {
                let part = digits(part, 1).filter(|part| (1..=3).contains(part))?;
                (
                    PeriodUnit::TenDay,
                    NaiveDate::from_ymd_opt(year, digits(month, 2)?, part * 10 - 9)?,
                )
            }
            None => (
                PeriodUnit::Day,
                NaiveDate::from_ymd_opt(year, digits(month, 2)?, digits(third, 2)?)?,
            ),
        },
        (None, Some(_)) => return None,
    };
    Some(Period { unit, first_day })
}

/// Parses a number of exactly `count` ASCII digits.
fn digits(text: &str, count: usize) -> Option<u32> {
    (text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok())?
}

impl Serialize for Period {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Period {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(feature = "utoipa")]
impl utoipa::PartialSchema for Period {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .description(Some(
                "A calendar period: 2022-05-24, 2022-W21, 2022-05-T2 (旬), 2022-05, 2022-Q2 or 2022.",
            ))
            .examples(["2022-05"])
            .into()
    }
}

#[cfg(feature = "utoipa")]
impl utoipa::ToSchema for Period {
    fn name() -> Cow<'static, str> {
        "Period".into()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn date(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn period(text: &str) -> Period {
        text.parse().unwrap()
    }

    #[test]
    fn a_name_says_its_days() {
        use PeriodUnit::*;
        for (name, unit, first, last, chinese) in [
            ("2022-05-24", Day, "2022-05-24", "2022-05-24", "2022年5月24日"),
            ("2022-W21", Week, "2022-05-23", "2022-05-29", "2022年第21周"),
            ("2020-W53", Week, "2020-12-28", "2021-01-03", "2020年第53周"),
            ("2022-W52", Week, "2022-12-26", "2023-01-01", "2022年第52周"),
            ("2022-05-T1", TenDay, "2022-05-01", "2022-05-10", "2022年5月上旬"),
            ("2022-05-T2", TenDay, "2022-05-11", "2022-05-20", "2022年5月中旬"),
            ("2022-05-T3", TenDay, "2022-05-21", "2022-05-31", "2022年5月下旬"),
            ("2022-02-T3", TenDay, "2022-02-21", "2022-02-28", "2022年2月下旬"),
            ("2021-12", Month, "2021-12-01", "2021-12-31", "2021年12月"),
            ("2024-02", Month, "2024-02-01", "2024-02-29", "2024年2月"),
            ("2022-Q2", Quarter, "2022-04-01", "2022-06-30", "2022年第二季度"),
            ("2022-Q4", Quarter, "2022-10-01", "2022-12-31", "2022年第四季度"),
            ("2022", Year, "2022-01-01", "2022-12-31", "2022年"),
            ("9999", Year, "9999-01-01", "9999-12-31", "9999年"),
        ] {
            let read = period(name);
            assert_eq!(
                (read.unit(), read.first_day(), read.last_day()),
                (unit, date(first), date(last)),
                "{name}"
            );
            assert_eq!(read.to_string(), name);
            assert_eq!(read.chinese(), chinese);
        }
    }

    #[test]
    fn what_names_no_period_is_refused() {
        for text in [
            "",
            "22",
            "2022-",
            "2022-5",
            "2022-13",
            "2022-00",
            "2022-W00",
            "2022-W53",
            "2022-w21",
            "2022-Q0",
            "2022-Q5",
            "2022-05-T0",
            "2022-05-T4",
            "2022-02-30",
            "2022-05-24T00:00:00Z",
            "2022-05-24-1",
            "1899",
            "0000",
            "-2022",
            "+022",
            "２０２２",
            "2022 ",
            "2022-05-",
            "2022--05",
        ] {
            assert_eq!(text.parse::<Period>(), Err(NotAPeriod(text.to_owned())), "{text}");
        }
    }

    #[test]
    fn neighbours_at_the_edges() {
        for (name, next) in [
            ("2022-12-31", Some("2023-01-01")),
            ("2020-W53", Some("2021-W01")),
            ("2022-12-T3", Some("2023-01-T1")),
            ("2022-12", Some("2023-01")),
            ("2022-Q4", Some("2023-Q1")),
            ("2022", Some("2023")),
            ("9999", None),
            ("9999-12-T3", None),
            ("9999-W52", None),
        ] {
            assert_eq!(period(name).next(), next.map(period), "{name}");
        }
        assert_eq!(period("1900").previous(), None);
        assert_eq!(period("1900-W01").previous(), None);
        assert_eq!(period("2022-01").plus(-13), Some(period("2020-12")));
        assert_eq!(period("2022").plus(i32::MAX), None);
        assert_eq!(
            Period::containing(NaiveDate::MAX, PeriodUnit::Month),
            period("9999-12")
        );
        assert_eq!(
            Period::containing(NaiveDate::MIN, PeriodUnit::Week),
            period("1900-W01")
        );
    }

    #[test]
    fn a_period_is_a_string_in_json() {
        assert_eq!(
            serde_json::to_string(&period("2022-W21")).unwrap(),
            r#""2022-W21""#
        );
        assert_eq!(
            serde_json::from_str::<Period>(r#""2022-05""#).unwrap(),
            period("2022-05")
        );
        let refused = serde_json::from_str::<Period>(r#""May""#)
            .unwrap_err()
            .to_string();
        assert!(refused.contains("`May` is not a period"), "{refused}");
    }

    fn any_day() -> impl Strategy<Value = NaiveDate> {
        (0_u64..80_000).prop_map(|days| date("1905-01-01") + Days::new(days))
    }

    fn any_unit() -> impl Strategy<Value = PeriodUnit> {
        proptest::sample::select(PeriodUnit::ALL)
    }

    proptest! {
        #[test]
        fn periods_lie_side_by_side_without_a_gap(day in any_day(), unit in any_unit()) {
            let this = Period::containing(day, unit);
            let next = this.next().unwrap();
            prop_assert!(this.first_day() <= day && day <= this.last_day());
            prop_assert_eq!(this.last_day().succ_opt().unwrap(), next.first_day());
            prop_assert!(next > this);
            prop_assert_eq!(next.previous(), Some(this));
            prop_assert_eq!(Period::containing(this.last_day(), unit), this);
        }

        #[test]
        fn a_name_is_read_back(day in any_day(), unit in any_unit()) {
            let this = Period::containing(day, unit);
            prop_assert_eq!(this.to_string().parse::<Period>(), Ok(this));
        }

        #[test]
        fn steps_add_up(day in any_day(), unit in any_unit(), one in -100..100_i32, two in -100..100_i32) {
            let this = Period::containing(day, unit);
            if let (Some(there), Some(at_once)) = (this.plus(one), this.plus(one + two)) {
                prop_assert_eq!(there.plus(two), Some(at_once));
            }
        }

        #[test]
        fn reading_never_panics(text in "\\PC{0,14}") {
            let _ = text.parse::<Period>();
        }
    }
}
