//! What holds of every history: at each place in the ledger, what was known of a thing follows day upon day.

use std::collections::BTreeSet;
use std::fmt;

use chrono::NaiveDate;

/// Some days: from the first on, up to but without the last; without one, for good.
pub type Days = (NaiveDate, Option<NaiveDate>);

/// The two times of one version.
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

/// What is wrong with a history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    /// A version was superseded before it was known, or at once.
    NeverKnown { seq: i64 },
    /// A version ends before it begins.
    NoDays { seq: i64, on: NaiveDate },
    /// Two versions say what is true from here on.
    TwoHeads { seq: i64 },
    /// Two versions say what is true on this day.
    Overlap { seq: i64, on: NaiveDate },
    /// No version says what is true on this day, though one before it does, and one after it.
    Gap { seq: i64, on: NaiveDate },
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NeverKnown { seq } => {
                write!(f, "what was recorded at {seq} is superseded no later than that")
            }
            Self::NoDays { seq, on } => write!(
                f,
                "what was recorded at {seq} from {on} on ends no later than that"
            ),
            Self::TwoHeads { seq } => write!(f, "as known at {seq}, two versions hold from their days on"),
            Self::Overlap { seq, on } => write!(f, "as known at {seq}, two versions hold on {on}"),
            Self::Gap { seq, on } => write!(f, "as known at {seq}, no version holds on {on}"),
        }
    }
}

/// The first flaw of a thing's history, if any: whether each version was known and has days, and whether at each place in the ledger
/// the versions that were known then follow each other without a gap and without an overlap.
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

/// The first of `days` that none of `by` holds, if there is one.
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

/// Whether two stretches of days share one.
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
            // Made void at 7: nothing is known from then on.
            (vec![span(1, Some(7), 1, None)], None),
            // An area that was closed has no head.
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
            // Whole now, but not as it was known at 5.
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
