//! Schedules for composing bulletins: a cron expression in a time zone that fires once per period, optionally moved off
//! days off.
//!
//! A fire is an instant that the cron expression matches. The period of a fire and the time when its work is due (the
//! fire, moved by the workday policy) are independent: moving the work never changes the period. The cursor counts
//! fires, so a calendar that is published late can move work but cannot lose it.

mod fields;
mod fires_once;
mod plan;

pub use fields::PlanFields;
pub use plan::Plan;

use crate::clock::UtcTime;
use crate::period::Period;

column_enum! {
    /// What to do about periods that fell due while no worker was running.
    pub enum CatchUp {
        /// Issue all of them.
        All => "all",
        /// Issue the latest and list the others as missed.
        Latest => "latest",
        /// Issue none and list them as missed.
        None => "none",
    }
}

column_enum! {
    /// What to do if the schedule fires on a day off.
    pub enum WorkdayPolicy {
        /// Nothing; compose on days off too.
        None => "none",
        /// Skip this period.
        Skip => "skip",
        /// Compose on the next working day at the same time.
        Next => "next",
        /// Compose on the last working day before, at the same time.
        Previous => "previous",
    }
}

column_enum! {
    /// Whether composed bulletins need approval by a person.
    pub enum Approval {
        /// Publish automatically.
        Automatic => "automatic",
        /// Keep a draft until a person approves and publishes it.
        Required => "required",
    }
}

column_enum! {
    /// Why an occurrence was not issued, or a remark about it.
    pub enum OccurrenceReason {
        /// A later period was due as well, and only the latest is caught up.
        LaterPeriodDue => "later_period_due",
        /// It was due before the start of the catch-up window.
        OlderThanWindow => "older_than_window",
        /// More periods were due than the cap allows; the latest were kept.
        BeyondCap => "beyond_cap",
        /// It was due while no worker was running, and the schedule does not catch up.
        NoCatchUp => "no_catch_up",
        /// The schedule fired on a day off.
        NotAWorkday => "not_a_workday",
        /// The person who resumed the schedule chose not to send the missed periods.
        SkippedOnResume => "skipped_on_resume",
        /// A person set a later period as the next one.
        PassedOver => "passed_over",
        /// A person moved the start of the schedule after this period or the end before it.
        OutsideSchedule => "outside_schedule",
        /// The working calendar of that year was not yet published, so Monday to Friday were taken as working days.
        CalendarUnknown => "calendar_unknown",
    }
}

/// The decision on an occurrence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Compose it.
    Open,
    /// Skipped by the rules of the schedule.
    Skipped(OccurrenceReason),
    /// Missed: due, but too late to be composed.
    Missed(OccurrenceReason),
}

/// A period that is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DueOccurrence {
    /// The period to report on.
    pub period: Period,
    /// When the work is due: the fire, moved by the workday policy. UTC.
    pub due_at: UtcTime,
    /// The decision.
    pub verdict: Verdict,
    /// Whether the due time depends on a year without a published calendar.
    pub provisional: bool,
}

impl DueOccurrence {
    /// Returns the reason to store with the row, if any.
    pub fn reason(&self) -> Option<OccurrenceReason> {
        match self.verdict {
            Verdict::Skipped(reason) | Verdict::Missed(reason) => Some(reason),
            Verdict::Open => self.provisional.then_some(OccurrenceReason::CalendarUnknown),
        }
    }
}

/// The result of evaluating a schedule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// The periods that fell due, oldest first, each once.
    pub occurrences: Vec<DueOccurrence>,
    /// The fire up to which everything is decided. Never before the old cursor.
    pub new_cursor: UtcTime,
    /// When to evaluate next: in the past if more occurrences are waiting, `None` if nothing will ever be due.
    pub next_due_at: Option<UtcTime>,
}

impl Due {
    /// Marks all open occurrences as missed, for a person who resumes the schedule without catching up.
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
