//! 进展情况通报: what is frozen when a progress bulletin is composed. The *common* part is the same for every recipient, the
//! *own* part belongs to one city. Frozen is their canonical JSON ([`qiaojian_domain::digest::canonical`]): integers, words, dates and
//! ratios with their parts; no link, no host name, nothing that changes later.
//!
//! Unknown is not zero: what may be unknown is an `Option`, and the page says 未知.

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

/// The format of what is composed now. A field that is added, removed or means something else makes the next number, so that what was
/// published in an earlier one is read, rendered and compared as it was:
///
/// 1. The first; it has no `format` of its own.
/// 2. Says its `format`, what was established again, and the cohorts that the totals sum.
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
    /// The format of this part, [`FORMAT`] when it was composed.
    #[serde(default = "first_format", skip_serializing_if = "is_first_format")]
    pub format: u32,
    /// Whether the data are made up for a demonstration; every page made of it says so.
    pub illustrative: bool,
    /// The programme's title, without quotation marks.
    pub program: String,
    /// Who issues it, as it signs: 安徽省侨联.
    pub issuer: String,
    /// The area the totals are of; pilot and other cities together.
    pub scope: AreaName,
    /// What the bulletin reports on.
    pub period: PeriodSpan,
    /// What it announces.
    pub next_period: PeriodSpan,
    /// The date for which the figures are true.
    pub as_of: NaiveDate,
    /// What the system knew when they were computed.
    pub known_at: UtcTime,
    /// The date the growth is measured from.
    pub baseline_on: NaiveDate,
    /// Totals of the scope.
    pub totals: Totals,
    /// What was established within the period, until `as_of`.
    pub added_in_period: Added,
    /// What was established after `baseline_on`, until `as_of`.
    pub added_since_baseline: Added,
    /// Which share of the scope's areas has an organization, one row a level.
    pub coverage: Vec<Coverage>,
    /// What the totals are the sum of; from format 2 on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cohorts: Vec<CohortFigures>,
    /// The pilot cities side by side, by code.
    pub cities: Vec<CityFigures>,
    /// The rules the figures were counted by.
    pub rules: Vec<RuleUsed>,
    /// What a reader has to know about the counting, in a sentence or two.
    pub basis_note: Option<String>,
}

/// The part that belongs to one recipient.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Own {
    /// The format of this part, [`FORMAT`] when it was composed.
    #[serde(default = "first_format", skip_serializing_if = "is_first_format")]
    pub format: u32,
    /// The city's figures, the same as its row in [`Common::cities`].
    pub figures: CityFigures,
    /// What the city established within the period.
    pub added_in_period: Added,
    /// What the city established after the baseline.
    pub added_since_baseline: Added,
    /// Where organizations are missing: every county of the city, by code.
    pub gaps: Vec<CountyGap>,
    /// The city's tasks as they stand on `as_of`.
    pub tasks: Tasks,
    /// What of them is due in the next period.
    pub due_next: TaskList,
}

/// The format of a frozen part, whatever else it says.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(super) struct Format {
    #[serde(default = "first_format")]
    pub format: u32,
}

impl Common {
    /// What was composed now, as an earlier format has it.
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
    /// What was composed now, as an earlier format has it.
    #[must_use]
    pub fn in_format(mut self, format: u32) -> Self {
        self.format = format;
        self
    }
}

/// An area as named on `as_of`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AreaName {
    /// Its code.
    pub code: String,
    /// Its full name.
    pub name: String,
}

/// A period with its first and last day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PeriodSpan {
    /// The calendar name: `2022-06`.
    pub name: String,
    /// As an office writes it: 2022年6月.
    pub label: String,
    /// The first day.
    pub first_day: NaiveDate,
    /// The last day.
    pub last_day: NaiveDate,
}

/// A share or a growth, never without its parts.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Ratio {
    /// What is counted.
    pub numerator: Option<i64>,
    /// Out of how many.
    pub denominator: Option<i64>,
    /// Percent with one decimal, half up; `null` when a part is unknown or the denominator is 0.
    pub value: Option<f64>,
}

impl Ratio {
    /// The ratio of two numbers, either of which may be unknown.
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

    /// Parts added up, as of areas that do not overlap. One unknown part makes the sum unknown.
    pub fn sum(ratios: impl Iterator<Item = Self> + Clone) -> Self {
        let numerator: Option<i64> = ratios.clone().map(|ratio| ratio.numerator).sum();
        let denominator: Option<i64> = ratios.map(|ratio| ratio.denominator).sum();
        Self::of(numerator, denominator)
    }
}

/// The scope's totals.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Totals {
    /// Organizations on `as_of`.
    pub organizations: i64,
    /// Organizations on `baseline_on`; `null` when the register does not reach back to it.
    pub baseline: Option<i64>,
    /// Closed or merged after `baseline_on`.
    pub closed_since_baseline: i64,
    /// Established again (恢复) after `baseline_on`; from format 2 on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reopened_since_baseline: Option<i64>,
    /// Added after `baseline_on` ÷ `baseline`.
    pub growth: Ratio,
}

