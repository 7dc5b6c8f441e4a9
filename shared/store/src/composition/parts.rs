//! Converts figures and tasks to the parts of a document.

use qiaojian_documents::progress::{Missing, PeriodSpan, Ratio, TaskList, TaskRow};
use qiaojian_domain::area::Level;
use qiaojian_domain::period::Period;
use qiaojian_domain::rule::CountedFrom;

use crate::figures::{Figure, GroupBy, Metric};
use crate::task_standing::Standing;

/// A coverage broken down by level.
pub(super) struct ByLevel(pub(super) Vec<Figure>);

impl ByLevel {
    /// Returns the coverage of one level; 0 of 0 if there is no area of it.
    pub(super) fn at(&self, level: Level) -> Ratio {
        self.0
            .iter()
            .find(|figure| word(figure, GroupBy::Level) == Some(level))
            .map_or_else(
                || Ratio::of(0, 0),
                |figure| Ratio::of(figure.numerator, figure.denominator),
            )
    }
}

pub(super) fn word<T: std::str::FromStr>(figure: &Figure, key: GroupBy) -> Option<T> {
    figure.group.get(&key)?.as_deref()?.parse().ok()
}

pub(super) fn number(totals: &[Figure], metric: Metric) -> i64 {
    totals
        .iter()
        .find(|figure| figure.metric == metric)
        .map_or(0, |figure| figure.numerator)
}

pub(super) fn ratio(totals: &[Figure], metric: Metric) -> Ratio {
    totals.iter().find(|figure| figure.metric == metric).map_or_else(
        || Ratio::of(0, 0),
        |figure| Ratio::of(figure.numerator, figure.denominator),
    )
}

pub(super) fn missing(coverage: Ratio) -> Missing {
    Missing {
        without: coverage
            .denominator
            .zip(coverage.numerator)
            .map(|(all, covered)| all - covered),
        of: coverage.denominator,
    }
}

pub(super) fn rows<'a>(standings: impl Iterator<Item = &'a &'a Standing>) -> TaskList {
    TaskList::capped(
        standings
            .map(|standing| TaskRow {
                no: standing.no,
                content: standing.content.clone(),
                due_on: standing.due_on,
                status: standing.status,
            })
            .collect(),
    )
}

pub(super) fn span(period: Period) -> PeriodSpan {
    PeriodSpan {
        name: period.to_string(),
        label: period.chinese(),
        first_day: period.first_day(),
        last_day: period.last_day(),
    }
}

pub(super) const fn basis_note(counted_from: CountedFrom) -> &'static str {
    match counted_from {
        CountedFrom::Approved => "组织自批复之日起计入，撤销之日起不再计入；联络员不计入组织数。",
        CountedFrom::Established => {
            "组织自成立之日起计入，撤销之日起不再计入；筹备中的不计入，联络员不计入组织数。"
        }
        CountedFrom::Unveiled => "组织自挂牌之日起计入，撤销之日起不再计入；联络员不计入组织数。",
    }
}
