//! What figures need to know of organizations: one small row for each stretch of a life in one area, of one kind.

use std::collections::BTreeMap;
use std::ops::Range;

use chrono::{Datelike as _, NaiveDate};

use super::tree::Place;
use crate::domain::dates::counts_from;
use crate::domain::organization::{FiveHave, Host, Kind, PreciseDate, Reopening, Status, Verification};
use crate::domain::rule::CountedFrom;
use crate::ids::OrganizationId;

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
    fn breaks(&self) -> Breaks {
        let breaks = self.reopenings.iter().map(|reopening| Break {
            from: counted(Some(reopening.closed())),
            to: counted(Some(reopening.reopened())),
        });
        breaks.collect()
    }
}

/// The times in which it was closed, in order.
type Breaks = Box<[Break]>;

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

/// What was counted in areas, by place and day.
#[derive(Debug, Clone, Default)]
pub struct Counts {
    rows: BTreeMap<(Place, DayNumber), Counted>,
}

/// Persons and households; none where it is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counted {
    pub persons: Option<i32>,
    pub households: Option<i32>,
}

impl Counts {
    /// Adds what was counted on a day.
    pub fn add(&mut self, place: Place, day: DayNumber, counted: Counted) {
        self.rows.insert((place, day), counted);
    }

    /// Takes out what is known of a place.
    pub fn remove(&mut self, place: Place) {
        let known: Vec<_> = self
            .rows
            .range((place, DayNumber::MIN)..=(place, DayNumber::MAX))
            .map(|(key, _)| *key)
            .collect();
        for key in known {
            self.rows.remove(&key);
        }
    }

    /// The latest count up to a day; nothing known where there is none.
    pub fn on(&self, place: Place, day: DayNumber) -> Counted {
        self.rows
            .range((place, DayNumber::MIN)..=(place, day))
            .next_back()
            .map(|(_, counted)| *counted)
            .unwrap_or_default()
    }
}

/// Organizations by place, id and first day.
#[derive(Debug, Clone, Default)]
pub struct Organizations {
    rows: BTreeMap<Key, Stretch>,
    /// Of those that were reopened.
    breaks: BTreeMap<Key, Breaks>,
}

type Key = (Place, OrganizationId, DayNumber);

impl Organizations {
    /// How many stretches there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Adds the versions of one organization, each with its place, in the order of validity. Versions that follow each other in one
    /// area, of one kind and host, are one stretch with the dates of the last, unless it has all five on other days than before.
    pub fn add(&mut self, id: OrganizationId, versions: &[(Place, VersionFacts)]) {
        let mut last: Option<(Place, Stretch, &VersionFacts)> = None;
        for (place, version) in versions {
            let next = version.stretch();
            let goes_on = |(before, stretch, _): &(Place, Stretch, &VersionFacts)| {
                before == place
                    && stretch.kind == next.kind
                    && stretch.host == next.host
                    && stretch.to == next.from
            };
            last = match last {
                Some(known @ (before, stretch, _))
                    if goes_on(&known) && stretch.five_have == next.five_have =>
                {
                    let from = stretch.from;
                    Some((before, Stretch { from, ..next }, version))
                }
                Some(mut known) if goes_on(&known) => {
                    known.1.goes_on = true;
                    self.insert(id, Some(known));
                    Some((*place, next, version))
                }
                other => {
                    self.insert(id, other);
                    Some((*place, next, version))
                }
            };
        }
        self.insert(id, last);
    }

    fn insert(&mut self, id: OrganizationId, stretch: Option<(Place, Stretch, &VersionFacts)>) {
        if let Some((place, stretch, version)) = stretch {
            let key = (place, id, stretch.from);
            if stretch.reopened {
                self.breaks.insert(key, version.breaks());
            }
            self.rows.insert(key, stretch);
        }
    }

    /// Lays out what was added in its order, so that a fold reads memory from one end to the other: rows that came in another order lie in half
    /// the space and are read in half the time.
    pub fn pack(&mut self) {
        self.rows = std::mem::take(&mut self.rows).into_iter().collect();
    }

