//! Figures: computed from rows, never stored except when frozen in a bulletin. A figure is a fold over the
//! organizations (and areas) of one subtree, as valid on `as_of` and as known at `known`; its members are exactly the
//! rows that the fold counted.

mod basis;
mod breakdown;
mod by_place;
mod facts;
mod fold;
mod gaps;
mod groups;
mod lineage;
mod members;
mod milestones;
mod model;
mod rows;
mod taking_part;
#[cfg(test)]
mod tests;
mod tree;

use std::collections::BTreeMap;

use chrono::NaiveDate;
use qiaojian_domain::Violation;
use qiaojian_domain::program::Cohort;
use serde::Serialize;

pub use basis::{Basis, Due};
pub use by_place::{Counted, Counts, Organizations};
pub use facts::Facts;
pub use fold::answer;
pub use gaps::{Gap, Gaps, Wanted as WantedGaps, gaps};
pub use lineage::Lineage;
pub use members::{Member, members};
pub use milestones::{After, Changed, Era, Goal, PastEra, Reached, reached};
pub use model::{Held, ReadModel, caught_up};
pub use rows::{Break, Stretch, VersionFacts};
pub use tree::{Place, Tree, TreeRow};

use crate::Subtree;

qiaojian_domain::text_enum! {
    /// What is counted.
    pub enum Metric {
        /// Organizations that count on `as_of`.
        Organizations => "organizations" / "组织数",
        /// Organizations that began to count in (`from`, `to`].
        Added => "added" / "新增数",
        /// Organizations that ceased to count in (`from`, `to`], except those closed before it that count again at its
        /// end.
        Closed => "closed" / "撤销数",
        /// Organizations that were re-established (恢复) in (`from`, `to`] and count at its end, or that were closed once
        /// more: the count at the beginning, plus `added` and `reopened`, minus `closed`, equals the count at the end.
        Reopened => "reopened" / "恢复数",
        /// `added` ÷ the count at the programme's baseline.
        Growth => "growth" / "增长率",
        /// Areas with a counted organization of their own ÷ areas that exist on `as_of`.
        OrganizationCoverage => "organization_coverage" / "组织覆盖率",
        /// Like `organization_coverage`, but a liaison post also covers its area.
        WorkCoverage => "work_coverage" / "工作覆盖率",
        /// Areas that have what the establishment rule requires ÷ areas of which it requires something. Areas for which
        /// this cannot be determined, because a count is unknown, are `undetermined` and in neither number.
        Fulfilment => "fulfilment" / "应建尽建率",
        /// Organizations with all of 五有 on `as_of` ÷ organizations that count on that day.
        FiveHaveRate => "five_have_rate" / "五有率",
        /// Assignments that fell due in (`from`, `to`] and were submitted by their due date ÷ all that fell due in it,
        /// except cancelled ones.
        OnTimeRate => "on_time_rate" / "按时报结率",
        /// Counties that a visit (督导检查、走访调研) involved in (`from`, `to`], each counted once.
        Visited => "visited" / "督导走访县数",
    }
}

qiaojian_domain::text_enum! {
    /// A key that figures are broken down by.
    pub enum GroupBy {
        /// The city the area belongs to.
        City => "city" / "市",
        /// The county the area belongs to.
        County => "county" / "县（市、区）",
        /// The township the area belongs to.
        Township => "township" / "乡镇（街道）",
        /// The area's level.
        Level => "level" / "级别",
        /// The organization's kind.
        Kind => "kind" / "类别",
        /// The area's side in the programme.
        Cohort => "cohort" / "试点分组",
        /// The month in which an organization began or ceased to count; for `organizations`, the count at the end of
        /// each month.
        Month => "month" / "月份",
    }
}

qiaojian_domain::text_enum! {
    /// A number of a figure.
    pub enum Part {
        /// What was counted.
        Numerator => "numerator",
        /// The total it is measured against.
        Denominator => "denominator",
        /// Rows that could not be determined because data is missing.
        Undetermined => "undetermined",
        /// Members of the denominator that are not in the numerator.
        Missing => "missing",
        /// Areas for which no establishment rule applies.
        Unruled => "unruled",
    }
}

qiaojian_domain::text_enum! {
    /// The type of a figure's members.
    pub enum MembersKind {
        /// Organizations.
        Organizations => "organizations",
        /// Areas.
        Areas => "areas",
        /// Assignments of tasks.
        Assignments => "assignments",
    }
}

/// The cohorts of a question. Pilot and non-pilot are summed only on request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CohortChoice {
    /// One answer per cohort, no sum.
    Each,
    /// All areas, summed.
    All,
    /// Only this cohort.
    Only(Cohort),
}

