//! The properties of organizations that figures use: one small row for each stretch of a life in one area and of one
//! kind.

use chrono::{Datelike as _, NaiveDate};
use qiaojian_domain::dates::counts_from;
use qiaojian_domain::organization::{FiveHave, Host, Kind, PreciseDate, Reopening, Status, Verification};
use qiaojian_domain::rule::CountedFrom;

/// A day as a number, so that a missing date compares like any other.
pub type DayNumber = i32;

/// The number of a missing date, after every other day.
pub const NEVER: DayNumber = DayNumber::MAX;

/// Returns the number of a day.
pub fn number_of(day: NaiveDate) -> DayNumber {
    day.num_days_from_ce()
}

/// Returns the day of a number; `None` for [`NEVER`].
pub fn day_of(number: DayNumber) -> Option<NaiveDate> {
    NaiveDate::from_num_days_from_ce_opt(number)
}

/// Returns the number of the day from which a date counts; [`NEVER`] for `None`.
pub fn counted(date: Option<PreciseDate>) -> DayNumber {
    date.map_or(NEVER, |date| number_of(counts_from(date.on, date.precision)))
}

/// A period in which an organization was closed before it was re-established (恢复).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Break {
    /// The first day on which it was closed.
    pub from: DayNumber,
    /// The first day on which it was re-established.
    pub to: DayNumber,
}

/// A stretch: a period of valid time in one area, with one kind and host. The dates of the life are those known now,
/// including later ones; a query about an earlier day has to compare them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stretch {
    /// The first day of the stretch.
    pub from: DayNumber,
    /// The first day after the stretch.
    pub to: DayNumber,
    pub approved: DayNumber,
    pub established: DayNumber,
    pub unveiled: DayNumber,
    /// The day on which it was closed, merged or abandoned, without a later reopening.
    pub ended: DayNumber,
    /// The first day on which 五有 is complete.
    pub five_have: DayNumber,
    pub kind: Kind,
    pub host: Host,
    pub verification: Verification,
    /// Whether it was closed and re-established; this is rare, and the breaks are stored separately.
    pub reopened: bool,
    /// Whether the next stretch differs only in the day on which 五有 is complete.
    pub goes_on: bool,
}

impl Stretch {
    /// Returns whether the stretch includes this day.
    pub fn holds_on(&self, day: DayNumber) -> bool {
        self.from <= day && day < self.to
    }

    /// Returns the first day on which it counts.
    pub fn began(&self, counted_from: CountedFrom) -> DayNumber {
        match counted_from {
            // An organization established without a recorded approval counts as approved.
            CountedFrom::Approved if self.approved == NEVER => self.established,
            CountedFrom::Approved => self.approved,
            CountedFrom::Established => self.established,
            CountedFrom::Unveiled => self.unveiled,
        }
    }
}

/// The properties of an organization version that figures use.
#[derive(Debug, Clone)]
pub struct VersionFacts {
    pub valid_from: NaiveDate,
    pub valid_to: Option<NaiveDate>,
    pub status: Status,
    pub kind: Kind,
    pub host: Host,
    pub verification: Verification,
    pub approved: Option<PreciseDate>,
    pub established: Option<PreciseDate>,
    pub unveiled: Option<PreciseDate>,
    pub closed: Option<PreciseDate>,
    pub five_have: FiveHave,
    pub reopenings: Vec<Reopening>,
}

impl VersionFacts {
    /// Returns the stretch of this version alone.
    pub fn stretch(&self) -> Stretch {
        let from = number_of(self.valid_from);
        Stretch {
            from,
            to: self.valid_to.map_or(NEVER, number_of),
            approved: counted(self.approved),
            established: counted(self.established),
            unveiled: counted(self.unveiled),
            ended: if self.status == Status::Abandoned {
                from
            } else {
                counted(self.closed)
            },
            five_have: complete_from(&self.five_have),
            kind: self.kind,
            host: self.host,
            verification: self.verification,
            reopened: !self.reopenings.is_empty(),
            goes_on: false,
        }
    }

    /// Returns the periods in which it was closed before a reopening.
    pub(super) fn breaks(&self) -> Breaks {
        let breaks = self.reopenings.iter().map(|reopening| Break {
            from: counted(Some(reopening.closed())),
            to: counted(Some(reopening.reopened())),
        });
        breaks.collect()
    }
}

/// The periods in which an organization was closed, in order.
pub(super) type Breaks = Box<[Break]>;

/// Returns the first day on which 五有 is complete. An item without a date existed from the beginning.
fn complete_from(five_have: &FiveHave) -> DayNumber {
    five_have
        .items()
        .into_iter()
        .map(|(_, item)| match item {
            Some(item) if item.have => item.on.map_or(DayNumber::MIN, number_of),
            _ => NEVER,
        })
        .max()
        .unwrap_or(NEVER)
}

#[cfg(test)]
pub(super) mod tests {
    use qiaojian_domain::organization::ChecklistItem;

    use super::*;

    pub fn date(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    pub fn version(from: &str, to: Option<&str>, status: Status) -> VersionFacts {
        VersionFacts {
            valid_from: date(from),
            valid_to: to.map(date),
            status,
            kind: Kind::Federation,
            host: Host::Area,
            verification: Verification::Unverified,
            approved: None,
            established: None,
            unveiled: None,
            closed: None,
            five_have: FiveHave::default(),
            reopenings: Vec::new(),
        }
    }

    #[test]
    fn an_abandoned_preparation_ends_and_five_are_needed_for_five() {
        let abandoned = VersionFacts {
            approved: Some(PreciseDate::day(date("2022-01-10"))),
            ..version("2022-02-01", None, Status::Abandoned)
        };
        let stretch = abandoned.stretch();
        assert_eq!(
            day_of(stretch.began(CountedFrom::Approved)),
            Some(date("2022-01-10"))
        );
        assert_eq!(day_of(stretch.ended), Some(date("2022-02-01")));
        assert_eq!(stretch.five_have, NEVER);
        let item = |on: Option<&str>| {
            Some(ChecklistItem {
                have: true,
                on: on.map(date),
                doc_no: None,
            })
        };
        let mut five = FiveHave {
            organization: item(None),
            team: item(Some("2022-03-01")),
            funding: item(Some("2022-05-01")),
            venue: item(None),
            activity: item(None),
        };
        assert_eq!(day_of(complete_from(&five)), Some(date("2022-05-01")));
        five.venue = None;
        assert_eq!(complete_from(&five), NEVER);
    }
}
