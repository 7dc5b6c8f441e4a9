//! The content of a progress bulletin (进展情况通报), frozen when it is composed. The *common* part is the same for every
//! recipient; the *own* part belongs to one city. Both are frozen as canonical JSON
//! ([`qiaojian_domain::digest::canonical`]): integers, words, dates, and ratios with their numerators and denominators.
//! They contain no links, no host names and nothing else that may change later.
//!
//! Unknown is not zero: values that may be unknown are `Option`s, and the page displays 未知.

use chrono::NaiveDate;
use qiaojian_domain::area::Level;
use qiaojian_domain::assignment::AssignmentStatus;
use qiaojian_domain::clock::UtcTime;
use qiaojian_domain::organization::Kind;
use qiaojian_domain::program::Cohort;
use qiaojian_domain::rule::RuleKind;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::percent::percent;
use super::words::program_phrase;

/// The current format. The number increases when a field is added, removed or changes its meaning, so that bulletins
/// published in an earlier format are still read, rendered and compared in that format:
///
/// 1. The first format. It has no `format` field.
/// 2. Adds `format`, the reopened organizations, and the cohorts that make up the totals.
pub const FORMAT: u32 = 2;

const fn first_format() -> u32 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_first_format(format: &u32) -> bool {
    *format == 1
}

/// The part that is the same for every recipient.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Common {
    /// The format of this part when it was composed; 1 if omitted.
    #[serde(default = "first_format", skip_serializing_if = "is_first_format")]
    pub format: u32,
    /// Whether the data are invented for a demonstration. Every page with such data displays a notice.
    pub illustrative: bool,
    /// The programme's title, without quotation marks.
    pub program: String,
    /// The issuer as it signs: 安徽省侨联.
    pub issuer: String,
    /// The area of the totals, which include pilot and other cities.
    pub scope: AreaName,
    /// The period that the bulletin reports on.
    pub period: PeriodSpan,
    /// The next period, whose tasks are announced.
    pub next_period: PeriodSpan,
    /// The date as of which the figures are valid (valid time).
    pub as_of: NaiveDate,
    /// The instant up to which recorded data is included in the figures (transaction time).
    pub known_at: UtcTime,
    /// The baseline date from which growth is measured.
    pub baseline_on: NaiveDate,
    /// The totals of the scope.
    pub totals: Totals,
    /// Organizations established within the period, up to `as_of`.
    pub added_in_period: Added,
    /// Organizations established after `baseline_on`, up to `as_of`.
    pub added_since_baseline: Added,
    /// The share of the scope's areas that have an organization, by level.
    pub coverage: Vec<Coverage>,
    /// The figures that add up to the totals. Since format 2.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cohorts: Vec<CohortFigures>,
    /// The figures of the pilot cities, ordered by code.
    pub cities: Vec<CityFigures>,
    /// The rules by which the figures were computed.
    pub rules: Vec<RuleUsed>,
    /// A short note on how the figures were counted.
    pub basis_note: Option<String>,
}

/// The part that belongs to one recipient.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Own {
    /// The format of this part when it was composed; 1 if omitted.
    #[serde(default = "first_format", skip_serializing_if = "is_first_format")]
    pub format: u32,
    /// The city's figures; the same as its row in `cities` of the common part.
    pub figures: CityFigures,
    /// Organizations established in the city within the period.
    pub added_in_period: Added,
    /// Organizations established in the city after the baseline.
    pub added_since_baseline: Added,
    /// The missing organizations in each county of the city, ordered by code.
    pub gaps: Vec<CountyGap>,
    /// The city's tasks as of `as_of`.
    pub tasks: Tasks,
    /// The city's tasks that are due in the next period.
    pub due_next: TaskList,
}

/// The format of a frozen part, read without its other fields.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(super) struct Format {
    #[serde(default = "first_format")]
    pub format: u32,
}

impl Common {
    /// Converts newly composed content to an earlier format.
    #[must_use]
    pub fn in_format(mut self, format: u32) -> Self {
        self.format = format;
        if format < 2 {
            self.totals.reopened_since_baseline = None;
            self.cohorts.clear();
        }
        self
    }
}

