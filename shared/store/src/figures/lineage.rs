//! The counts of persons and households after mergers and splits of areas.
//!
//! From the day of a merger on, the counts of an area are the sums over all its parts, provided that each is known and
//! they are comparable; from the day of a split on, the counts of all involved areas are unknown. Both hold until the
//! area is counted again, on that day or later.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use qiaojian_domain::area::SuccessionKind;
use qiaojian_domain::ids::AreaId;

use super::facts::LOOKED_UP;
use super::rows::{DayNumber, day_of, number_of};
use crate::areas::first_days;
use crate::db::AnyConnection;
use crate::fact_rows::{self, CountRow, SuccessionRow};
use crate::{Recorded, StoreResult};

/// Counts further apart than this are not added: people were born, died and moved in between.
const COMPARABLE_DAYS: DayNumber = 366;

/// The predecessors and successors of areas, up to a day.
#[derive(Debug, Clone, Default)]
pub struct Lineage {
    /// The events of each area, by day.
    events: BTreeMap<AreaId, BTreeMap<DayNumber, Event>>,
    /// The areas that each area was merged into.
    heirs: BTreeMap<AreaId, Vec<AreaId>>,
}

#[derive(Debug, Clone, Default)]
struct Event {
    /// The areas that were merged into it.
    took_in: Vec<AreaId>,
    /// Whether it was split off from another area, or another was split off from it.
    is_split: bool,
}

/// The data of some areas and of all areas that were merged into them.
#[derive(Debug, Default)]
struct Parts {
    /// The counts of each, by day: persons and households.
    counted: BTreeMap<AreaId, BTreeMap<DayNumber, [Option<i32>; 2]>>,
    /// The first day of areas that others were merged into, or that were split.
    began: BTreeMap<AreaId, DayNumber>,
}

/// A number of persons or households, with the first and last day of its counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Number {
    value: i32,
    first: DayNumber,
    last: DayNumber,
}

impl Number {
    fn plus(self, other: Self) -> Option<Self> {
        let sum = Self {
            value: self.value.checked_add(other.value)?,
            first: self.first.min(other.first),
            last: self.last.max(other.last),
        };
        (sum.last - sum.first <= COMPARABLE_DAYS).then_some(sum)
    }
}

impl Lineage {
    /// Builds the lineage from mergers and divisions, in any order.
    pub(super) fn of(successions: &[SuccessionRow]) -> Self {
        let merged = successions
            .iter()
            .filter(|(_, _, kind, _)| *kind == SuccessionKind::Merge)
            .map(|(predecessor, successor, _, on)| (*predecessor, (*successor, *on)))
            .collect();
        let mut lineage = Self::default();
        for (predecessor, successor, kind, on) in successions {
            let [predecessor, successor] = match kind {
                SuccessionKind::Merge => [*predecessor, present(&merged, *successor, *on)],
                SuccessionKind::Split => [*predecessor, *successor].map(|area| present(&merged, area, *on)),
            };
            lineage.add(predecessor, successor, *kind, number_of(*on));
        }
        lineage
    }

    fn add(&mut self, predecessor: AreaId, successor: AreaId, kind: SuccessionKind, on: DayNumber) {
        match kind {
            SuccessionKind::Merge => {
                self.event(successor, on).took_in.push(predecessor);
                self.heirs.entry(predecessor).or_default().push(successor);
            }
            SuccessionKind::Split => {
                self.event(successor, on).is_split = true;
                self.event(predecessor, on).is_split = true;
            }
        }
    }

    fn event(&mut self, area: AreaId, on: DayNumber) -> &mut Event {
        self.events.entry(area).or_default().entry(on).or_default()
    }

    /// Returns these areas and all areas that they were merged into, directly or indirectly, in order.
    pub(super) fn with_heirs(&self, areas: &[AreaId]) -> Vec<AreaId> {
        spread(areas, |area| self.heirs.get(&area).into_iter().flatten().copied())
    }

    /// Returns these areas and all areas that were merged into them, in order.
    fn with_parts(&self, areas: &[AreaId]) -> Vec<AreaId> {
        spread(areas, |area| {
            let events = self.events.get(&area).into_iter().flat_map(BTreeMap::values);
            events.flat_map(|event| event.took_in.iter().copied())
        })
    }

    /// Returns the areas that were merged or split.
    pub(super) fn areas(&self) -> impl Iterator<Item = AreaId> {
        self.events.keys().copied()
    }

    /// Returns the counts of these areas that result from mergers and splits, as if they had been counted on those
    /// days.
    ///
    /// # Errors
    /// Returns an error if the database fails.
    pub(super) fn counts_of(
        &self,
        conn: &mut AnyConnection,
        areas: &[AreaId],
        known: Recorded,
    ) -> StoreResult<Vec<CountRow>> {
        let concerned: Vec<AreaId> = areas
            .iter()
            .copied()
            .filter(|area| self.events.contains_key(area))
            .collect();
        let parts = self.read_parts(conn, &self.with_parts(&concerned), known)?;
        let derived = concerned.iter().flat_map(|area| self.derived(*area, &parts));
        Ok(derived.collect())
    }

