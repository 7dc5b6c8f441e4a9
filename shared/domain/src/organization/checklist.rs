//! The five-have standard (五有) and the standing rules of an organization.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::dates::day;

/// One item of the five-have standard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ChecklistItem {
    /// Whether the organization has it.
    pub have: bool,
    /// The date since which the organization has it.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "day::read_optional"
    )]
    pub on: Option<NaiveDate>,
    /// The number of the document that proves it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub doc_no: Option<String>,
}

/// 五有, the five-have standard. An item that was never assessed is omitted, not false.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct FiveHave {
    /// 有组织
    #[serde(skip_serializing_if = "Option::is_none")]
    pub organization: Option<ChecklistItem>,
    /// 有队伍
    #[serde(skip_serializing_if = "Option::is_none")]
    pub team: Option<ChecklistItem>,
    /// 有经费
    #[serde(skip_serializing_if = "Option::is_none")]
    pub funding: Option<ChecklistItem>,
    /// 有阵地
    #[serde(skip_serializing_if = "Option::is_none")]
    pub venue: Option<ChecklistItem>,
    /// 有活动
    #[serde(skip_serializing_if = "Option::is_none")]
    pub activity: Option<ChecklistItem>,
}

impl FiveHave {
    /// Returns the five items, each with the JSON pointer of its document number.
    pub fn items(&self) -> [(&'static str, Option<&ChecklistItem>); 5] {
        [
            ("/five_have/organization/doc_no", self.organization.as_ref()),
            ("/five_have/team/doc_no", self.team.as_ref()),
            ("/five_have/funding/doc_no", self.funding.as_ref()),
            ("/five_have/venue/doc_no", self.venue.as_ref()),
            ("/five_have/activity/doc_no", self.activity.as_ref()),
        ]
    }
}

/// The standing rules (article, 二), each with the date since which it is in force.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct StandingRules {
    /// 学习
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "day::read_optional"
    )]
    pub learning: Option<NaiveDate>,
    /// 管理
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "day::read_optional"
    )]
    pub management: Option<NaiveDate>,
    /// 联系
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "day::read_optional"
    )]
    pub contact: Option<NaiveDate>,
    /// 服务侨界群众
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "day::read_optional"
    )]
    pub service: Option<NaiveDate>,
}

impl StandingRules {
    /// Returns the four dates, each with its JSON pointer.
    pub fn dates(&self) -> [(&'static str, Option<NaiveDate>); 4] {
        [
            ("/standing_rules/learning", self.learning),
            ("/standing_rules/management", self.management),
            ("/standing_rules/contact", self.contact),
            ("/standing_rules/service", self.service),
        ]
    }
}
