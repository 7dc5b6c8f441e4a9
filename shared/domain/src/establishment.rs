//! The establishment rule as a pure function: which areas should have an organization (应建).

use std::collections::BTreeMap;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::area::Level;

text_enum! {
    /// What a rule requires of an area.
    pub enum Requirement {
        /// The area's own organization: 侨联, 工作站 or 工作分站.
        Organization => "organization",
        /// A liaison officer (联络员). An organization satisfies this as well.
        LiaisonPost => "liaison_post",
        /// Cannot be determined because a count is not known. Unknown is not zero.
        Undetermined => "undetermined",
    }
}

/// The numbers from which a village should have an organization; reaching either is sufficient.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Threshold {
    /// 涉侨人员, minimum number of persons.
    pub persons: i32,
    /// 涉侨家庭, minimum number of households.
    pub households: i32,
}

/// The parameters of an establishment rule.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct EstablishmentParams {
    /// Levels at which every area should have an organization (应建尽建).
    #[serde(default)]
    pub levels: Vec<Level>,
    /// A village should have an organization from this threshold on, and a liaison post below it (article, 三:
    /// 10名及以上的涉侨人员或者3户及以上涉侨家庭).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub village: Option<Threshold>,
}

/// What a rule requires of the areas of one level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asks {
    /// An organization, regardless of the counts.
    Organization,
    /// An organization from a threshold on, and a liaison post below it.
    From(Threshold),
}

impl Asks {
    /// Returns the requirement for an area with these counts.
    pub fn requires(self, persons: Option<i32>, households: Option<i32>) -> Requirement {
        let Self::From(threshold) = self else {
            return Requirement::Organization;
        };
        let reaches = |count: Option<i32>, least: i32| count.map(|count| count >= least);
        match (
            reaches(persons, threshold.persons),
            reaches(households, threshold.households),
        ) {
            (Some(true), _) | (_, Some(true)) => Requirement::Organization,
            (Some(false), Some(false)) => Requirement::LiaisonPost,
            (None, _) | (_, None) => Requirement::Undetermined,
        }
    }
}

impl EstablishmentParams {
    /// Returns what the rule requires of the areas of this level, or `None` if the rule does not cover the level.
    pub fn asks(&self, level: Level) -> Option<Asks> {
        if self.levels.contains(&level) {
            return Some(Asks::Organization);
        }
        let threshold = self.village.filter(|_| level == Level::Village)?;
        Some(Asks::From(threshold))
    }
}

/// What the rules require of the areas of a scope, by level. For each level, the rule of the nearest scope that covers
/// the level applies (DESIGN §5), so rules of several scopes combine.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Asking {
    by_level: BTreeMap<Level, (Asks, NaiveDate)>,
}

impl Asking {
    /// Adds the requirements of `rule`, which belongs to a nearer scope and is in force since `since`. They replace
    /// existing requirements for the same levels.
    #[must_use]
    pub fn with(mut self, rule: &EstablishmentParams, since: NaiveDate) -> Self {
        for level in Level::ALL {
            if let Some(asks) = rule.asks(*level) {
                self.by_level.insert(*level, (asks, since));
            }
        }
        self
    }

    /// Returns the requirement for the areas of a level and the day since which it applies, or `None` if no rule covers
    /// the level.
    pub fn of(&self, level: Level) -> Option<(Asks, NaiveDate)> {
        self.by_level.get(&level).copied()
    }

    /// Returns the first day on which any requirement applies.
    pub fn since(&self) -> Option<NaiveDate> {
        self.by_level.values().map(|(_, since)| *since).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_articles_thresholds_at_their_boundaries() {
        use Requirement::{LiaisonPost, Organization, Undetermined};
        let rule = EstablishmentParams {
            levels: vec![Level::County, Level::Township],
            village: Some(Threshold {
                persons: 10,
                households: 3,
            }),
        };
        for (persons, households, expected) in [
            (Some(9), Some(2), LiaisonPost),
            (Some(10), Some(0), Organization),
            (Some(0), Some(3), Organization),
            (Some(9), Some(3), Organization),
            (Some(10), Some(2), Organization),
            (Some(0), Some(0), LiaisonPost),
            (None, Some(3), Organization),
            (Some(10), None, Organization),
            (None, Some(2), Undetermined),
            (Some(9), None, Undetermined),
            (None, None, Undetermined),
        ] {
            let village = rule.asks(Level::Village).unwrap();
            assert_eq!(
                village.requires(persons, households),
                expected,
                "{persons:?} {households:?}"
            );
        }
        let township = rule.asks(Level::Township).unwrap();
        assert_eq!(township.requires(None, None), Organization);
        assert_eq!(rule.asks(Level::City), None);
        let only_counties = EstablishmentParams {
            levels: vec![Level::County],
            village: None,
        };
        assert_eq!(only_counties.asks(Level::Village), None);
    }

    #[test]
    fn for_each_level_the_nearest_rule_that_speaks_of_it_binds() {
        let (early, late) = ("2021-11-01".parse().unwrap(), "2022-03-01".parse().unwrap());
        let threshold = |persons, households| Threshold { persons, households };
        let provinces = EstablishmentParams {
            levels: vec![Level::County, Level::Township],
            village: Some(threshold(20, 5)),
        };
        let citys = EstablishmentParams {
            levels: Vec::new(),
            village: Some(threshold(10, 3)),
        };
        let countys = EstablishmentParams {
            levels: vec![Level::Village],
            village: None,
        };
        let province = Asking::default().with(&provinces, early);
        let city = province.clone().with(&citys, late);
        let county = city.clone().with(&countys, late);
        for (asking, level, expected) in [
            (
                &province,
                Level::Village,
                Some((Asks::From(threshold(20, 5)), early)),
            ),
            (&city, Level::County, Some((Asks::Organization, early))),
            (&city, Level::Township, Some((Asks::Organization, early))),
            (&city, Level::Village, Some((Asks::From(threshold(10, 3)), late))),
            (&county, Level::Village, Some((Asks::Organization, late))),
            (&county, Level::City, None),
        ] {
            assert_eq!(asking.of(level), expected, "{level}");
        }
        assert_eq!(city.since(), Some(early));
        assert_eq!(Asking::default().since(), None);
    }
}