impl Own {
    /// Converts newly composed content to an earlier format.
    #[must_use]
    pub fn in_format(mut self, format: u32) -> Self {
        self.format = format;
        self
    }
}

/// An area with its name as of `as_of`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AreaName {
    /// The area's code.
    pub code: String,
    /// The area's full name.
    pub name: String,
}

/// A period with its first and last day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PeriodSpan {
    /// The name of the period: `2022-06`.
    pub name: String,
    /// The Chinese name of the period: 2022年6月.
    pub label: String,
    /// The first day.
    pub first_day: NaiveDate,
    /// The last day.
    pub last_day: NaiveDate,
}

/// A share or a growth rate, always with its numerator and denominator.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Ratio {
    /// The numerator; `null` if unknown.
    pub numerator: Option<i64>,
    /// The denominator; `null` if unknown.
    pub denominator: Option<i64>,
    /// The percentage with one decimal, rounded half up; `null` if the numerator or denominator is unknown or the
    /// denominator is 0.
    pub value: Option<f64>,
}

impl Ratio {
    /// Returns the ratio of two numbers, either of which may be unknown.
    pub fn of(numerator: impl Into<Option<i64>>, denominator: impl Into<Option<i64>>) -> Self {
        let (numerator, denominator) = (numerator.into(), denominator.into());
        let value = numerator
            .zip(denominator)
            .and_then(|(part, whole)| percent(part, whole));
        Self {
            numerator,
            denominator,
            value,
        }
    }

    /// Returns the ratio of the summed numerators and denominators, for areas that do not overlap. If any of them is
    /// unknown, so is the sum.
    pub fn sum(ratios: impl Iterator<Item = Self> + Clone) -> Self {
        let numerator: Option<i64> = ratios.clone().map(|ratio| ratio.numerator).sum();
        let denominator: Option<i64> = ratios.map(|ratio| ratio.denominator).sum();
        Self::of(numerator, denominator)
    }
}

/// The totals of the scope.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Totals {
    /// The number of organizations as of `as_of`.
    pub organizations: i64,
    /// The number of organizations as of `baseline_on`; `null` if the register does not reach back that far.
    pub baseline: Option<i64>,
    /// The number of organizations closed or merged after `baseline_on`.
    pub closed_since_baseline: i64,
    /// The number of organizations re-established (恢复) after `baseline_on`. Since format 2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reopened_since_baseline: Option<i64>,
    /// The number added after `baseline_on` ÷ `baseline`.
    pub growth: Ratio,
}

/// The figures of one cohort, which are part of the totals.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CohortFigures {
    /// The cohort of the cities; `null` for organizations outside the cities of a cohort, such as the province's own.
    pub cohort: Option<Cohort>,
    /// The number of organizations as of `as_of`.
    pub organizations: i64,
    /// The number of organizations established after the baseline.
    pub added_since_baseline: i64,
}

/// The organizations established within an interval.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Added {
    /// The total number.
    pub total: i64,
    /// The numbers by level and kind. Groups with a count of zero may be omitted.
    pub groups: Vec<AddedGroup>,
}

/// The number of organizations of one level and kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AddedGroup {
    /// The level.
    pub level: Level,
    /// The kind.
    pub kind: Kind,
    /// The number of organizations.
    pub count: i64,
}

/// The share of the areas of one level that have an organization.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Coverage {
    /// The level.
    pub level: Level,
    /// Areas that have an organization ÷ all areas of the level.
    pub ratio: Ratio,
}

/// The figures of one city.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CityFigures {
    /// The city.
    pub city: AreaName,
    /// The number of organizations as of `as_of`.
    pub organizations: i64,
    /// The number of organizations established within the period.
    pub added_in_period: i64,
    /// The number of organizations established after the baseline.
    pub added_since_baseline: i64,
    /// The number added after the baseline ÷ the number at the baseline.
    pub growth: Ratio,
    /// Counties that have an organization ÷ all counties.
    pub counties: Ratio,
    /// Townships that have an organization ÷ all townships.
    pub townships: Ratio,
    /// Villages that have an organization ÷ all villages.
    pub villages: Ratio,
}

