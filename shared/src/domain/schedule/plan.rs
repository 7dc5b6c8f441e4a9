//! A schedule's timing as read and checked, and what is due by it.

use std::collections::VecDeque;

use chrono::{DateTime, Datelike as _, Days, NaiveDate, NaiveTime, TimeDelta, TimeZone as _, Weekday};
use chrono_tz::Tz;
use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};

use super::{CatchUp, Due, DueOccurrence, OccurrenceReason, Verdict, WorkdayPolicy};
use crate::clock::UtcTime;
use crate::domain::Violation;
use crate::domain::period::{Period, PeriodUnit};

/// Work begun this much after its due time still counts as on time: a restart or a deployment is not an outage.
const ON_TIME: TimeDelta = TimeDelta::minutes(10);
/// How far a period may lie from the one its fire is in.
const MOST_OFFSET: i32 = 36;
/// Catch-up never opens more than this at once.
const MOST_CAP: i32 = 1000;
/// Longest spec, in characters.
const SPEC_CHARS: usize = 100;
/// How long a run of days off may be before the policy gives up and keeps the fire's own day.
const MOST_DAYS_OFF: u64 = 31;
/// Weekdays and dates meet again after 28 years: a double that does not show by then does not come.
const CHECKED_YEARS: i32 = 28;
/// A spec is a set of dates times a set of times, so a double within a day shows on its first day.
const CHECKED_DAYS: usize = 370;

/// The timing of a schedule as a caller writes it and a row keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanFields {
    /// Five fields, or six with seconds first; `L`, `W` and `#` as Quartz has them; a day of the month and a weekday must
    /// both match.
    pub spec: String,
    /// An IANA name: `Asia/Shanghai`.
    pub time_zone: String,
    /// One fire per period of this length.
    pub period_unit: PeriodUnit,
    /// Added to the period the fire is in: -1 for the period just over.
    pub period_offset: i32,
    /// The first period to issue; it may lie in the past, and is then caught up.
    pub starts_period: Period,
    /// The last one; none: for ever.
    pub ends_period: Option<Period>,
    /// What to do on days off.
    pub workday_policy: WorkdayPolicy,
    /// What to do about missed periods.
    pub catch_up: CatchUp,
    /// How far back catch-up reaches, in seconds; none: without limit.
    pub catch_up_window_s: Option<i64>,
    /// How many periods are opened at once at most; the latest are kept.
    pub catch_up_cap: i32,
}

/// The timing of a schedule, read.
#[derive(Debug, Clone)]
pub struct Plan {
    cron: Cron,
    zone: Tz,
    fields: PlanFields,
    /// The calendar period the first period's fire is in.
    first_fire_in: Period,
    last_fire_in: Option<Period>,
}

struct Fire {
    at: UtcTime,
    local: DateTime<Tz>,
    period: Period,
}

struct Shifted {
    due_at: UtcTime,
    skipped: bool,
    provisional: bool,
}

impl PlanFields {
    /// Reads the fields. What needs a look at the calendar is left to [`Plan::check`].
    ///
    /// # Errors
    /// Everything that is wrong, by field.
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
        // An offset that cannot be turned round is far outside its range, which is said above.
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
                    format!("`{period}` 不是 {unit} 周期。"),
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
                "Out of the years that can be named.",
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
                "Ends before it starts.",
            ));
        }
    }
}

