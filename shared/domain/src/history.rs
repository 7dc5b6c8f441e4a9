//! Invariants of every bitemporal history: at each ledger position, the versions known then cover consecutive days
//! (valid time).

use std::collections::BTreeSet;
use std::fmt;

use chrono::NaiveDate;

/// A range of days: the first day, and the first day after the range; open-ended if the latter is `None`.
pub type Days = (NaiveDate, Option<NaiveDate>);

/// The transaction time and the valid time of one version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    pub recorded_seq: i64,
    pub superseded_seq: Option<i64>,
    pub days: Days,
}

impl Span {
    fn is_known_at(&self, seq: i64) -> bool {
        self.recorded_seq <= seq && self.superseded_seq.is_none_or(|superseded| seq < superseded)
    }
}

/// A violation of the invariants of a history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    /// A version was superseded no later than it was recorded.
    NeverKnown { seq: i64 },
    /// A version ends no later than its first day.
    NoDays { seq: i64, on: NaiveDate },
    /// Two versions are open-ended.
    TwoHeads { seq: i64 },
    /// Two versions are valid on this day.
    Overlap { seq: i64, on: NaiveDate },
    /// No version is valid on this day, although an earlier and a later version exist.
    Gap { seq: i64, on: NaiveDate },
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NeverKnown { seq } => {
                write!(
                    f,
                    "the version recorded at {seq} was superseded no later than it was recorded"
                )
            }
            Self::NoDays { seq, on } => write!(
                f,
                "the version recorded at {seq}, valid from {on}, ends no later than it begins"
            ),
            Self::TwoHeads { seq } => write!(f, "as known at {seq}, two versions are open-ended"),
            Self::Overlap { seq, on } => write!(f, "as known at {seq}, two versions are valid on {on}"),
            Self::Gap { seq, on } => write!(f, "as known at {seq}, no version is valid on {on}"),
        }
    }
}

/// Returns the first flaw of a history, if any. Checks that each version was known for some time and is valid for at
/// least one day, and that at each ledger position the versions known then follow each other without gaps and overlaps.
pub fn first_flaw(versions: &[Span]) -> Option<Flaw> {
    versions.iter().find_map(|version| flaw_of(*version)).or_else(|| {
        let places: BTreeSet<i64> = versions
            .iter()
            .flat_map(|version| [Some(version.recorded_seq), version.superseded_seq])
            .flatten()
            .collect();
        places.into_iter().find_map(|seq| flaw_at(versions, seq))
    })
}

fn flaw_of(version: Span) -> Option<Flaw> {
    let seq = version.recorded_seq;
    let (from, to) = version.days;
    if version.superseded_seq.is_some_and(|superseded| superseded <= seq) {
        Some(Flaw::NeverKnown { seq })
    } else if to.is_some_and(|to| to <= from) {
        Some(Flaw::NoDays { seq, on: from })
    } else {
        None
    }
}

fn flaw_at(versions: &[Span], seq: i64) -> Option<Flaw> {
    let mut known: Vec<Days> = versions
        .iter()
        .filter(|version| version.is_known_at(seq))
        .map(|version| version.days)
        .collect();
    known.sort_unstable_by_key(|(from, _)| *from);
    known
        .iter()
        .zip(known.iter().skip(1))
        .find_map(|((_, end), (next, next_end))| match end {
            None if next_end.is_none() => Some(Flaw::TwoHeads { seq }),
            Some(end) if end < next => Some(Flaw::Gap { seq, on: *end }),
            Some(end) if end == next => None,
            _ => Some(Flaw::Overlap { seq, on: *next }),
        })
}

/// Returns the first of `days` that is in none of the ranges `by`, if there is one.
pub fn first_day_without(days: Days, by: &[Days]) -> Option<NaiveDate> {
    let (mut day, end) = days;
    let mut by = by.to_vec();
    by.sort_unstable_by_key(|(from, _)| *from);
    for (from, to) in by {
        if from > day {
            break;
        }
        match to {
            None => return None,
            Some(to) => day = day.max(to),
        }
    }
    end.is_none_or(|end| day < end).then_some(day)
}

/// Returns whether two ranges of days have a day in common.
pub fn overlap(one: Days, other: Days) -> bool {
    let begins_before_end = |(from, _): Days, (_, to): Days| to.is_none_or(|to| from < to);
    begins_before_end(one, other) && begins_before_end(other, one)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(number: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(2022, 3, number).unwrap()
    }

    fn days(from: u32, to: Option<u32>) -> Days {
        (day(from), to.map(day))
    }

    fn span(recorded: i64, superseded: Option<i64>, from: u32, to: Option<u32>) -> Span {
        Span {
            recorded_seq: recorded,
            superseded_seq: superseded,
            days: days(from, to),
        }
    }

    #[test]
    fn a_history_is_whole_at_each_place_in_the_ledger() {
        let whole = [
            span(1, Some(5), 1, None),
            span(5, None, 1, Some(10)),
            span(5, Some(7), 10, None),
            span(7, None, 10, None),
        ];
        for (versions, flaw) in [
            (vec![], None),
            (whole.to_vec(), None),
            // Voided at 7: nothing is known from then on.
            (vec![span(1, Some(7), 1, None)], None),
            // A closed area has no open-ended version.
            (vec![span(1, None, 1, Some(9))], None),
            (vec![span(3, Some(3), 1, None)], Some(Flaw::NeverKnown { seq: 3 })),
            (vec![span(3, Some(2), 1, None)], Some(Flaw::NeverKnown { seq: 3 })),
            (
                vec![span(3, None, 4, Some(4))],
                Some(Flaw::NoDays { seq: 3, on: day(4) }),
            ),
            (
                vec![span(1, None, 1, None), span(2, None, 5, None)],
                Some(Flaw::TwoHeads { seq: 2 }),
            ),
            (
                vec![span(1, None, 1, Some(6)), span(1, None, 5, None)],
                Some(Flaw::Overlap { seq: 1, on: day(5) }),
            ),
            (
                vec![span(1, None, 1, None), span(2, None, 5, Some(6))],
                Some(Flaw::Overlap { seq: 2, on: day(5) }),
            ),
            (
                vec![span(1, None, 1, Some(4)), span(1, None, 5, None)],
                Some(Flaw::Gap { seq: 1, on: day(4) }),
            ),
            // Consistent now, but not as known at 5.
            (
                vec![
                    whole[0],
                    span(5, Some(7), 1, Some(9)),
                    span(5, Some(7), 10, None),
                    span(7, None, 1, None),
                ],
                Some(Flaw::Gap { seq: 5, on: day(9) }),
            ),
        ] {
            assert_eq!(first_flaw(&versions), flaw, "{versions:?}");
        }
    }

    #[test]
    fn days_are_held_by_others_or_not() {
        let open = days(2, None);
        for (of, by, missing) in [
            (open, vec![days(1, None)], None),
            (open, vec![days(5, None), days(1, Some(5))], None),
            (open, vec![days(1, Some(9))], Some(day(9))),
            (open, vec![days(3, None)], Some(day(2))),
            (open, vec![], Some(day(2))),
            (days(2, Some(6)), vec![days(1, Some(6))], None),
            (
                days(2, Some(6)),
                vec![days(1, Some(3)), days(4, None)],
                Some(day(3)),
            ),
        ] {
            assert_eq!(first_day_without(of, &by), missing, "{of:?} by {by:?}");
        }
        assert!(overlap(days(1, Some(3)), days(2, None)) && overlap(days(2, None), days(1, None)));
        assert!(!overlap(days(1, Some(3)), days(3, None)) && !overlap(days(3, None), days(1, Some(3))));
    }
}
