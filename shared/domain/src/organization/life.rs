//! The dated facts of a life, and the order they must have.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::Status;
use crate::Violation;
use crate::dates::{Precision, counts_from, day, interval};

/// How often an organization may have been closed and established again.
const MOST_REOPENINGS: usize = 20;

/// A date with its precision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PreciseDate {
    /// Any day of the interval.
    pub on: NaiveDate,
    /// How much of it is known.
    pub precision: Precision,
}

impl PreciseDate {
    /// A date known to the day.
    pub fn day(on: NaiveDate) -> Self {
        Self {
            on,
            precision: Precision::Day,
        }
    }

    /// The day from which it counts.
    pub fn counts_from(self) -> NaiveDate {
        counts_from(self.on, self.precision)
    }

    /// The first day it may mean.
    pub fn earliest(self) -> NaiveDate {
        interval(self.on, self.precision).0
    }
}

/// 恢复: it was closed on a day, and established again on a later one. Between the two it does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Reopening {
    #[serde(deserialize_with = "day::read")]
    pub closed_on: NaiveDate,
    #[serde(default = "to_the_day")]
    pub closed_precision: Precision,
    #[serde(deserialize_with = "day::read")]
    pub reopened_on: NaiveDate,
    #[serde(default = "to_the_day")]
    pub reopened_precision: Precision,
}

const fn to_the_day() -> Precision {
    Precision::Day
}

impl Reopening {
    /// Closed on one day, established again on another.
    pub fn between(closed: PreciseDate, reopened: PreciseDate) -> Self {
        Self {
            closed_on: closed.on,
            closed_precision: closed.precision,
            reopened_on: reopened.on,
            reopened_precision: reopened.precision,
        }
    }

    /// When it was closed.
    pub fn closed(self) -> PreciseDate {
        PreciseDate {
            on: self.closed_on,
            precision: self.closed_precision,
        }
    }

    /// When it was established again.
    pub fn reopened(self) -> PreciseDate {
        PreciseDate {
            on: self.reopened_on,
            precision: self.reopened_precision,
        }
    }
}

/// The dated facts of an organization's life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Life {
    /// Where it stands.
    pub status: Status,
    /// 批复
    pub approved: Option<PreciseDate>,
    /// 成立, the first time
    pub established: Option<PreciseDate>,
    /// 挂牌
    pub unveiled: Option<PreciseDate>,
    /// 撤销、合并, for good as far as is known
    pub closed: Option<PreciseDate>,
    /// 恢复: when it was closed for a time, in order.
    pub reopenings: Vec<Reopening>,
}

impl Life {
    /// Checks that the dates fit the status, each other, and today (Asia/Shanghai).
    pub fn violations(&self, today: NaiveDate) -> Vec<Violation> {
        let mut found = Vec::new();
        let needs = |found: &mut Vec<Violation>,
                     pointer: &'static str,
                     present: bool,
                     needed: bool,
                     allowed: bool| {
            if needed && !present {
                found.push(Violation::new(
                    pointer,
                    "date_missing",
                    format!("状态为 {} 时必须填写此日期。", self.status),
                    format!("Status {} needs this date.", self.status),
                ));
            } else if present && !allowed {
                found.push(Violation::new(
                    pointer,
                    "date_not_allowed",
                    format!("状态为 {} 时不能有此日期。", self.status),
                    format!("Status {} cannot have this date.", self.status),
                ));
            }
        };
        let was_established = matches!(self.status, Status::Established | Status::Closed | Status::Merged);
        let ended = matches!(self.status, Status::Closed | Status::Merged);
        needs(
            &mut found,
            "/approval/on",
            self.approved.is_some(),
            self.status == Status::Approved,
            self.status != Status::Preparing,
        );
        needs(
            &mut found,
            "/established_on",
            self.established.is_some(),
            was_established,
            was_established,
        );
        needs(
            &mut found,
            "/unveiled_on",
            self.unveiled.is_some(),
            false,
            was_established,
        );
        needs(&mut found, "/closed_on", self.closed.is_some(), ended, ended);
        let steps = [
            ("/approval/on", self.approved),
            ("/established_on", self.established),
            ("/unveiled_on", self.unveiled),
            ("/closed_on", self.closed),
        ];
        // The earliest day the steps so far allow: of 03-25, then 下旬, then 03-22, the last comes too early.
        let mut before: Option<NaiveDate> = None;
        for (pointer, date) in steps
            .into_iter()
            .filter_map(|(pointer, date)| Some((pointer, date?)))
        {
            if date.earliest() > today {
                found.push(Violation::in_future(pointer, today));
            }
            // Only an order that no day of both intervals can satisfy is wrong.
            if before.is_some_and(|before| date.counts_from() < before) {
                found.push(Violation::new(
                    pointer,
                    "dates_out_of_order",
                    "日期早于前一步骤的日期（批复、成立、挂牌、撤销须依次）。",
                    "The date is before that of the step before it (approved, established, unveiled, closed).",
                ));
            }
            before = before.max(Some(date.earliest()));
        }
        if was_established {
            self.check_reopenings(&mut found, today);
        } else if !self.reopenings.is_empty() {
            found.push(Violation::new(
                "/reopenings",
                "date_not_allowed",
                format!("状态为 {} 时不能有恢复记录。", self.status),
                format!("Status {} cannot have reopenings.", self.status),
            ));
        }
        found
    }