impl Plan {
    /// What a schedule must fulfil when it is saved: it fires exactly once in each period, and not before that has begun.
    ///
    /// # Errors
    /// A violation that names the dates, and what to write.
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
            format!("Does not fire in {fire_in}, so that {period} would get no bulletin. {en}"),
        )
    }

    /// The cursor of a schedule that has decided nothing yet: just before the first period's fire can be.
    pub fn initial_cursor(&self) -> UtcTime {
        self.cursor_before(self.fields.starts_period)
    }

    /// The cursor that leaves `period` to be issued next: just before its fire can be.
    pub fn cursor_before(&self, period: Period) -> UtcTime {
        let back = self.fields.period_offset.checked_neg().unwrap_or_default();
        let fire_in = period.plus(back).unwrap_or(self.first_fire_in);
        at_local(self.zone, fire_in.first_day(), NaiveTime::MIN).plus(TimeDelta::seconds(-1))
    }

    /// The period that is issued next after the fire `cursor_at`; none when it was the last.
    pub fn next_period(&self, cursor_at: UtcTime) -> Option<Period> {
        self.fires(cursor_at).next().map(|fire| fire.period)
    }

    /// What has come due after the fire `cursor_at`, by the time `now`: at most `most` periods, oldest first.
    ///
    /// `calendar` says whether a day is a working day; nothing when its year has no published calendar.
    pub fn due(
        &self,
        cursor_at: UtcTime,
        now: UtcTime,
        calendar: &dyn Fn(NaiveDate) -> Option<bool>,
        most: usize,
    ) -> Due {
        let mut pending = VecDeque::new();
        let mut next_due_at = None;
        for fire in self.fires(cursor_at) {
            let shifted = self.shift(&fire, calendar);
            if shifted.due_at > now {
                next_due_at = Some(shifted.due_at);
                break;
            }
            pending.push_back((fire, shifted));
        }
        // The verdict looks at what is newer, so it is taken over all that is pending, also when only a part is returned:
        // the next look then comes to the same verdicts.
        let mut newer = pending.iter().filter(|(_, shifted)| !shifted.skipped).count();
        let mut due = Due {
            occurrences: Vec::new(),
            new_cursor: cursor_at,
            next_due_at,
        };
        for (fire, shifted) in pending {
            if due.occurrences.len() == most {
                due.next_due_at = Some(shifted.due_at);
                break;
            }
            let verdict = if shifted.skipped {
                Verdict::Skipped(OccurrenceReason::NotAWorkday)
            } else {
                newer -= 1;
                self.verdict(now.as_chrono() - shifted.due_at.as_chrono(), newer)
            };
            due.new_cursor = due.new_cursor.max(fire.at);
            due.occurrences.push(DueOccurrence {
                period: fire.period,
                due_at: shifted.due_at,
                verdict,
                provisional: shifted.provisional,
            });
        }
        due
    }

    /// The next `count` periods after the fire `cursor_at`, whenever they are due: for previews.
    pub fn upcoming(
        &self,
        cursor_at: UtcTime,
        count: usize,
        calendar: &dyn Fn(NaiveDate) -> Option<bool>,
    ) -> Vec<DueOccurrence> {
        let to_occurrence = |fire: Fire| {
            let Shifted {
                due_at,
                skipped,
                provisional,
            } = self.shift(&fire, calendar);
            let verdict = if skipped {
                Verdict::Skipped(OccurrenceReason::NotAWorkday)
            } else {
                Verdict::Open
            };
            DueOccurrence {
                period: fire.period,
                due_at,
                verdict,
                provisional,
            }
        };
        self.fires(cursor_at).take(count).map(to_occurrence).collect()
    }

    /// `newer` counts the periods of this look that came due after this one.
    fn verdict(&self, late: TimeDelta, newer: usize) -> Verdict {
        let fields = &self.fields;
        let window = fields.catch_up_window_s.and_then(TimeDelta::try_seconds);
        let cap = usize::try_from(fields.catch_up_cap).unwrap_or(1);
        if late > ON_TIME && fields.catch_up == CatchUp::None {
            Verdict::Missed(OccurrenceReason::NoCatchUp)
        } else if fields.catch_up == CatchUp::Latest && newer > 0 {
            Verdict::Missed(OccurrenceReason::LaterPeriodDue)
        } else if late > ON_TIME && window.is_some_and(|window| late > window) {
            Verdict::Missed(OccurrenceReason::OlderThanWindow)
        } else if newer >= cap {
            Verdict::Missed(OccurrenceReason::BeyondCap)
        } else {
            Verdict::Open
        }
    }

    /// The fires after `after`, within the first and last period. Ends early when the spec has no further fire.
    fn fires(&self, after: UtcTime) -> impl Iterator<Item = Fire> + '_ {
        let mut last = after
            .max(self.initial_cursor())
            .as_chrono()
            .with_timezone(&self.zone);
        std::iter::from_fn(move || {
            let local = self.cron.find_next_occurrence(&last, false).ok()?;
            last = local;
            let fired_in = Period::containing(local.date_naive(), self.fields.period_unit);
            if self.last_fire_in.is_some_and(|end| fired_in > end) {
                return None;
            }
            let period = fired_in.plus(self.fields.period_offset)?;
            Some(Fire {
                at: UtcTime::from(local.to_utc()),
                local,
                period,
            })
        })
    }

    fn shift(&self, fire: &Fire, calendar: &dyn Fn(NaiveDate) -> Option<bool>) -> Shifted {
        let mut provisional = false;
        let mut is_workday = |day: NaiveDate| {
            calendar(day).unwrap_or_else(|| {
                provisional = true;
                !matches!(day.weekday(), Weekday::Sat | Weekday::Sun)
            })
        };
        let fired_on = fire.local.date_naive();
        let work_on = match self.fields.workday_policy {
            WorkdayPolicy::None => Some(fired_on),
            WorkdayPolicy::Skip => is_workday(fired_on).then_some(fired_on),
            WorkdayPolicy::Next => Some(
                (0..=MOST_DAYS_OFF)
                    .filter_map(|days| fired_on.checked_add_days(Days::new(days)))
                    .find(|day| is_workday(*day))
                    .unwrap_or(fired_on),
            ),
            WorkdayPolicy::Previous => Some(
                (0..=MOST_DAYS_OFF)
                    .filter_map(|days| fired_on.checked_sub_days(Days::new(days)))
                    // Nobody reports about what has not begun.
                    .take_while(|day| *day >= fire.period.first_day())
                    .find(|day| is_workday(*day))
                    .unwrap_or(fired_on),
            ),
        };
        let due_at = match work_on {
            Some(day) if day != fired_on => at_local(self.zone, day, fire.local.time()),
            _ => fire.at,
        };
        Shifted {
            due_at,
            skipped: work_on.is_none(),
            provisional,
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
                format!("Cannot be read: {error}"),
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

fn never(within_end: bool) -> Violation {
    let (zh, en) = if within_end {
        (
            "在开始与结束周期之间一次也不会触发。",
            "Never fires between the first and the last period.",
        )
    } else {
        (
            "永远不会触发：没有这样的日期。",
            "Never fires: there is no such date.",
        )
    };
    Violation::new("/spec", "never_fires", zh, en)
}

fn not_begun() -> Violation {
    Violation::new(
        "/period/offset",
        "period_not_begun",
        "不能为正：通报所述的周期届时尚未开始。0 为触发时所在的周期，-1 为刚结束的周期。",
        "Must not be positive: the period would not have begun. 0 is the period the fire is in, -1 the one just over.",
    )
}

/// What fires once in each period of a unit.
const fn instead(unit: PeriodUnit) -> (&'static str, &'static str) {
    match unit {
        PeriodUnit::Day => (
            "请每天触发，例如 `0 0 9 * * *`；休息日不发，请把 workday_policy 设为 skip。",
            "Let it fire every day, such as `0 0 9 * * *`; to leave out days off, set workday_policy to skip.",
        ),
        PeriodUnit::Week => (
            "请写每周都有的一天，例如 `0 0 9 * * MON`。",
            "Write a day that every week has, such as `0 0 9 * * MON`.",
        ),
        PeriodUnit::TenDay => (
            "请在每旬各写一天，例如 `0 0 9 1,11,21 * *`，或 `0 0 9 10,20,L * *`。",
            "Write a day for each third of a month, such as `0 0 9 1,11,21 * *` or `0 0 9 10,20,L * *`.",
        ),
        PeriodUnit::Month => (
            "请写每月都有的一天（1 至 28），每月最后一天写 `L`，例如 `0 0 9 L * *`。",
            "Write a day that every month has (1 to 28), or `L` for its last day: `0 0 9 L * *`.",
        ),
        PeriodUnit::Quarter => (
            "请在每季度各写一天，例如 `0 0 9 1 1,4,7,10 *`，或 `0 0 9 L 3,6,9,12 *`。",
            "Write a day for each quarter, such as `0 0 9 1 1,4,7,10 *` or `0 0 9 L 3,6,9,12 *`.",
        ),
        PeriodUnit::Year => (
            "请写每年都有的一天，例如 `0 0 9 1 1 *`；二月最后一天写 `0 0 9 L 2 *`。",
            "Write a day that every year has, such as `0 0 9 1 1 *`; the last of February is `0 0 9 L 2 *`.",
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
        format!("Would fire twice in {period}: at {first} and at {second}."),
    )
}

/// The moment the clocks of a zone show this time on this day: the earlier one when they show it twice, the first valid
/// minute after when they never do.
fn at_local(zone: Tz, day: NaiveDate, time: NaiveTime) -> UtcTime {
    let wanted = day.and_time(time);
    (0..=180)
        .find_map(|minutes| {
            zone.from_local_datetime(&(wanted + TimeDelta::minutes(minutes)))
                .earliest()
        })
        .map_or_else(
            || UtcTime::from(wanted.and_utc()),
            |local| UtcTime::from(local.to_utc()),
        )
}