    fn read_parts(&self, conn: &mut AnyConnection, areas: &[AreaId], known: Recorded) -> StoreResult<Parts> {
        let mut parts = Parts::default();
        for areas in areas.chunks(LOOKED_UP) {
            for (area, on, persons, households) in fact_rows::counts_of(conn, areas, known)? {
                let of_area = parts.counted.entry(area).or_default();
                of_area.insert(number_of(on), [persons, households]);
            }
        }
        let changed = areas
            .iter()
            .copied()
            .filter(|area| self.events.contains_key(area));
        for (area, day) in first_days(conn, changed, known)? {
            parts.began.insert(area, number_of(day));
        }
        Ok(parts)
    }

    fn derived(&self, area: AreaId, parts: &Parts) -> Vec<CountRow> {
        let own = parts.counted.get(&area);
        let days = self.events.get(&area).into_iter().flat_map(BTreeMap::keys);
        days.filter(|day| own.is_none_or(|own| !own.contains_key(day)))
            .filter_map(|day| {
                let [persons, households] =
                    [0, 1].map(|which| self.known_on(area, *day, which, parts).map(|number| number.value));
                Some((area, day_of(*day)?, persons, households))
            })
            .collect()
    }

    /// Returns one of the numbers of an area on a day: its latest count, or what results from later events.
    fn known_on(&self, area: AreaId, day: DayNumber, which: usize, parts: &Parts) -> Option<Number> {
        let last = parts
            .counted
            .get(&area)
            .and_then(|own| own.range(..=day).next_back());
        let event = self
            .events
            .get(&area)
            .and_then(|events| events.range(..=day).next_back());
        match (last, event) {
            (Some((on, numbers)), event) if event.is_none_or(|(since, _)| on >= since) => {
                let value = numbers.get(which).copied().flatten()?;
                Some(Number {
                    value,
                    first: *on,
                    last: *on,
                })
            }
            (_, Some((since, event))) if !event.is_split => self
                .merged_on(area, *since, parts)?
                .into_iter()
                .map(|part| self.known_on(part, since - 1, which, parts))
                .reduce(|one, other| one?.plus(other?))
                .flatten(),
            _ => None,
        }
    }

    /// Returns the areas that an area consisted of on the day of a merger: itself, if it existed before, and all areas
    /// merged into it on that day, directly or indirectly. `None` if any of them was split on that day.
    fn merged_on(&self, area: AreaId, day: DayNumber, known: &Parts) -> Option<BTreeSet<AreaId>> {
        let mut parts = BTreeSet::new();
        let mut open = vec![area];
        while let Some(part) = open.pop() {
            let event = self.events.get(&part).and_then(|events| events.get(&day));
            if event.is_some_and(|event| event.is_split) {
                return None;
            }
            if parts.insert(part) {
                open.extend(event.into_iter().flat_map(|event| event.took_in.iter().copied()));
            }
        }
        parts.retain(|part| known.began.get(part).is_none_or(|began| *began < day));
        Some(parts)
    }
}

/// Returns what an area was on a day: itself, or what it had been merged into before. A merger may be recorded after
/// one with a later date.
fn present(merged: &BTreeMap<AreaId, (AreaId, NaiveDate)>, area: AreaId, on: NaiveDate) -> AreaId {
    let mut at = area;
    // A chain cannot be longer than the number of mergers.
    for _ in merged {
        match merged.get(&at) {
            Some((into, day)) if *day < on => at = *into,
            _ => break,
        }
    }
    at
}

