//! Assigns rows to groups. Rows arrive in path order, so most belong to the group of the previous row.

use std::collections::HashMap;
use std::ops::Range;

use chrono::{Datelike as _, Months, NaiveDate};
use qiaojian_domain::area::Level;
use qiaojian_domain::organization::Kind;
use qiaojian_domain::program::Cohort;

use super::rows::{DayNumber, day_of};
use super::tree::{Place, Tree};
use super::{GroupBy, GroupKey};

/// The properties of a row that determine its group.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen {
    pub place: Place,
    pub level: Level,
    pub kind: Option<Kind>,
    pub cohort: Option<Cohort>,
    pub month: Option<Month>,
}

/// A month, as year × 12 plus the month counted from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Month(i32);

impl Month {
    pub(super) fn of(day: NaiveDate) -> Self {
        Self(day.year() * 12 + i32::try_from(day.month0()).unwrap_or(0))
    }

    pub(super) fn of_number(day: DayNumber) -> Option<Self> {
        day_of(day).map(Self::of)
    }

    /// Parses a month such as `2022-03`.
    fn parse(text: &str) -> Option<Self> {
        let day: NaiveDate = format!("{text}-01").parse().ok()?;
        (text.len() == 7).then(|| Self::of(day))
    }

    pub(super) fn next(self) -> Self {
        Self(self.0 + 1)
    }

    /// Returns its last day.
    pub(super) fn last_day(self) -> Option<NaiveDate> {
        let month = u32::try_from(self.0.rem_euclid(12)).ok()?;
        NaiveDate::from_ymd_opt(self.0.div_euclid(12), month + 1, 1)?
            .checked_add_months(Months::new(1))?
            .pred_opt()
    }

    fn text(self) -> String {
        format!("{:04}-{:02}", self.0.div_euclid(12), self.0.rem_euclid(12) + 1)
    }
}

/// The value of each requested key; `None` for the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
struct Values {
    places: [Option<Place>; 3],
    level: Option<Level>,
    kind: Option<Kind>,
    cohort: Option<Cohort>,
    month: Option<Month>,
}

const PLACES: [(GroupBy, Level); 3] = [
    (GroupBy::City, Level::City),
    (GroupBy::County, Level::County),
    (GroupBy::Township, Level::Township),
];

/// The requested keys, resolved once instead of for each row.
#[derive(Debug, Clone, Copy)]
struct By {
    places: [bool; 3],
    any_place: bool,
    level: bool,
    kind: bool,
    cohort: bool,
}

impl By {
    fn of(keys: &[GroupBy]) -> Self {
        let places = PLACES.map(|(key, _)| keys.contains(&key));
        Self {
            places,
            any_place: places.contains(&true),
            level: keys.contains(&GroupBy::Level),
            kind: keys.contains(&GroupBy::Kind),
            cohort: keys.contains(&GroupBy::Cohort),
        }
    }
}

/// The groups of one breakdown, numbered in order of first occurrence.
pub(super) struct Groups<'a> {
    tree: &'a Tree,
    keys: Vec<GroupBy>,
    by: By,
    numbers: HashMap<Values, usize>,
    values: Vec<Values>,
    /// The last group at each level: most rows belong to it.
    last: [Option<(Values, usize)>; Level::ALL.len()],
    /// The ancestors of the last place, and the range of places that share them.
    above: Option<(Range<Place>, [Option<Place>; 3])>,
}

impl<'a> Groups<'a> {
    pub(super) fn new(tree: &'a Tree, keys: &[GroupBy]) -> Self {
        let mut groups = Self {
            tree,
            keys: keys.to_vec(),
            by: By::of(keys),
            numbers: HashMap::new(),
            values: Vec::new(),
            last: [None; Level::ALL.len()],
            above: None,
        };
        if keys.is_empty() {
            groups.number(Values::default()); // an empty sum is shown as zero
        }
        groups
    }

    /// Returns the number of a row's group.
    pub(super) fn of(&mut self, seen: &Seen) -> usize {
        if self.keys.is_empty() {
            return 0; // the only group
        }
        let values = self.values_of(seen);
        let last = seen.level as usize;
        if let Some(Some((known, number))) = self.last.get(last)
            && *known == values
        {
            return *number;
        }
        let number = self.number(values);
        if let Some(slot) = self.last.get_mut(last) {
            *slot = Some((values, number));
        }
        number
    }

    /// Returns whether a row belongs to the group with this key.
    pub(super) fn is_in(&mut self, seen: &Seen, wanted: &Wanted) -> bool {
        self.values_of(seen) == wanted.0
    }