    /// Each time it was closed and established again lies behind the one before, by the days from which they count, so that on
    /// every day it is clear whether it counts.
    fn check_reopenings(&self, found: &mut Vec<Violation>, today: NaiveDate) {
        if self.reopenings.len() > MOST_REOPENINGS {
            found.push(Violation::new(
                "/reopenings",
                "too_many",
                format!("恢复最多 {MOST_REOPENINGS} 次。"),
                format!("At most {MOST_REOPENINGS} reopenings."),
            ));
        }
        let out_of_order = |pointer: String| {
            Violation::new(
                pointer,
                "dates_out_of_order",
                "日期早于前一步骤的日期（成立、撤销、恢复须依次，恢复须晚于撤销）。",
                "The date is before that of the step before it (established, closed, then reopened on a later day).",
            )
        };
        let mut before = self.established.map(PreciseDate::counts_from);
        for (number, reopening) in self.reopenings.iter().enumerate() {
            let (closed, reopened) = (reopening.closed(), reopening.reopened());
            if before.is_some_and(|before| closed.counts_from() < before) {
                found.push(out_of_order(format!("/reopenings/{number}/closed_on")));
            }
            if reopened.counts_from() <= closed.counts_from() {
                found.push(out_of_order(format!("/reopenings/{number}/reopened_on")));
            }
            if reopened.earliest() > today {
                found.push(Violation::in_future(
                    format!("/reopenings/{number}/reopened_on"),
                    today,
                ));
            }
            let was_closed = |day: NaiveDate| closed.counts_from() <= day && day < reopened.earliest();
            if self
                .unveiled
                .is_some_and(|unveiled| was_closed(unveiled.counts_from()))
            {
                found.push(out_of_order("/unveiled_on".to_owned()));
            }
            before = Some(reopened.counts_from());
        }
        if !self.reopenings.is_empty()
            && before
                .zip(self.closed)
                .is_some_and(|(before, closed)| closed.counts_from() < before)
        {
            found.push(out_of_order("/closed_on".to_owned()));
        }
    }

    /// The first day this life tells of.
    pub fn first_day(&self, today: NaiveDate) -> Option<NaiveDate> {
        self.segments(today).first().map(|(day, _)| *day)
    }

    /// The lives this organization led, in order: each status from a date until the next. `first_day` is when a preparation
    /// of unknown date is taken to have begun.
    pub fn segments(&self, first_day: NaiveDate) -> Vec<(NaiveDate, Self)> {
        let mut segments: Vec<(NaiveDate, Self)> = Vec::new();
        let mut push = |from: NaiveDate, life: &Self| {
            match segments.last_mut() {
                // Two steps on one day: only the later state lasted.
                Some(last) if last.0 >= from => last.1 = life.clone(),
                _ => segments.push((from, life.clone())),
            }
        };
        // What was so far: each step adds to it.
        let mut so_far = Self {
            status: Status::Approved,
            established: None,
            unveiled: None,
            closed: None,
            reopenings: Vec::new(),
            ..self.clone()
        };
        if let Some(approved) = self.approved {
            push(approved.counts_from(), &so_far);
        }
        if let Some(established) = self.established {
            let from = established.counts_from();
            (so_far.status, so_far.established) = (Status::Established, self.established);
            push(from, &so_far);
            let mut unveiling = self.unveiled.map(|unveiled| unveiled.counts_from().max(from));
            for reopening in &self.reopenings {
                let (closed, reopened) = (reopening.closed(), reopening.reopened());
                if let Some(day) = unveiling.take_if(|day| *day < closed.counts_from()) {
                    so_far.unveiled = self.unveiled;
                    push(day, &so_far);
                }
                (so_far.status, so_far.closed) = (Status::Closed, Some(closed));
                push(closed.counts_from(), &so_far);
                (so_far.status, so_far.closed) = (Status::Established, None);
                so_far.reopenings.push(*reopening);
                push(reopened.counts_from(), &so_far);
            }
            if let Some(day) = unveiling {
                so_far.unveiled = self.unveiled;
                push(day, &so_far);
            }
        }
        match (self.status, self.closed) {
            (Status::Closed | Status::Merged, Some(closed)) => push(closed.counts_from(), self),
            (Status::Preparing, _) => push(first_day, self),
            (Status::Abandoned, _) => {
                let from = self
                    .approved
                    .map_or(first_day, |approved| approved.counts_from().max(first_day));
                push(from, self);
            }
            _ => {}
        }
        segments
    }
}