/// Returns the given areas and all that can be reached from them, in order.
fn spread<I: Iterator<Item = AreaId>>(areas: &[AreaId], next: impl Fn(AreaId) -> I) -> Vec<AreaId> {
    let mut seen = BTreeSet::new();
    let mut open = areas.to_vec();
    while let Some(area) = open.pop() {
        if seen.insert(area) {
            open.extend(next(area));
        }
    }
    seen.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    const DAY: DayNumber = 8_000;

    fn area(number: u128) -> AreaId {
        AreaId(Uuid::from_u128(number))
    }

    fn counts(rows: &[(u128, DayNumber, Option<i32>, Option<i32>)]) -> Parts {
        let mut parts = Parts::default();
        for (id, day, persons, households) in rows {
            let own = parts.counted.entry(area(*id)).or_default();
            own.insert(*day, [*persons, *households]);
        }
        parts
    }

    fn numbers(lineage: &Lineage, of: u128, parts: &Parts) -> Vec<(DayNumber, Option<i32>, Option<i32>)> {
        let rows = lineage.derived(area(of), parts);
        rows.into_iter()
            .map(|(_, day, persons, households)| (number_of(day), persons, households))
            .collect()
    }

    #[test]
    fn a_merger_adds_up_what_is_known_of_all_parts() {
        let mut lineage = Lineage::default();
        lineage.add(area(1), area(2), SuccessionKind::Merge, DAY);
        lineage.add(area(3), area(2), SuccessionKind::Merge, DAY);
        for (rows, expected) in [
            (
                vec![
                    (1, 7_900, Some(12), Some(4)),
                    (2, 7_950, Some(2), Some(1)),
                    (3, 7_999, Some(0), None),
                ],
                (Some(14), None),
            ),
            (
                vec![(1, 7_900, Some(12), Some(4)), (2, 7_950, Some(2), Some(1))],
                (None, None),
            ),
            // More than a year apart.
            (
                vec![
                    (1, 7_500, Some(12), None),
                    (2, 7_900, Some(2), None),
                    (3, 7_900, Some(1), None),
                ],
                (None, None),
            ),
            // A later count is not known on the day.
            (
                vec![
                    (1, 7_900, Some(12), None),
                    (2, 7_900, Some(2), None),
                    (3, 8_000, Some(1), None),
                ],
                (None, None),
            ),
            (
                vec![
                    (1, 7_900, Some(i32::MAX), None),
                    (2, 7_900, Some(2), None),
                    (3, 7_900, Some(1), None),
                ],
                (None, None),
            ),
        ] {
            let (persons, households) = expected;
            assert_eq!(
                numbers(&lineage, 2, &counts(&rows)),
                [(DAY, persons, households)],
                "{rows:?}"
            );
        }
        let again = counts(&[(1, 7_900, Some(12), Some(4)), (2, DAY, Some(9), Some(9))]);
        assert_eq!(numbers(&lineage, 2, &again), [], "counted anew on the day");
    }

    #[test]
    fn mergers_follow_each_other_and_a_new_area_had_nothing_of_its_own() {
        let mut lineage = Lineage::default();
        // On one day, 1 is merged into 2, and 2 into the new area 4; a year later 5 follows.
        lineage.add(area(1), area(2), SuccessionKind::Merge, DAY);
        lineage.add(area(2), area(4), SuccessionKind::Merge, DAY);
        lineage.add(area(5), area(4), SuccessionKind::Merge, DAY + 100);
        let mut rows = counts(&[
            (1, 7_900, Some(1), Some(1)),
            (2, 7_900, Some(2), Some(1)),
            (5, 7_950, Some(5), Some(1)),
        ]);
        rows.began.insert(area(4), DAY);
        assert_eq!(
            numbers(&lineage, 4, &rows),
            [(DAY, Some(3), Some(2)), (DAY + 100, Some(8), Some(3))]
        );
        assert_eq!(lineage.with_heirs(&[area(1)]), [area(1), area(2), area(4)]);
    }

    #[test]
    fn after_a_split_nobody_knows_until_it_is_counted_again() {
        let mut lineage = Lineage::default();
        lineage.add(area(1), area(2), SuccessionKind::Split, DAY);
        lineage.add(area(3), area(1), SuccessionKind::Merge, DAY + 10);
        let rows = counts(&[(1, 7_900, Some(12), Some(4)), (3, 7_900, Some(1), Some(1))]);
        assert_eq!(
            numbers(&lineage, 1, &rows),
            [(DAY, None, None), (DAY + 10, None, None)]
        );
        assert_eq!(numbers(&lineage, 2, &rows), [(DAY, None, None)]);
        let again = counts(&[(1, DAY + 5, Some(7), Some(2)), (3, 7_900, Some(1), Some(1))]);
        assert_eq!(
            numbers(&lineage, 1, &again),
            [(DAY, None, None), (DAY + 10, Some(8), Some(3))]
        );
    }

    /// 1 was merged into 2 on a day; later it is recorded that 2 had been merged into 3 before that day, or that 3 was
    /// split then.
    #[test]
    fn what_was_told_of_an_area_that_had_gone_is_told_of_the_one_it_went_into() {
        let on = |day| day_of(day).unwrap();
        let gone = (area(2), area(3), SuccessionKind::Merge, on(DAY - 10));
        let rows = counts(&[
            (1, 7_900, Some(4), None),
            (2, 7_900, Some(1), Some(1)),
            (3, 7_900, Some(5), Some(1)),
        ]);
        let merged = Lineage::of(&[(area(1), area(2), SuccessionKind::Merge, on(DAY)), gone]);
        assert_eq!(
            numbers(&merged, 3, &rows),
            [(DAY - 10, Some(6), Some(2)), (DAY, Some(10), None)]
        );
        assert_eq!(merged.with_heirs(&[area(1)]), [area(1), area(3)]);
        let divided = Lineage::of(&[(area(2), area(4), SuccessionKind::Split, on(DAY)), gone]);
        assert_eq!(
            numbers(&divided, 3, &rows),
            [(DAY - 10, Some(6), Some(2)), (DAY, None, None)]
        );
        assert_eq!(numbers(&divided, 4, &rows), [(DAY, None, None)]);
    }
}
