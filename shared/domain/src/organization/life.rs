//! The dated life-cycle facts of an organization and their order.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::Status;
use crate::Violation;
use crate::dates::{Precision, counts_from, day, interval};

/// The maximum number of times an organization may have been reopened.
const MOST_REOPENINGS: usize = 20;

/// A date with its precision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PreciseDate {
    /// Any day within the interval of the date.
    pub on: NaiveDate,
    /// The precision of the date.
    pub precision: Precision,
}

impl PreciseDate {
    /// Creates a date known to the day.
    pub fn day(on: NaiveDate) -> Self {
        Self {
            on,
            precision: Precision::Day,
        }
    }

    /// Returns the day from which an event on this date counts.
    pub fn counts_from(self) -> NaiveDate {
        counts_from(self.on, self.precision)
    }

    /// Returns the earliest day that the date may stand for.
    pub fn earliest(self) -> NaiveDate {
        interval(self.on, self.precision).0
    }
}

/// 恢复: the organization was closed, and re-established on a later day. It does not count in between.
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
    /// Creates a reopening from its two dates.
    pub fn between(closed: PreciseDate, reopened: PreciseDate) -> Self {
        Self {
            closed_on: closed.on,
            closed_precision: closed.precision,
            reopened_on: reopened.on,
            reopened_precision: reopened.precision,
        }
    }

    /// Returns the date of the closure.
    pub fn closed(self) -> PreciseDate {
        PreciseDate {
            on: self.closed_on,
            precision: self.closed_precision,
        }
    }

    /// Returns the date of the re-establishment.
    pub fn reopened(self) -> PreciseDate {
        PreciseDate {
            on: self.reopened_on,
            precision: self.reopened_precision,
        }
    }
}

/// The dated life-cycle facts of an organization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Life {
    /// The status.
    pub status: Status,
    /// 批复
    pub approved: Option<PreciseDate>,
    /// 成立, the first time.
    pub established: Option<PreciseDate>,
    /// 挂牌
    pub unveiled: Option<PreciseDate>,
    /// 撤销、合并: the final closure, as far as is known.
    pub closed: Option<PreciseDate>,
    /// 恢复: the periods during which it was closed, in order.
    pub reopenings: Vec<Reopening>,
}

impl Life {
    /// Returns the violations of the dates against the status, each other and today (Asia/Shanghai).
    pub fn violations(&self, today: NaiveDate) -> Vec<Violation> {
        let mut found = Vec::new();
        let (status, label) = (self.status, self.status.chinese());
        let needs = |found: &mut Vec<Violation>,
                     pointer: &'static str,
                     present: bool,
                     needed: bool,
                     allowed: bool| {
            if needed && !present {
                found.push(Violation::new(
                    pointer,
                    "date_missing",
                    format!("状态为“{label}”（{status}）时必须填写此日期。"),
                    format!("The status {} requires this date.", self.status),
                ));
            } else if present && !allowed {
                found.push(Violation::new(
                    pointer,
                    "date_not_allowed",
                    format!("状态为“{label}”（{status}）时不能有此日期。"),
                    format!("The status {} does not allow this date.", self.status),
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
        // The earliest day that the previous steps allow. For example, after 03-25 and then 下旬, 03-22 is too early.
        let mut before: Option<NaiveDate> = None;
        for (pointer, date) in steps
            .into_iter()
            .filter_map(|(pointer, date)| Some((pointer, date?)))
        {
            if date.earliest() > today {
                found.push(Violation::in_future(pointer, today));
            }
            // The order is only wrong if no days of both intervals satisfy it.
            if before.is_some_and(|before| date.counts_from() < before) {
                found.push(Violation::new(
                    pointer,
                    "dates_out_of_order",
                    "日期早于前一步骤的日期（批复、成立、挂牌、撤销须依次）。",
                    "The date is before that of the previous step (approved, established, unveiled, closed).",
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
                format!("状态为“{label}”（{status}）时不能有恢复记录。"),
                format!("The status {} does not allow reopenings.", self.status),
            ));
        }
        found
    }

    /// Checks that the reopenings follow each other, by the days from which they count, so that it is determined for
    /// every day whether the organization counts.
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
                "The date is before that of the previous step (established, closed, then reopened on a later day).",
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

    /// Returns the first day of this life cycle.
    pub fn first_day(&self, today: NaiveDate) -> Option<NaiveDate> {
        self.segments(today).first().map(|(day, _)| *day)
    }

    /// Returns the successive states of this life cycle, each from its first day until the next. `first_day` is the
    /// assumed start of a preparation whose date is unknown.
    pub fn segments(&self, first_day: NaiveDate) -> Vec<(NaiveDate, Self)> {
        let mut segments: Vec<(NaiveDate, Self)> = Vec::new();
        let mut push = |from: NaiveDate, life: &Self| {
            match segments.last_mut() {
                // Of two transitions on one day, only the later state is kept.
                Some(last) if last.0 >= from => last.1 = life.clone(),
                _ => segments.push((from, life.clone())),
            }
        };
        // The state so far, to which each transition adds.
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
