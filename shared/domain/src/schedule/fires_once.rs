//! Validation of a saved schedule: it fires exactly once in each period.

use chrono::Datelike as _;

use super::plan::{Fire, Plan};
use crate::Violation;
use crate::period::{Period, PeriodUnit};

/// Weekdays and dates coincide again after 28 years, so a duplicate that does not occur by then never does.
const CHECKED_YEARS: i32 = 28;
/// A cron expression is a set of dates combined with a set of times, so a duplicate within a day already occurs on the
/// first day.
const CHECKED_DAYS: usize = 370;

impl Plan {
    /// Checks that the schedule fires exactly once in each period, and not before the period has begun.
    ///
    /// # Errors
    /// Returns a violation that names the dates and suggests a cron expression.
    pub fn check(&self) -> Result<(), Vec<Violation>> {
        if self.fields.period_offset > 0 {
            return Err(vec![not_begun()]);
        }
        let last_checked = self
            .first_fire_in
            .first_day()
            .year()
            .saturating_add(CHECKED_YEARS);
        let most = if self.fields.period_unit == PeriodUnit::Day {
            CHECKED_DAYS
        } else {
            usize::MAX
        };
        let mut before: Option<Fire> = None;
        let mut awaited = Some(self.fields.starts_period);
        for (count, fire) in self.fires(self.initial_cursor()).enumerate() {
            if let Some(before) = before.filter(|before| before.period == fire.period) {
                return Err(vec![twice(&before, &fire)]);
            }
            if let Some(left_out) = awaited.filter(|awaited| *awaited < fire.period) {
                return Err(vec![self.leaves_out(left_out)]);
            }
            if fire.local.year() > last_checked || count == most {
                return Ok(());
            }
            awaited = fire.period.next();
            before = Some(fire);
        }
        let ends = self.fields.ends_period;
        match (before, awaited) {
            (None, _) => Err(vec![never(ends.is_some())]),
            (Some(_), Some(left_out)) if ends.is_some_and(|end| left_out <= end) => {
                Err(vec![self.leaves_out(left_out)])
            }
            _ => Ok(()),
        }
    }

    fn leaves_out(&self, period: Period) -> Violation {
        let back = self.fields.period_offset.checked_neg().unwrap_or_default();
        let fire_in = period.plus(back).unwrap_or(period);
        let (zh, en) = instead(self.fields.period_unit);
        Violation::new(
            "/spec",
            "leaves_out_a_period",
            format!("{fire_in} 内没有符合表达式的时间，周期 {period} 将没有通报。{zh}"),
            format!("The schedule does not fire in {fire_in}, so {period} would have no bulletin. {en}"),
        )
    }
}

fn never(within_end: bool) -> Violation {
    let (zh, en) = if within_end {
        (
            "在开始与结束周期之间一次也不会触发。",
            "The schedule never fires between the first and the last period.",
        )
    } else {
        (
            "永远不会触发：没有这样的日期。",
            "The schedule never fires: there is no such date.",
        )
    };
    Violation::new("/spec", "never_fires", zh, en)
}

fn not_begun() -> Violation {
    Violation::new(
        "/period/offset",
        "period_not_begun",
        "不能为正：通报所述的周期届时尚未开始。0 为触发时所在的周期，-1 为刚结束的周期。",
        "Must not be positive: the period would not have begun. 0 is the period in which the schedule fires, -1 the one that has just \
         ended.",
    )
}

/// Returns a suggestion, in Chinese and English, for firing once in each period of a unit.
const fn instead(unit: PeriodUnit) -> (&'static str, &'static str) {
    match unit {
        PeriodUnit::Day => (
            "请每天触发，例如 `0 0 9 * * *`；休息日不发，请把 workday_policy 设为跳过（skip）。",
            "Choose every day, for example `0 0 9 * * *`; to skip days off, set workday_policy to skip.",
        ),
        PeriodUnit::Week => (
            "请写每周都有的一天，例如 `0 0 9 * * MON`。",
            "Choose a day of the week, for example `0 0 9 * * MON`.",
        ),
        PeriodUnit::TenDay => (
            "请在每旬各写一天，例如 `0 0 9 1,11,21 * *`，或 `0 0 9 10,20,L * *`。",
            "Choose a day in each third of the month, for example `0 0 9 1,11,21 * *` or `0 0 9 10,20,L * *`.",
        ),
        PeriodUnit::Month => (
            "请写每月都有的一天（1 至 28），每月最后一天写 `L`，例如 `0 0 9 L * *`。",
            "Choose a day that every month has (1 to 28), or `L` for the last day, for example `0 0 9 L * *`.",
        ),
        PeriodUnit::Quarter => (
            "请在每季度各写一天，例如 `0 0 9 1 1,4,7,10 *`，或 `0 0 9 L 3,6,9,12 *`。",
            "Choose a day in each quarter, for example `0 0 9 1 1,4,7,10 *` or `0 0 9 L 3,6,9,12 *`.",
        ),
        PeriodUnit::Year => (
            "请写每年都有的一天，例如 `0 0 9 1 1 *`；二月最后一天写 `0 0 9 L 2 *`。",
            "Choose a day that every year has, for example `0 0 9 1 1 *`; the last day of February is `0 0 9 L 2 *`.",
        ),
    }
}

fn twice(one: &Fire, two: &Fire) -> Violation {
    let time = |fire: &Fire| fire.local.format("%Y-%m-%d %H:%M:%S").to_string();
    let (first, second, period) = (time(one), time(two), one.period);
    Violation::new(
        "/spec",
        "fires_twice",
        format!("在周期 {period} 内会触发两次：{first} 和 {second}。"),
        format!("The schedule would fire twice in {period}: at {first} and at {second}."),
    )
}
