//! Where something should be founded (应建): the establishment rule, as a pure function.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::area::Level;

text_enum! {
    /// What a rule asks of an area.
    pub enum Requirement {
        /// An organization of its own: 侨联, 工作站 or 工作分站.
        Organization => "organization",
        /// Somebody who does the work: 联络员. An organization will do too.
        LiaisonPost => "liaison_post",
        /// It cannot be told, because a count is not known. Unknown is not zero.
        Undetermined => "undetermined",
    }
}

/// From which number on a village should have an organization; either is enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Threshold {
    /// 涉侨人员
    pub persons: i32,
    /// 涉侨家庭
    pub households: i32,
}

/// The parameters of an establishment rule.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct EstablishmentParams {
    /// Every area of these levels should have an organization (应建尽建).
    #[serde(default)]
    pub levels: Vec<Level>,
    /// A village should have one from this threshold on, and below it a liaison post (article, 三: 10名及以上的涉侨人员或者3户及以上涉侨家庭).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub village: Option<Threshold>,
}

/// What a rule asks of the areas of one level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asks {
    /// An organization, whatever is counted there.
    Organization,
    /// An organization from a threshold on, and below it a liaison post.
    From(Threshold),
}

impl Asks {
    /// What it asks of an area with these counts.
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
    /// What the rule asks of the areas of this level; nothing, where it does not speak of it.
    pub fn asks(&self, level: Level) -> Option<Asks> {
        if self.levels.contains(&level) {
            return Some(Asks::Organization);
        }
        let threshold = self.village.filter(|_| level == Level::Village)?;
        Some(Asks::From(threshold))
    }
}

/// What rules ask of the areas of a scope, by level: for each level the nearest scope that speaks of it binds (DESIGN §5), so that rules of
/// several scopes add up.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Asking {
    by_level: BTreeMap<Level, (Asks, NaiveDate)>,
}

impl Asking {
    /// What `rule`, of a nearer scope and in force since a day, asks in addition or instead.
    #[must_use]
    pub fn with(mut self, rule: &EstablishmentParams, since: NaiveDate) -> Self {
        for level in Level::ALL {
            if let Some(asks) = rule.asks(*level) {
                self.by_level.insert(*level, (asks, since));
            }
        }
        self
    }

    /// What is asked of the areas of a level, and since when just that; nothing, where no rule speaks of it.
    pub fn of(&self, level: Level) -> Option<(Asks, NaiveDate)> {
        self.by_level.get(&level).copied()
    }

    /// The first day from which on it asks something.
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