/// The missing organizations in one county.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CountyGap {
    /// The county.
    pub county: AreaName,
    /// Whether it is a development zone of the statistics bureau: not a real county, but with real townships.
    pub statistical: bool,
    /// Whether the county itself has an organization; `null` if unknown or for a development zone.
    pub has_organization: Option<bool>,
    /// The townships without an organization.
    pub townships: Missing,
    /// The villages without an organization.
    pub villages: Missing,
}

/// The areas of one level without an organization, whether or not a rule requires one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Missing {
    /// The number of areas without an organization; `null` if unknown.
    pub without: Option<i64>,
    /// The number of all areas; `null` if unknown.
    pub of: Option<i64>,
}

/// The tasks of a city. Each task is in exactly one list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Tasks {
    /// Accepted.
    pub done: TaskList,
    /// Not accepted, and not yet overdue.
    pub open: TaskList,
    /// Past due and not submitted.
    pub overdue: TaskList,
}

/// A list of tasks, of which only the first ones are included.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TaskList {
    /// The number of all tasks.
    pub count: i64,
    /// The first tasks, at most 20.
    pub rows: Vec<TaskRow>,
}

impl TaskList {
    /// The maximum number of rows of a list.
    pub const CAP: usize = 20;

    /// Counts the rows and keeps the first [`Self::CAP`].
    pub fn capped(mut rows: Vec<TaskRow>) -> Self {
        let count = i64::try_from(rows.len()).unwrap_or(i64::MAX);
        rows.truncate(Self::CAP);
        Self { count, rows }
    }

    /// Returns the number of tasks that are not listed.
    pub fn unlisted(&self) -> i64 {
        let listed = i64::try_from(self.rows.len()).unwrap_or(i64::MAX);
        (self.count - listed).max(0)
    }
}

/// A task of the breakdown table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TaskRow {
    /// The number of the task in the table.
    pub no: i32,
    /// The content of the task.
    pub content: String,
    /// The due date.
    pub due_on: NaiveDate,
    /// The status of the city's assignment.
    pub status: AssignmentStatus,
}

/// A rule by which the figures were computed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RuleUsed {
    /// The kind of the rule.
    pub kind: RuleKind,
    /// The name of the rule.
    pub name: String,
    /// The version of the rule.
    pub version: i64,
}

/// The parts of the page that are not frozen. They come from the rows of the bulletin and the notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Letterhead<'a> {
    /// The serial number; `None` for a draft.
    pub serial: Option<i32>,
    /// The title.
    pub title: &'a str,
    /// The date of publication; `None` for a draft.
    pub published_on: Option<NaiveDate>,
    /// The scheduled date of publication, if the bulletin is published late (补发).
    pub late_since: Option<NaiveDate>,
    /// The name of the recipient: 蚌埠市侨联.
    pub recipient_name: &'a str,
}

impl Letterhead<'_> {
    /// Returns 第6期, 编号待发 for a draft, or 第6期（补发） for a late issue.
    pub(super) fn serial_words(&self) -> String {
        let late = if self.late_since.is_some() {
            "（补发）"
        } else {
            ""
        };
        self.serial
            .map_or_else(|| "编号待发".to_owned(), |serial| format!("第{serial}期{late}"))
    }

    /// Returns the date from which tasks may still be requested: for a late issue, its date of publication; otherwise
    /// `None`.
    pub(super) fn asks_from(&self) -> Option<NaiveDate> {
        self.late_since.and(self.published_on)
    }

    /// Returns 2022年6月27日, or 日期待定 for a draft.
    pub(super) fn published_words(&self) -> String {
        self.published_on
            .map_or_else(|| "日期待定".to_owned(), super::words::day)
    }
}

/// The digests printed on a page, by which it can be verified against the register.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Digests<'a> {
    /// The digest of the common part, stored with the bulletin.
    pub common: &'a str,
    /// The digest of the recipient's own part, stored with the notice.
    pub own: &'a str,
}

/// Returns the official title: 关于“党建带侨建、侨建促党建”试点工作2022年6月进展情况的通报.
pub fn title(program: &str, period_label: &str) -> String {
    format!("关于{}{period_label}进展情况的通报", program_phrase(program))
}