/// A question, with all defaults resolved.
#[derive(Debug, Clone)]
pub struct Question {
    pub metrics: Vec<Metric>,
    pub within: Subtree,
    /// Exclusive.
    pub from: NaiveDate,
    /// Inclusive.
    pub to: NaiveDate,
    /// The date of the tree, the cohorts and the rules.
    pub as_of: NaiveDate,
    /// The date `growth` is measured against.
    pub baseline_on: Option<NaiveDate>,
    pub cohort: CohortChoice,
    pub group_by: Vec<GroupBy>,
}

/// The values of a figure's group keys; a value that does not apply (the county of a city's own federation) is null.
pub type GroupKey = BTreeMap<GroupBy, Option<String>>;

/// A figure. A ratio always comes with its numerator and denominator.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Figure {
    pub metric: Metric,
    pub group: GroupKey,
    pub numerator: i64,
    pub denominator: Option<i64>,
    /// For a ratio, the percentage rounded half up to one decimal; otherwise the numerator. Null if the denominator is
    /// zero or missing.
    pub value: Option<f64>,
    /// Rows that could not be determined because data is missing. Unknown is not zero.
    pub undetermined: i64,
    /// For `fulfilment`, the areas for which no establishment rule applies; otherwise 0.
    pub unruled: i64,
}

/// Figures by group, and their totals.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Answer {
    pub items: Vec<Figure>,
    pub totals: Vec<Figure>,
}

impl Metric {
    /// Returns whether it is a ratio.
    pub const fn is_ratio(self) -> bool {
        matches!(
            self,
            Self::Growth
                | Self::OrganizationCoverage
                | Self::WorkCoverage
                | Self::Fulfilment
                | Self::FiveHaveRate
                | Self::OnTimeRate
        )
    }

    /// Returns whether it counts areas, not organizations.
    const fn counts_areas(self) -> bool {
        matches!(
            self,
            Self::OrganizationCoverage | Self::WorkCoverage | Self::Fulfilment | Self::Visited
        )
    }

    /// Returns whether it is counted from rows that the read model does not hold.
    pub const fn counts_rows(self) -> bool {
        matches!(self, Self::OnTimeRate | Self::Visited)
    }

    /// Returns the type of its members.
    pub const fn members_kind(self) -> MembersKind {
        match self {
            Self::OnTimeRate => MembersKind::Assignments,
            counted if counted.counts_areas() => MembersKind::Areas,
            _ => MembersKind::Organizations,
        }
    }

    /// Returns whether the members of the denominator that are not in the numerator can be listed.
    pub const fn has_missing(self) -> bool {
        self.is_ratio() && !matches!(self, Self::Growth)
    }

    const fn can_be_grouped_by(self, group: GroupBy) -> bool {
        match (self, group) {
            (Self::Organizations | Self::Added | Self::Closed | Self::Reopened, GroupBy::Month) => true,
            (_, GroupBy::Month) => false,
            (
                Self::OrganizationCoverage
                | Self::WorkCoverage
                | Self::Fulfilment
                | Self::OnTimeRate
                | Self::Visited,
                GroupBy::Kind,
            ) => false,
            _ => true,
        }
    }
}

impl Question {
    /// Returns all violations of the question.
    pub fn violations(&self, today: NaiveDate) -> Vec<Violation> {
        let mut found = Vec::new();
        if self.from > self.to {
            found.push(Violation::new(
                "from",
                "from_after_to",
                "from 不能晚于 to。",
                "from must not be after to.",
            ));
        }
        // An earlier `as_of` would omit the part of the interval that was still in the future on that day.
        if self.as_of < self.to {
            found.push(Violation::new(
                "as_of",
                "as_of_before_to",
                "as_of 不能早于 to。",
                "as_of must not be before to.",
            ));
        }
        for (name, date) in [("to", self.to), ("as_of", self.as_of)] {
            if date > today {
                found.push(Violation::new(
                    name,
                    "date_in_future",
                    format!("{name} 不能晚于今天（{today}）。"),
                    format!("{name} must not be after today ({today})."),
                ));
            }
        }
        if self.metrics.is_empty() {
            found.push(Violation::new(
                "metric",
                "metric_missing",
                "请指明指标（metric）。",
                "Give at least one metric.",
            ));
        }
        if self.metrics.contains(&Metric::Growth) && self.baseline_on.is_none() {
            found.push(Violation::new(
                "program",
                "program_needed",
                "增长率（growth）需要试点项目的基准日，请指明 program。",
                "growth requires the baseline of a programme. Choose one with program.",
            ));
        }
        for metric in &self.metrics {
            for group in &self.group_by {
                if !metric.can_be_grouped_by(*group) {
                    found.push(Violation::new(
                        "group_by",
                        "group_not_possible",
                        format!(
                            "“{}”（{metric}）不能按“{}”（{group}）分组。",
                            metric.chinese(),
                            group.chinese()
                        ),
                        format!("{metric} cannot be grouped by {group}."),
                    ));
                }
            }
        }
        found
    }
}
