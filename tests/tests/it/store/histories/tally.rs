//! What became of all acts, so that a generator which only makes acts that are refused is noticed.

use std::collections::BTreeMap;

use chrono::{Days, NaiveDate};

use super::act::{Act, Area};
use super::perform::Outcome;
use super::world::World;

/// Every kind of act, and every case of one, with how often it has to take effect.
const LEAST: &[(&str, u32)] = &[
    ("record", 20),
    ("approve", 1),
    ("establish", 1),
    ("unveil", 2),
    ("close", 5),
    ("reopen", 2),
    ("correct", 1),
    ("move", 1),
    ("rekind", 1),
    ("merge", 1),
    ("split", 1),
    ("void", 1),
    ("count", 20),
    ("merge areas", 8),
    ("merge areas: counts added", 2),
    ("merge areas: counted too far apart", 1),
    ("merge areas: not counted in each", 2),
    ("split an area", 4),
    ("split an area: counts lost", 2),
    ("reuse a code", 1),
    ("close an area", 3),
    ("close an area: one was closed in it", 2),
    ("move an area", 2),
    ("exchange codes", 2),
    ("pass a code on", 2),
    ("counting rule", 2),
    ("establishment rule of the province", 2),
    ("establishment rule of a city", 5),
];

/// Why the register may refuse an act. Another reason is none of the office's making.
const REASONS: &[&str] = &[
    "no organization",
    "it is preparing",
    "it is approved",
    "it is established",
    "it is closed",
    "it is merged",
    "already_unveiled",
    "area_code_taken",
    "area_has_children",
    "area_has_organizations",
    "before_last_change",
    "before_last_version",
    "code_of_another_parent",
    "cycle",
    "dates_out_of_order",
    "into_itself",
    "kind_differs",
    "kind_not_at_level",
    "level_differs",
    "merges_into_itself",
    "not_active",
    "not_there_yet",
    "nothing_changed",
    "organization_exists",
    "organizations_meet",
    "unknown_reference",
    "wrong_level",
];

/// How often what became of which kind of act.
#[derive(Debug, Default)]
pub struct Tally {
    effects: BTreeMap<&'static str, u32>,
    others: BTreeMap<(&'static str, Outcome), u32>,
}

impl Tally {
    /// Notes what became of an act, which the world `before` was told.
    pub fn note(&mut self, act: &Act, outcome: &Outcome, before: &World, after: &World) {
        let kind = act.kind();
        match outcome {
            Outcome::TookEffect => {
                let cases = [Some(kind), case_of(act, before, after)];
                for case in cases.into_iter().flatten() {
                    *self.effects.entry(case).or_default() += 1;
                }
                return;
            }
            Outcome::Refused(reason) => {
                assert!(
                    REASONS.contains(&reason.as_str()),
                    "{act:?} was refused: {reason}"
                );
            }
            Outcome::NotTold => {}
        }
        *self.others.entry((kind, outcome.clone())).or_default() += 1;
    }

    /// That each kind of act took effect often enough.
    pub fn assert_enough(&self) {
        for (kind, least) in LEAST {
            let often = self.effects.get(kind).copied().unwrap_or_default();
            assert!(
                often >= *least,
                "{kind}: {often} took effect of at least {least}; {self:#?}"
            );
        }
        let unknown = self
            .effects
            .keys()
            .find(|kind| !LEAST.iter().any(|(known, _)| known == *kind));
        assert_eq!(unknown, None, "how often should it take effect?");
    }
}

/// Which of the cases of an act it was that matter to figures.
fn case_of(act: &Act, before: &World, after: &World) -> Option<&'static str> {
    match act {
        Act::MergeAreas { from, into, on } => {
            let was_known = |area: &Area| before.persons(*area, *on - Days::new(1)).is_some();
            let is_counted = before.counts.contains_key(&(*on, *into));
            match (was_known(from) && was_known(into), after.persons(*into, *on)) {
                _ if is_counted => None,
                (true, Some(_)) => Some("merge areas: counts added"),
                (true, None) => Some("merge areas: counted too far apart"),
                (false, _) => Some("merge areas: not counted in each"),
            }
        }
        Act::SplitArea { area, on, .. } => {
            let lost = before.persons(*area, *on).is_some() && after.persons(*area, *on).is_none();
            lost.then_some("split an area: counts lost")
        }
        Act::CloseArea { area, on } => {
            let day: NaiveDate = *on;
            let mut closed = before
                .organizations
                .values()
                .filter(|one| one.closed <= Some(day));
            let was_in_it = closed.any(|one| one.closed.is_some() && *one.area.on(day) == *area);
            was_in_it.then_some("close an area: one was closed in it")
        }
        _ => None,
    }
}