    /// Takes out what is known of an organization in these places.
    pub fn remove(&mut self, id: OrganizationId, places: impl IntoIterator<Item = Place>) {
        for place in places {
            let known: Vec<Key> = self
                .rows
                .range((place, id, DayNumber::MIN)..=(place, id, DayNumber::MAX))
                .map(|(key, _)| *key)
                .collect();
            for key in known {
                self.rows.remove(&key);
                self.breaks.remove(&key);
            }
        }
    }

    /// The stretches in these places, in their order, each with the times in which it was closed.
    pub fn within(
        &self,
        places: Range<Place>,
    ) -> impl Iterator<Item = (Place, OrganizationId, &Stretch, &[Break])> {
        let first = OrganizationId(uuid::Uuid::nil());
        let key = move |place| (place, first, DayNumber::MIN);
        // An empty range is no range of a map.
        let end = places.end.max(places.start);
        self.rows.range(key(places.start)..key(end)).map(|(at, stretch)| {
            let breaks = if stretch.reopened {
                self.breaks.get(at).map_or(&[][..], |breaks| breaks)
            } else {
                &[]
            };
            (at.0, at.1, stretch, breaks)
        })
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::domain::organization::ChecklistItem;

    fn date(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn version(from: &str, to: Option<&str>, status: Status) -> VersionFacts {
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
    fn a_life_in_one_area_is_one_stretch_with_its_last_dates() {
        let id = OrganizationId(Uuid::from_u128(1));
        let mut organizations = Organizations::default();
        let approved = Some(PreciseDate::day(date("2022-01-10")));
        let established = Some(PreciseDate::day(date("2022-03-01")));
        let first = VersionFacts {
            approved,
            ..version("2022-01-10", Some("2022-03-01"), Status::Approved)
        };
        let second = VersionFacts {
            approved,
            established,
            ..version("2022-03-01", Some("2022-06-01"), Status::Established)
        };
        let moved = VersionFacts {
            valid_from: date("2022-06-01"),
            valid_to: None,
            ..second.clone()
        };
        organizations.add(id, &[(3, first), (3, second), (5, moved)]);
        let rows: Vec<_> = organizations.within(0..9).collect();
        assert_eq!(rows.len(), 2);
        let (place, _, stretch, _) = rows[0];
        assert_eq!(place, 3);
        assert_eq!(day_of(stretch.from), Some(date("2022-01-10")));
        assert_eq!(day_of(stretch.to), Some(date("2022-06-01")));
        assert_eq!(day_of(stretch.established), Some(date("2022-03-01")));
        assert_eq!((rows[1].0, rows[1].2.to), (5, NEVER));
        assert_eq!(organizations.within(4..4).count(), 0);
        organizations.remove(id, [3, 5]);
        assert!(organizations.is_empty());
    }

    #[test]
    fn a_reopened_life_is_one_stretch_with_a_break() {
        let id = OrganizationId(Uuid::from_u128(1));
        let mut organizations = Organizations::default();
        let established = Some(PreciseDate::day(date("2022-01-10")));
        let closed = PreciseDate::day(date("2022-03-01"));
        let first = VersionFacts {
            established,
            ..version("2022-01-10", Some("2022-03-01"), Status::Established)
        };
        let gone = VersionFacts {
            established,
            closed: Some(closed),
            ..version("2022-03-01", Some("2022-06-01"), Status::Closed)
        };
        let back = VersionFacts {
            established,
            reopenings: vec![Reopening::between(closed, PreciseDate::day(date("2022-06-01")))],
            ..version("2022-06-01", None, Status::Established)
        };
        organizations.add(id, &[(3, first), (3, gone), (3, back)]);
        let rows: Vec<_> = organizations.within(0..9).collect();
        assert_eq!(rows.len(), 1);
        let (_, _, stretch, breaks) = rows[0];
        assert_eq!(
            (day_of(stretch.from), stretch.ended),
            (Some(date("2022-01-10")), NEVER)
        );
        let [one] = breaks else { panic!("{breaks:?}") };
        assert_eq!(
            (day_of(one.from), day_of(one.to)),
            (Some(date("2022-03-01")), Some(date("2022-06-01")))
        );
        organizations.remove(id, [3]);
        assert!(organizations.is_empty() && organizations.breaks.is_empty());
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
