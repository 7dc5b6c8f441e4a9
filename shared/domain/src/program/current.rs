//! Chooses the programme for a request that does not name one.

use chrono::NaiveDate;

/// The properties of a programme that decide the choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candidate {
    /// The number of areas above its issuer. The larger it is, the nearer the issuer is to the requested area.
    pub depth: usize,
    /// The earliest day on which it may have started.
    pub starts_on: NaiveDate,
    /// The day by which it is to be completed.
    pub target_on: NaiveDate,
}

/// The result of a choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice<T> {
    /// There is no programme, or none of several had started by that day.
    None,
    /// The chosen programme.
    One(T),
    /// Several programmes match equally well; the caller has to name one.
    Several,
}

/// Chooses among the programmes issued by an area or its ancestors, for `as_of` (Asia/Shanghai). A single programme is
/// always chosen. Of several, those that have started and are running are preferred; if none is running, those that
/// ended last. Among these, the one with the nearest issuer is chosen.
pub fn choose<T>(candidates: impl IntoIterator<Item = (Candidate, T)>, as_of: NaiveDate) -> Choice<T> {
    let mut all: Vec<(Candidate, T)> = candidates.into_iter().collect();
    if all.len() > 1 {
        all.retain(|(one, _)| one.starts_on <= as_of);
        if all.iter().any(|(one, _)| as_of <= one.target_on) {
            all.retain(|(one, _)| as_of <= one.target_on);
        } else if let Some(last) = all.iter().map(|(one, _)| one.target_on).max() {
            all.retain(|(one, _)| one.target_on == last);
        }
        let nearest = all.iter().map(|(one, _)| one.depth).max();
        all.retain(|(one, _)| Some(one.depth) == nearest);
    }
    let chosen = all.pop();
    match chosen {
        None => Choice::None,
        Some((_, one)) if all.is_empty() => Choice::One(one),
        Some(_) => Choice::Several,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(depth: usize, starts_on: &str, target_on: &str) -> Candidate {
        Candidate {
            depth,
            starts_on: starts_on.parse().unwrap(),
            target_on: target_on.parse().unwrap(),
        }
    }

    #[test]
    fn the_programme_of_a_day_is_chosen_by_its_dates_and_its_issuer() {
        let pilot = candidate(0, "2021-11-01", "2022-12-31");
        let further = candidate(0, "2023-01-01", "2025-12-31");
        let of_city = candidate(1, "2022-03-01", "2022-12-31");
        let twin = candidate(0, "2022-01-01", "2023-06-30");
        for (candidates, as_of, chosen) in [
            (vec![], "2022-06-24", Choice::None),
            // The only programme is chosen on any day, because its baseline is before its start.
            (vec![pilot], "2021-10-31", Choice::One(0)),
            (vec![pilot], "2030-01-01", Choice::One(0)),
            (vec![pilot, further], "2022-06-24", Choice::One(0)),
            (vec![pilot, further], "2023-01-01", Choice::One(1)),
            // Both have ended: the one that ended last.
            (vec![pilot, further], "2026-01-01", Choice::One(1)),
            (vec![further, pilot], "2026-01-01", Choice::One(0)),
            // Neither has started.
            (vec![pilot, further], "2021-10-31", Choice::None),
            // The city's own programme, once it has started.
            (vec![pilot, of_city], "2022-02-28", Choice::One(0)),
            (vec![pilot, of_city], "2022-03-01", Choice::One(1)),
            // Two programmes of one issuer at the same time.
            (vec![pilot, twin], "2022-06-24", Choice::Several),
            (vec![pilot, twin], "2023-06-24", Choice::One(1)),
        ] {
            let named = candidates.iter().copied().zip(0..);
            assert_eq!(
                choose(named, as_of.parse().unwrap()),
                chosen,
                "{candidates:?} {as_of}"
            );
        }
    }
}
