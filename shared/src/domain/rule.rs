//! Versioned parameter sets. The version in force on a date decides; none is ever edited.

use serde::{Deserialize, Serialize};

use super::program::Cohort;

/// The name of the rule that is used when none is asked for.
pub const DEFAULT: &str = "default";

text_enum! {
    /// What a rule is about.
    pub enum RuleKind {
        /// Which area should have what.
        Establishment => "establishment",
        /// From when an organization counts.
        Counting => "counting",
        /// What covers an area.
        Coverage => "coverage",
        /// Red, yellow, green.
        Light => "light",
        /// When an overdue task is chased.
        Chase => "chase",
        /// The composite score.
        Scoring => "scoring",
    }
}

text_enum! {
    /// From which date an organization counts.
    pub enum CountedFrom {
        /// 批复
        Approved => "approved",
        /// 成立
        Established => "established",
        /// 挂牌
        Unveiled => "unveiled",
    }
}

/// The parameters of a counting rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CountingParams {
    /// From which date an organization counts.
    pub counted_from: CountedFrom,
    /// Only areas of these cohorts count; all when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cohorts: Option<Vec<Cohort>>,
    /// Only what an area above has verified counts. What was rejected counts by no rule.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub verified_only: bool,
}

impl Default for CountingParams {
    /// Counted from 成立 until closed (article, features F7).
    fn default() -> Self {
        Self {
            counted_from: CountedFrom::Established,
            cohorts: None,
            verified_only: false,
        }
    }
}
