//! Milestones: goals that an area reaches once.

use super::area::Level;

column_enum! {
    /// The kind of a milestone.
    pub enum MilestoneKind {
        /// 零突破: the first organization at a level in a city or county, on the day on which its count rises above 0.
        FirstAtLevel => "first_at_level",
        /// 全覆盖: every administrative area of a level in a province, city or county has an organization.
        FullCoverage => "full_coverage",
        /// 三级全覆盖: a county itself, all its townships and all its villages have an organization.
        ThreeTierFullCoverage => "three_tier_full_coverage",
    }
}

text_enum! {
    /// Whether the milestone still holds.
    pub enum MilestoneState {
        /// According to current knowledge, it was reached on its day.
        Reached => "reached",
        /// It was recorded as reached, but according to later knowledge it was not reached on that day.
        Withdrawn => "withdrawn",
    }
}

impl MilestoneKind {
    /// Returns whether an area of this level can reach this milestone.
    pub const fn is_of(self, area: Level) -> bool {
        match self {
            Self::FirstAtLevel => matches!(area, Level::City | Level::County),
            Self::FullCoverage => matches!(area, Level::Province | Level::City | Level::County),
            Self::ThreeTierFullCoverage => matches!(area, Level::County),
        }
    }

    /// Returns whether the milestone can be about organizations of `level` in an area of level `area`. A county's own
    /// federation is an event of its city, not a first within the county.
    pub fn may_be_about(self, area: Level, level: Level) -> bool {
        !matches!(
            (self, area, level),
            (Self::FirstAtLevel, Level::County, Level::County)
        )
    }

    /// Returns the Chinese description for a level.
    pub fn chinese(self, level: Option<Level>) -> String {
        let level = level.map_or("", Level::chinese);
        match self {
            Self::FirstAtLevel => format!("{level}侨联组织“零突破”"),
            Self::FullCoverage => format!("{level}侨联组织全覆盖"),
            Self::ThreeTierFullCoverage => "“三级全覆盖”".to_owned(),
        }
    }

    /// Returns the English description for a level.
    pub fn english(self, level: Option<Level>) -> String {
        let level = level.map_or("", Level::as_str);
        match self {
            Self::FirstAtLevel => format!("the first organization at the level {level}"),
            Self::FullCoverage => format!("an organization in every area of the level {level}"),
            Self::ThreeTierFullCoverage => {
                "an organization in the county, every township and every village".to_owned()
            }
        }
    }
}