    fn number(&mut self, values: Values) -> usize {
        let next = self.values.len();
        let number = *self.numbers.entry(values).or_insert(next);
        if number == next {
            self.values.push(values);
        }
        number
    }

    fn values_of(&mut self, seen: &Seen) -> Values {
        let by = self.by;
        Values {
            places: if by.any_place {
                self.places(seen.place)
            } else {
                [None; 3]
            },
            level: by.level.then_some(seen.level),
            kind: seen.kind.filter(|_| by.kind),
            cohort: seen.cohort.filter(|_| by.cohort),
            month: seen.month,
        }
    }

    fn places(&mut self, place: Place) -> [Option<Place>; 3] {
        if let Some((alike, places)) = &self.above
            && alike.contains(&place)
        {
            return *places;
        }
        let mut places = [None; 3];
        let lowest = self.by.places.iter().rposition(|asked| *asked);
        let mut alike = place..place.saturating_add(1);
        for above in self.tree.upwards(place) {
            let at = match self.tree.level(above) {
                Some(Level::City) => 0,
                Some(Level::County) => 1,
                Some(Level::Township) => 2,
                _ => continue,
            };
            if let (Some(true), Some(slot)) = (self.by.places.get(at), places.get_mut(at)) {
                *slot = Some(above);
                // All places below the lowest requested level share these ancestors.
                if lowest == Some(at) {
                    alike = self.tree.below(above);
                }
            }
        }
        self.above = Some((alike, places));
        places
    }

    /// Returns the number of groups.
    pub(super) fn len(&self) -> usize {
        self.values.len()
    }

    /// Returns the key of a group as text.
    pub(super) fn key(&self, number: usize) -> GroupKey {
        let values = self.values.get(number).copied().unwrap_or_default();
        let code = |at: usize| {
            let place = values.places.get(at).copied().flatten()?;
            Some(self.tree.code(place).to_owned())
        };
        self.keys
            .iter()
            .map(|key| {
                let value = match key {
                    GroupBy::City => code(0),
                    GroupBy::County => code(1),
                    GroupBy::Township => code(2),
                    GroupBy::Level => values.level.map(|level| level.to_string()),
                    GroupBy::Kind => values.kind.map(|kind| kind.to_string()),
                    GroupBy::Cohort => values.cohort.map(|cohort| cohort.to_string()),
                    GroupBy::Month => values.month.map(Month::text),
                };
                (*key, value)
            })
            .collect()
    }
}

/// The group of a key, resolved once.
pub(super) struct Wanted(Values);

impl Wanted {
    /// Resolves the group of this key; `None` if no row can belong to it.
    pub(super) fn of(tree: &Tree, places: Range<Place>, key: &GroupKey) -> Option<Self> {
        let mut values = Values::default();
        for (by, value) in key {
            let Some(value) = value.as_deref() else { continue };
            match by {
                GroupBy::City | GroupBy::County | GroupBy::Township => {
                    let (at, (_, level)) = PLACES.iter().enumerate().find(|(_, (known, _))| known == by)?;
                    let place = find(tree, places.clone(), *level, value)?;
                    *values.places.get_mut(at)? = Some(place);
                }
                GroupBy::Level => values.level = Some(value.parse().ok()?),
                GroupBy::Kind => values.kind = Some(value.parse().ok()?),
                GroupBy::Cohort => values.cohort = Some(value.parse().ok()?),
                GroupBy::Month => values.month = Some(Month::parse(value)?),
            }
        }
        Some(Self(values))
    }
}

/// Returns the area with this level and code that is in the range, or above it.
fn find(tree: &Tree, places: Range<Place>, level: Level, code: &str) -> Option<Place> {
    let is_it = |place: &Place| tree.level(*place) == Some(level) && tree.code(*place) == code;
    let above = tree.upwards(places.start).find(is_it);
    above.or_else(|| places.clone().find(is_it))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_follow_each_other() {
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        let december = Month::of(day("2021-12-31"));
        assert_eq!(december.text(), "2021-12");
        assert_eq!(december.last_day(), Some(day("2021-12-31")));
        assert_eq!(december.next(), Month::of(day("2022-01-01")));
        assert_eq!(
            Month::parse("2024-02").unwrap().last_day(),
            Some(day("2024-02-29"))
        );
        assert_eq!(Month::parse("2024-2"), None);
        assert_eq!(Month::parse("2024-13"), None);
    }
}
