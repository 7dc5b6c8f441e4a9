//! The inputs of a fold, by place: stretches of organizations, and the counts of areas (涉侨底数).

use std::collections::BTreeMap;
use std::ops::Range;

use qiaojian_domain::ids::OrganizationId;

use super::rows::{Break, Breaks, DayNumber, Stretch, VersionFacts};
use super::tree::Place;

/// The counts of areas, by place and day.
#[derive(Debug, Clone, Default)]
pub struct Counts {
    rows: BTreeMap<(Place, DayNumber), Counted>,
}

/// Persons and households; `None` if unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counted {
    pub persons: Option<i32>,
    pub households: Option<i32>,
}

impl Counts {
    /// Adds the count of a day.
    pub fn add(&mut self, place: Place, day: DayNumber, counted: Counted) {
        self.rows.insert((place, day), counted);
    }

    /// Removes all counts of a place.
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

    /// Returns the latest count up to a day; unknown if there is none.
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
    /// The breaks of stretches that were reopened.
    breaks: BTreeMap<Key, Breaks>,
}

type Key = (Place, OrganizationId, DayNumber);

impl Organizations {
    /// Returns the number of stretches.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Returns whether there are no stretches.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Adds the versions of one organization, each with its place, in order of valid time. Consecutive versions in the
    /// same area, with the same kind and host, form one stretch with the dates of the last version, unless the day on
    /// which 五有 was complete differs.
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

    /// Rebuilds the map in key order, so that a fold reads memory sequentially: rows inserted in another order take
    /// twice the space and twice the time to read.
    pub fn pack(&mut self) {
        self.rows = std::mem::take(&mut self.rows).into_iter().collect();
    }

    /// Removes an organization from these places.
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

    /// Returns the stretches in these places in key order, each with its breaks.
    pub fn within(
        &self,
        places: Range<Place>,
    ) -> impl Iterator<Item = (Place, OrganizationId, &Stretch, &[Break])> {
        let first = OrganizationId(uuid::Uuid::nil());
        let key = move |place| (place, first, DayNumber::MIN);
        // `BTreeMap::range` panics if the start is after the end.
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
    use qiaojian_domain::organization::{PreciseDate, Reopening, Status};
    use uuid::Uuid;

    use super::*;
    use crate::figures::rows::tests::{date, version};
    use crate::figures::rows::{NEVER, day_of};

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
}
