//! The validated timing of a schedule, and which occurrences are due.

use std::collections::VecDeque;

use chrono::{DateTime, Datelike as _, Days, NaiveDate, NaiveTime, TimeDelta, TimeZone as _, Weekday};
use chrono_tz::Tz;
use croner::Cron;

use super::fields::PlanFields;
use super::{CatchUp, Due, DueOccurrence, OccurrenceReason, Verdict, WorkdayPolicy};
use crate::clock::UtcTime;
use crate::period::Period;

/// Work that starts within this time after it is due counts as on time: a restart or a deployment is not an outage.
const ON_TIME: TimeDelta = TimeDelta::minutes(10);
/// The maximum number of consecutive days off to skip before the policy gives up and keeps the day of the fire.
const MOST_DAYS_OFF: u64 = 31;

/// The validated timing of a schedule.
#[derive(Debug, Clone)]
pub struct Plan {
    pub(super) cron: Cron,
    pub(super) zone: Tz,
    pub(super) fields: PlanFields,
    /// The calendar period in which the first period's fire is.
    pub(super) first_fire_in: Period,
    pub(super) last_fire_in: Option<Period>,
}

/// An instant that the cron expression matches.
pub(super) struct Fire {
    at: UtcTime,
    pub(super) local: DateTime<Tz>,
    pub(super) period: Period,
}

struct Shifted {
    due_at: UtcTime,
    skipped: bool,
    provisional: bool,
}

impl Plan {
    /// Returns the cursor of a schedule without decided occurrences: just before the earliest possible fire of the
    /// first period.
    pub fn initial_cursor(&self) -> UtcTime {
        self.cursor_before(self.fields.starts_period)
    }

    /// Returns the cursor for which `period` is issued next: just before its earliest possible fire.
    pub fn cursor_before(&self, period: Period) -> UtcTime {
        let back = self.fields.period_offset.checked_neg().unwrap_or_default();
        let fire_in = period.plus(back).unwrap_or(self.first_fire_in);
        at_local(self.zone, fire_in.first_day(), NaiveTime::MIN).plus(TimeDelta::seconds(-1))
    }

    /// Returns the period that is issued next after the fire `cursor_at`, or `None` after the last one.
    pub fn next_period(&self, cursor_at: UtcTime) -> Option<Period> {
        self.fires(cursor_at).next().map(|fire| fire.period)
    }

    /// Returns what is due at `now` after the fire `cursor_at`: at most `most` periods, oldest first.
    ///
    /// `calendar` returns whether a day is a working day, or `None` if its year has no published calendar.
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
        // The decisions depend on later occurrences. They are therefore made over all pending ones even if only some
        // are returned, so that the next evaluation comes to the same decisions.
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

    /// Returns the next `count` periods after the fire `cursor_at`, regardless of when they are due. Used for previews.
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

    /// Decides on an occurrence. `newer` is the number of periods of this evaluation that fell due after it.
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

    /// Returns the fires after `after`, within the first and last period. Ends early if the cron expression has no
    /// further match.
    pub(super) fn fires(&self, after: UtcTime) -> impl Iterator<Item = Fire> + '_ {
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
                    // A report must not be composed before its period has begun.
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

/// Returns the instant at which the clocks of a zone show this time on this day: the earlier one if they show it twice,
/// the first valid minute afterwards if they never show it.
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
