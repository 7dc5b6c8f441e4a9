//! The timing of a schedule as written by a caller, and its validation.

use chrono_tz::Tz;
use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};

use super::plan::Plan;
use super::{CatchUp, WorkdayPolicy};
use crate::Violation;
use crate::period::{Period, PeriodUnit};

/// The maximum distance between a period and the period of its fire.
const MOST_OFFSET: i32 = 36;
/// The maximum number of periods that catch-up opens at once.
const MOST_CAP: i32 = 1000;
/// The maximum length of a cron expression, in characters.
const SPEC_CHARS: usize = 100;

/// The timing of a schedule, as written by a caller and stored in a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanFields {
    /// A cron expression of five fields, or six with seconds first. `L`, `W` and `#` have their Quartz meaning. The day
    /// of the month and the weekday must both match.
    pub spec: String,
    /// An IANA time zone name, such as `Asia/Shanghai`.
    pub time_zone: String,
    /// The length of the periods. The schedule fires once per period.
    pub period_unit: PeriodUnit,
    /// Added to the period of the fire: -1 selects the period that has just ended.
    pub period_offset: i32,
    /// The first period to issue. If it is in the past, it is caught up.
    pub starts_period: Period,
    /// The last period to issue; unlimited if `None`.
    pub ends_period: Option<Period>,
    /// What to do on days off.
    pub workday_policy: WorkdayPolicy,
    /// What to do about missed periods.
    pub catch_up: CatchUp,
    /// How far back catch-up reaches, in seconds; unlimited if `None`.
    pub catch_up_window_s: Option<i64>,
    /// The maximum number of periods that are opened at once; the latest are kept.
    pub catch_up_cap: i32,
}

impl PlanFields {
    /// Parses and validates the fields. Checks that depend on the calendar are done by [`Plan::check`].
    ///
    /// # Errors
    /// Returns all violations, by field.
    pub fn read(&self) -> Result<Plan, Vec<Violation>> {
        let mut violations = Vec::new();
        let cron = read_spec(&self.spec)
            .map_err(|violation| violations.push(violation))
            .ok();
        let zone = self
            .time_zone
            .parse::<Tz>()
            .map_err(|_| violations.push(unknown_zone(&self.time_zone)))
            .ok();
        self.check_numbers(&mut violations);
        self.check_periods(&mut violations);
        // An offset that cannot be negated is far out of range, which `check_numbers` has already reported.
        let back = self.period_offset.checked_neg().unwrap_or_default();
        let first_fire_in = self.starts_period.plus(back);
        let last_fire_in = self.ends_period.and_then(|ends| ends.plus(back));
        match (cron, zone, first_fire_in, violations.is_empty()) {
            (Some(cron), Some(zone), Some(first_fire_in), true) => Ok(Plan {
                cron,
                zone,
                fields: self.clone(),
                first_fire_in,
                last_fire_in,
            }),
            _ => Err(violations),
        }
    }

    fn check_numbers(&self, violations: &mut Vec<Violation>) {
        let mut range = |pointer: &'static str, value: i64, least: i64, most: i64| {
            if !(least..=most).contains(&value) {
                violations.push(Violation::new(
                    pointer,
                    "out_of_range",
                    format!("应在 {least} 与 {most} 之间。"),
                    format!("Must be between {least} and {most}."),
                ));
            }
        };
        let most = i64::from(MOST_OFFSET);
        range("/period/offset", i64::from(self.period_offset), -most, most);
        range(
            "/catch_up/cap",
            i64::from(self.catch_up_cap),
            1,
            i64::from(MOST_CAP),
        );
        if let Some(window) = self.catch_up_window_s {
            range("/catch_up/window_s", window, 0, 100 * 366 * 86_400);
        }
    }

    fn check_periods(&self, violations: &mut Vec<Violation>) {
        let unit = self.period_unit;
        let mut wrong_unit = |pointer: &'static str, period: Period| {
            if period.unit() != unit {
                violations.push(Violation::new(
                    pointer,
                    "wrong_unit",
                    format!(
                        "计划的周期单位为“{}”（{unit}），`{period}` 不是这样的周期。",
                        unit.chinese()
                    ),
                    format!(
                        "`{period}` is a {}, but the schedule's periods are of unit {unit}.",
                        period.unit()
                    ),
                ));
            }
        };
        wrong_unit("/starts_period", self.starts_period);
        if let Some(ends) = self.ends_period {
            wrong_unit("/ends_period", ends);
        }
        if violations.is_empty() && self.starts_period.plus(-self.period_offset).is_none() {
            violations.push(Violation::new(
                "/starts_period",
                "out_of_range",
                "超出可用年份。",
                "The year is out of range.",
            ));
        }
        if let Some(ends) = self.ends_period
            && ends.unit() == unit
            && ends < self.starts_period
        {
            violations.push(Violation::new(
                "/ends_period",
                "ends_before_start",
                "结束周期早于开始周期。",
                "The last period is before the first.",
            ));
        }
    }
}

fn read_spec(spec: &str) -> Result<Cron, Violation> {
    let fields = spec.split_ascii_whitespace().count();
    if !(5..=6).contains(&fields) || spec.chars().count() > SPEC_CHARS {
        return Err(Violation::new(
            "/spec",
            "bad_spec",
            "应为五个字段（分 时 日 月 周），或在最前面加上秒共六个字段，例如 `0 0 9 1 * *`。",
            "Write five fields (minute hour day month weekday), or six with seconds first, such as `0 0 9 1 * *`.",
        ));
    }
    CronParser::builder()
        .seconds(Seconds::Optional)
        .year(Year::Disallowed)
        .dom_and_dow(true)
        .build()
        .parse(spec)
        .map_err(|error| {
            Violation::new(
                "/spec",
                "bad_spec",
                format!(
                    "“{spec}”不是可用的定时表达式；请写成 `0 9 1 * *` 这样的形式（分、时、日、月、星期）。"
                ),
                format!("The expression is invalid: {error}"),
            )
        })
}

fn unknown_zone(name: &str) -> Violation {
    Violation::new(
        "/time_zone",
        "unknown_time_zone",
        format!("没有名为 `{name}` 的时区，请写 `Asia/Shanghai` 之类的名称。"),
        format!("There is no time zone `{name}`; write a name such as `Asia/Shanghai`."),
    )
}
