//! When bulletins are composed: a cron spec on the clocks of a time zone, one fire per period, moved off holidays if wanted.
//!
//! A fire is the moment the spec names. What a fire is about (its period) and when the work is due (the fire, moved by the
//! workday policy) are two questions: moving the work never changes the period. The cursor counts fires, so a calendar that
//! is published late can move work but cannot lose it.

mod fields;
mod fires_once;
mod plan;

pub use fields::PlanFields;
pub use plan::Plan;

use crate::clock::UtcTime;
use crate::period::Period;

column_enum! {
    /// What to do about periods that came due while no worker was running.
    pub enum CatchUp {
        /// Issue them all.
        All => "all",
        /// Issue the latest, list the others as missed.
        Latest => "latest",
        /// Issue none, list them as missed.
        None => "none",
    }
}

column_enum! {
    /// What to do when the fire is not on a working day.
    pub enum WorkdayPolicy {
        /// Nothing: work on holidays too.
        None => "none",
        /// Leave that period out.
        Skip => "skip",
        /// Work on the next working day, at the same time.
        Next => "next",
        /// Work on the last working day before, at the same time.
        Previous => "previous",
    }
}

column_enum! {
    /// Whether a person releases what was composed.
    pub enum Approval {
        /// Publish at once.
        Automatic => "automatic",
        /// Keep a draft until somebody approves and publishes it.
        Required => "required",
    }
}

column_enum! {
    /// Why an occurrence was not issued, or what to know about it.
    pub enum OccurrenceReason {
        /// A later period was due as well, and only the latest is caught up.
        LaterPeriodDue => "later_period_due",
        /// It was due longer ago than the catch-up window reaches back.
        OlderThanWindow => "older_than_window",
        /// More periods were due than the cap allows; the latest were kept.
        BeyondCap => "beyond_cap",
        /// It was due while no worker was running, and nothing is caught up.
        NoCatchUp => "no_catch_up",
        /// The fire was on a day off.
        NotAWorkday => "not_a_workday",
        /// Whoever resumed the schedule chose not to send what was missed.
        SkippedOnResume => "skipped_on_resume",
        /// A person set a later period as the next one.
        PassedOver => "passed_over",
        /// A person had the schedule begin later, or end before it.
        OutsideSchedule => "outside_schedule",
        /// The working calendar of that year was not published yet: weekdays were taken as working days.
        CalendarUnknown => "calendar_unknown",
    }
}

/// What becomes of an occurrence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Compose it.
    Open,
    /// Not wanted by the rules of the schedule.
    Skipped(OccurrenceReason),
    /// Wanted, but too late.
    Missed(OccurrenceReason),
}

/// One period whose time has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DueOccurrence {
    /// What it is about.
    pub period: Period,
    /// When the work is due: the fire, moved by the workday policy. UTC.
    pub due_at: UtcTime,
    /// What becomes of it.
    pub verdict: Verdict,
    /// Whether the due time rests on a year without a published calendar.
    pub provisional: bool,
}

impl DueOccurrence {
    /// The reason to keep with the row, if there is something to say.
    pub fn reason(&self) -> Option<OccurrenceReason> {
        match self.verdict {
            Verdict::Skipped(reason) | Verdict::Missed(reason) => Some(reason),
            Verdict::Open => self.provisional.then_some(OccurrenceReason::CalendarUnknown),
        }
    }
}

/// What a look at the clock found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// Periods that came due, oldest first, each once.
    pub occurrences: Vec<DueOccurrence>,
    /// The fire up to which everything is decided. Never before the old cursor.
    pub new_cursor: UtcTime,
    /// When to look again: in the past when more is waiting, none when nothing will ever be due.
    pub next_due_at: Option<UtcTime>,
}

impl Due {
    /// Nothing of it is to be issued: somebody resumed the schedule and does not want what was missed.
    pub fn skip_all(&mut self) {
        for occurrence in &mut self.occurrences {
            if occurrence.verdict == Verdict::Open {
                occurrence.verdict = Verdict::Missed(OccurrenceReason::SkippedOnResume);
            }
        }
    }
}

#[cfg(test)]
mod tests;
