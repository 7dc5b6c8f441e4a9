//! The dated facts of a life, and the order they must have.

use chrono::NaiveDate;

use super::Status;
use crate::domain::Violation;
use crate::domain::dates::{Precision, counts_from, interval};

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

/// The dated facts of an organization's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Life {
    /// Where it stands.
    pub status: Status,
    /// 批复
    pub approved: Option<PreciseDate>,
    /// 成立
    pub established: Option<PreciseDate>,
    /// 挂牌
    pub unveiled: Option<PreciseDate>,
    /// 撤销
    pub closed: Option<PreciseDate>,
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
                found.push(Violation::new(
                    pointer,
                    "date_in_future",
                    format!("日期不能晚于今天（{today}）。"),
                    format!("The date must not be after today ({today})."),
                ));
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
        found
    }

    /// The lives this organization led, in order: each status from a date until the next. `first_day` is when a preparation
    /// of unknown date is taken to have begun.
    pub fn segments(&self, first_day: NaiveDate) -> Vec<(NaiveDate, Self)> {
        let mut segments: Vec<(NaiveDate, Self)> = Vec::new();
        let mut push = |from: NaiveDate, life: Self| {
            match segments.last_mut() {
                // Two steps on one day: only the later state lasted.
                Some(last) if last.0 >= from => last.1 = life,
                _ => segments.push((from, life)),
            }
        };
        if let Some(approved) = self.approved {
            push(
                approved.counts_from(),
                Self {
                    status: Status::Approved,
                    established: None,
                    unveiled: None,
                    closed: None,
                    ..*self
                },
            );
        }
        if let Some(established) = self.established {
            let from = established.counts_from();
            push(
                from,
                Self {
                    status: Status::Established,
                    unveiled: None,
                    closed: None,
                    ..*self
                },
            );
            if let Some(unveiled) = self.unveiled {
                let from = unveiled.counts_from().max(from);
                push(
                    from,
                    Self {
                        status: Status::Established,
                        closed: None,
                        ..*self
                    },
                );
            }
        }
        match (self.status, self.closed) {
            (Status::Closed | Status::Merged, Some(closed)) => push(closed.counts_from(), *self),
            (Status::Preparing, _) => push(first_day, *self),
            (Status::Abandoned, _) => {
                let from = self
                    .approved
                    .map_or(first_day, |approved| approved.counts_from().max(first_day));
                push(from, *self);
            }
            _ => {}
        }
        segments
    }
}