/// One part of the totals.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CohortFigures {
    /// Which cities; `null` is what belongs to no city of a cohort, as the province's own.
    pub cohort: Option<Cohort>,
    /// Organizations on `as_of`.
    pub organizations: i64,
    /// Established after the baseline.
    pub added_since_baseline: i64,
}

/// What was established in an interval.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Added {
    /// All of it.
    pub total: i64,
    /// By level and kind; groups of zero may be left out.
    pub groups: Vec<AddedGroup>,
}

/// One level and kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AddedGroup {
    /// The level.
    pub level: Level,
    /// The kind.
    pub kind: Kind,
    /// How many.
    pub count: i64,
}

/// Which share of the areas of a level has an organization.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Coverage {
    /// The level.
    pub level: Level,
    /// Areas that have one ÷ areas of the level.
    pub ratio: Ratio,
}

/// One city's row in the comparison.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CityFigures {
    /// The city.
    pub city: AreaName,
    /// Organizations on `as_of`.
    pub organizations: i64,
    /// Established within the period.
    pub added_in_period: i64,
    /// Established after the baseline.
    pub added_since_baseline: i64,
    /// Added after the baseline ÷ count at the baseline.
    pub growth: Ratio,
    /// Counties that have an organization ÷ counties.
    pub counties: Ratio,
    /// Townships that have an organization ÷ townships.
    pub townships: Ratio,
    /// Villages that have an organization ÷ villages.
    pub villages: Ratio,
}

/// What is missing in one county.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CountyGap {
    /// The county.
    pub county: AreaName,
    /// A development zone of the statistics bureau: no county itself, but real townships stand under it.
    pub statistical: bool,
    /// Whether the county itself has an organization; `null` when unknown, and for a zone.
    pub has_organization: Option<bool>,
    /// Its townships.
    pub townships: Missing,
    /// Its villages.
    pub villages: Missing,
}

/// Areas of one level without an organization, whether or not a rule asks for one there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Missing {
    /// Without one.
    pub without: Option<i64>,
    /// Out of how many.
    pub of: Option<i64>,
}

/// A city's tasks. Each task is in exactly one list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Tasks {
    /// Accepted.
    pub done: TaskList,
    /// Not accepted, and not yet overdue.
    pub open: TaskList,
    /// Past due and not submitted.
    pub overdue: TaskList,
}

/// Tasks, the first of them listed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TaskList {
    /// How many there are.
    pub count: i64,
    /// The first of them, at most [`TaskList::CAP`].
    pub rows: Vec<TaskRow>,
}

impl TaskList {
    /// How many rows a list shows.
    pub const CAP: usize = 20;

    /// Counts the rows and keeps the first [`Self::CAP`].
    pub fn capped(mut rows: Vec<TaskRow>) -> Self {
        let count = i64::try_from(rows.len()).unwrap_or(i64::MAX);
        rows.truncate(Self::CAP);
        Self { count, rows }
    }

    /// How many are not listed.
    pub fn unlisted(&self) -> i64 {
        let listed = i64::try_from(self.rows.len()).unwrap_or(i64::MAX);
        (self.count - listed).max(0)
    }
}

/// One task of the breakdown table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TaskRow {
    /// Its number in the table.
    pub no: i32,
    /// What is to be done.
    pub content: String,
    /// By when.
    pub due_on: NaiveDate,
    /// Where the city's assignment stands.
    pub status: AssignmentStatus,
}

/// A rule the figures were counted by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RuleUsed {
    /// What it is about.
    pub kind: RuleKind,
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: i64,
}

/// What the page needs and the frozen content does not hold: it comes from the rows of the bulletin and the notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Letterhead<'a> {
    /// The number of the issue; a draft has none yet.
    pub serial: Option<i32>,
    /// The title.
    pub title: &'a str,
    /// The day of publication; a draft has none yet.
    pub published_on: Option<NaiveDate>,
    /// The day it should have come out, where it comes out later: 补发.
    pub late_since: Option<NaiveDate>,
    /// Who it is addressed to: 蚌埠市侨联.
    pub recipient_name: &'a str,
}

impl Letterhead<'_> {
    /// 第6期, or 编号待发 for a draft; 第6期（补发） where it is late.
    pub(super) fn serial_words(&self) -> String {
        let late = if self.late_since.is_some() {
            "（补发）"
        } else {
            ""
        };
        self.serial
            .map_or_else(|| "编号待发".to_owned(), |serial| format!("第{serial}期{late}"))
    }

    /// From which day on something may still be asked for: of a late issue, that of its publication.
    pub(super) fn asks_from(&self) -> Option<NaiveDate> {
        self.late_since.and(self.published_on)
    }

    /// 2022年6月27日, or 日期待定 for a draft.
    pub(super) fn published_words(&self) -> String {
        self.published_on
            .map_or_else(|| "日期待定".to_owned(), super::words::day)
    }
}

/// The digests a page carries, so that it can be checked against the register.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Digests<'a> {
    /// Of the common part: the bulletin's.
    pub common: &'a str,
    /// Of the recipient's own part: the notice's.
    pub own: &'a str,
}

/// The title an office would give it: 关于“党建带侨建、侨建促党建”试点工作2022年6月进展情况的通报.
pub fn title(program: &str, period_label: &str) -> String {
    format!("关于{}{period_label}进展情况的通报", program_phrase(program))
}
