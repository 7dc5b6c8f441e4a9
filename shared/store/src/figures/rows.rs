//! What figures need to know of organizations: one small row for each stretch of a life in one area, of one kind.

use chrono::{Datelike as _, NaiveDate};
use qiaojian_domain::dates::counts_from;
use qiaojian_domain::organization::{FiveHave, Host, Kind, PreciseDate, Reopening, Status, Verification};
use qiaojian_domain::rule::CountedFrom;

/// A day as a number, so that a date that is not there compares like any other.
pub type DayNumber = i32;

/// A day that does not come.
pub const NEVER: DayNumber = DayNumber::MAX;

/// The number of a day.
pub fn number_of(day: NaiveDate) -> DayNumber {
    day.num_days_from_ce()
}

/// The day of a number; none for [`NEVER`].
pub fn day_of(number: DayNumber) -> Option<NaiveDate> {
    NaiveDate::from_num_days_from_ce_opt(number)
}

/// The number of the day from which a date counts; [`NEVER`] without one.
pub fn counted(date: Option<PreciseDate>) -> DayNumber {
    date.map_or(NEVER, |date| number_of(counts_from(date.on, date.precision)))
}

/// A time in a life in which it was closed (恢复): from a day until another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Break {
    /// The first day on which it was closed.
    pub from: DayNumber,
    /// The first day on which it was established again.
    pub to: DayNumber,
}

/// One stretch: valid from a day until another, in one area, of one kind and host. The dates of the life are those known now, also
/// later ones; whoever asks for an earlier day compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stretch {
    /// The first day on which this is so.
    pub from: DayNumber,
    /// The first day on which it is not any more.
    pub to: DayNumber,
    pub approved: DayNumber,
    pub established: DayNumber,
    pub unveiled: DayNumber,
    /// Closed, merged or abandoned, for good as far as is known.
    pub ended: DayNumber,
    /// From this day on it has all five (五有).
    pub five_have: DayNumber,
    pub kind: Kind,
    pub host: Host,
    pub verification: Verification,
    /// Whether it was closed and established again; few were, and their breaks are kept apart.
    pub reopened: bool,
    /// Whether it only had all five on other days from `to` on, and goes on as it was.
    pub goes_on: bool,
}

impl Stretch {
    /// Whether it is so on this day.
    pub fn holds_on(&self, day: DayNumber) -> bool {
        self.from <= day && day < self.to
    }

    /// From this day on it counts.
    pub fn began(&self, counted_from: CountedFrom) -> DayNumber {
        match counted_from {
            // What is approved stays counted when it is established without a recorded approval.
            CountedFrom::Approved if self.approved == NEVER => self.established,
            CountedFrom::Approved => self.approved,
            CountedFrom::Established => self.established,
            CountedFrom::Unveiled => self.unveiled,
        }
    }
}

/// What one version of an organization says, as far as figures care.
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
    /// The stretch this version alone makes.
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

    /// When it was closed for a time.
    pub(super) fn breaks(&self) -> Breaks {
        let breaks = self.reopenings.iter().map(|reopening| Break {
            from: counted(Some(reopening.closed())),
            to: counted(Some(reopening.reopened())),
        });
        breaks.collect()
    }
}

/// The times in which it was closed, in order.
pub(super) type Breaks = Box<[Break]>;

/// From which day on all five are there. An item without a date was there from the beginning.
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
