//! Where something should be founded (应建): the establishment rule, as a pure function.

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
#[serde(deny_unknown_fields)]
pub struct Threshold {
    /// 涉侨人员
    pub persons: i32,
    /// 涉侨家庭
    pub households: i32,
}

/// The parameters of an establishment rule.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EstablishmentParams {
    /// Every area of these levels should have an organization (应建尽建).
    #[serde(default)]
    pub levels: Vec<Level>,
    /// A village should have one from this threshold on, and below it a liaison post (article, 三: 10名及以上的涉侨人员或者3户及以上涉侨家庭).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub village: Option<Threshold>,
}

impl EstablishmentParams {
    /// What the rule asks of an area of this level with these counts; nothing, where it says nothing about it.
    pub fn requires(
        &self,
        level: Level,
        persons: Option<i32>,
        households: Option<i32>,
    ) -> Option<Requirement> {
        if self.levels.contains(&level) {
            return Some(Requirement::Organization);
        }
        let threshold = self.village.filter(|_| level == Level::Village)?;
        let reaches = |count: Option<i32>, least: i32| count.map(|count| count >= least);
        Some(
            match (
                reaches(persons, threshold.persons),
                reaches(households, threshold.households),
            ) {
                (Some(true), _) | (_, Some(true)) => Requirement::Organization,
                (Some(false), Some(false)) => Requirement::LiaisonPost,
                (None, _) | (_, None) => Requirement::Undetermined,
            },
        )
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
            assert_eq!(
                rule.requires(Level::Village, persons, households),
                Some(expected),
                "{persons:?} {households:?}"
            );
        }
        assert_eq!(rule.requires(Level::Township, None, None), Some(Organization));
        assert_eq!(rule.requires(Level::City, Some(99), Some(99)), None);
        let only_counties = EstablishmentParams {
            levels: vec![Level::County],
            village: None,
        };
        assert_eq!(only_counties.requires(Level::Village, Some(99), Some(99)), None);
    }
}
