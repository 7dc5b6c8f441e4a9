//! Sentences about added organizations, which must also be correct for none, for one, and without a baseline for
//! comparison.

use chrono::NaiveDate;

use super::progress::{Added, Common, PeriodSpan, Ratio};
use super::words::{day, organization, percentage, span};

/// Returns 新增12个, or 无新增.
pub(super) fn added_words(added: i64) -> String {
    words_for(added, "")
}

fn words_for(added: i64, what: &str) -> String {
    if added == 0 {
        format!("无新增{what}")
    } else {
        format!("新增{what}{added}个")
    }
}

/// Returns ，比试点前（2021年10月31日）的158个增长205.7%. If the baseline is zero or unknown, the clause says so instead. Empty if
/// nothing was added.
pub(super) fn growth_clause(added: i64, growth: &Ratio, baseline_on: Option<NaiveDate>) -> String {
    if added == 0 {
        return String::new();
    }
    let on = baseline_on.map_or_else(String::new, |on| format!("（{}）", day(on)));
    match (growth.denominator, growth.value) {
        (Some(0), _) => format!("，试点前{on}没有基层侨联组织，不计算增长率"),
        (Some(before), Some(_)) => format!("，比试点前{on}的{before}个增长{}", percentage(growth.value)),
        _ => format!("，试点前{on}组织数未知，增长率未知"),
    }
}

/// Returns 试点工作开展以来，新增基层侨联组织325个，比试点前…增长205.7%。其中，…。
pub(super) fn since_baseline(added: &Added, growth: &Ratio, baseline_on: Option<NaiveDate>) -> String {
    let words = words_for(added.total, "基层侨联组织");
    let grown = growth_clause(added.total, growth, baseline_on);
    match breakdown(added) {
        Breakdown::None => format!("试点工作开展以来，{words}{grown}。"),
        Breakdown::One(sort) => format!("试点工作开展以来，{words}，{sort}{grown}。"),
        Breakdown::Several(sorts) => format!("试点工作开展以来，{words}{grown}。{sorts}。"),
    }
}

/// Returns 2022年6月（6月1日至6月24日），全省新增基层侨联组织47个，其中，…。
pub(super) fn in_period(who: &str, common: &Common, added: &Added) -> String {
    let PeriodSpan {
        label,
        first_day,
        last_day,
        ..
    } = &common.period;
    let until = (*last_day).min(common.as_of).max(*first_day);
    let days = span(*first_day, until);
    let words = words_for(added.total, "基层侨联组织");
    match breakdown(added) {
        Breakdown::None => format!("{label}（{days}），{who}{words}。"),
        Breakdown::One(sorts) | Breakdown::Several(sorts) => {
            format!("{label}（{days}），{who}{words}，{sorts}。")
        }
    }
}

/// The added organizations by level and kind.
enum Breakdown {
    /// None were added, or their level and kind are unknown.
    None,
    /// 均为村（社区）侨联工作站: all have the same level and kind.
    One(String),
    /// 其中，县（市、区）侨联15个，乡镇（街道）侨联31个
    Several(String),
}

fn breakdown(added: &Added) -> Breakdown {
    let mut groups: Vec<_> = added.groups.iter().filter(|group| group.count > 0).collect();
    groups.sort_by_key(|group| (group.level, group.kind));
    match groups.as_slice() {
        [] => Breakdown::None,
        [only] if only.count == added.total => {
            let all = if added.total == 1 { "" } else { "均" };
            Breakdown::One(format!("{all}为{}", organization(only.level, only.kind)))
        }
        several => {
            let parts: Vec<String> = several
                .iter()
                .map(|group| format!("{}{}个", organization(group.level, group.kind), group.count))
                .collect();
            Breakdown::Several(format!("其中，{}", parts.join("，")))
        }
    }
}
