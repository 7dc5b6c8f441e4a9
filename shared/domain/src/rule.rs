//! Versioned parameter sets. The version in force on a date decides; none is ever edited.

use chrono::{Days, NaiveDate};
use serde::{Deserialize, Serialize};

use super::Violation;
use super::period::Period;
use super::program::Cohort;

/// The name of the rule that is used when none is asked for.
pub const DEFAULT: &str = "default";

column_enum! {
    /// What a rule is about.
    pub enum RuleKind {
        /// Which area should have what.
        Establishment => "establishment",
        /// From when an organization counts.
        Counting => "counting",
        /// Until when reports of a period are taken into its figures.
        Reporting => "reporting",
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
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
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

/// The parameters of a reporting rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ReportingParams {
    /// The cut-off (截止) is the end of the day so many days after the period's last one, in Asia/Shanghai.
    pub cut_off_days: u32,
}

impl ReportingParams {
    /// No cut-off is later than a year.
    const MOST: u32 = 366;

    /// What is wrong with it, if anything.
    pub fn violations(self) -> Vec<Violation> {
        if self.cut_off_days <= Self::MOST {
            return Vec::new();
        }
        vec![Violation::new(
            "/params/cut_off_days",
            "out_of_range",
            format!("cut_off_days 应在 0 与 {} 之间。", Self::MOST),
            format!("cut_off_days must be between 0 and {}.", Self::MOST),
        )]
    }

    /// The first day on which reports of a period come too late.
    pub fn closed_from(self, period: Period) -> Option<NaiveDate> {
        period
            .last_day()
            .checked_add_days(Days::new(u64::from(self.cut_off_days) + 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_period_closes_so_many_days_after_its_last_one() {
        let closed = |period: &str, cut_off_days| {
            let closed = ReportingParams { cut_off_days }.closed_from(period.parse().unwrap());
            closed.unwrap().to_string()
        };
        assert_eq!(closed("2022-05", 0), "2022-06-01");
        assert_eq!(closed("2022-05", 3), "2022-06-04");
        assert_eq!(closed("2021-Q4", 31), "2022-02-01");
        assert!(ReportingParams { cut_off_days: 366 }.violations().is_empty());
        assert_eq!(ReportingParams { cut_off_days: 367 }.violations().len(), 1);
    }
}
