//! Versioned rules. The version in force on a date applies; versions are never edited.

use chrono::{Days, NaiveDate};
use serde::{Deserialize, Serialize};

use super::Violation;
use super::period::Period;
use super::program::Cohort;

/// The name of the rule that applies if none is requested.
pub const DEFAULT: &str = "default";

column_enum! {
    /// The kind of a rule.
    pub enum RuleKind {
        /// Which areas should have which organization.
        Establishment => "establishment",
        /// The date from which an organization counts.
        Counting => "counting",
        /// Until when reports of a period are included in its figures.
        Reporting => "reporting",
        /// What counts as coverage of an area.
        Coverage => "coverage",
        /// Red, yellow and green lights.
        Light => "light",
        /// When an overdue task is chased.
        Chase => "chase",
        /// The composite score.
        Scoring => "scoring",
    }
}

text_enum! {
    /// The date from which an organization counts.
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
    /// The date from which an organization counts.
    pub counted_from: CountedFrom,
    /// Only areas of these cohorts count; all areas if omitted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cohorts: Option<Vec<Cohort>>,
    /// Whether only organizations verified by an area above count. Rejected organizations never count.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub verified_only: bool,
}

impl Default for CountingParams {
    /// Counts from 成立 until closed (article, features F7).
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
    /// The cut-off (截止): the end of the day that is this many days after the last day of the period (Asia/Shanghai).
    pub cut_off_days: u32,
}

impl ReportingParams {
    /// The maximum of `cut_off_days`: about one year.
    const MOST: u32 = 366;

    /// Returns the violations of these parameters.
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

    /// Returns the first day on which reports of a period are too late.
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
