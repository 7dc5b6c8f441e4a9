//! The sentences and the table about missing organizations in a city.

use super::progress::{CountyGap, Missing};
use super::words::{Row, UNKNOWN, count, total_of};

impl Missing {
    /// Returns whether it is known that nothing is missing.
    fn is_none(&self) -> bool {
        self.without == Some(0)
    }

    fn sum(missing: impl Iterator<Item = Self> + Clone) -> Self {
        Self {
            without: missing.clone().map(|missing| missing.without).sum(),
            of: missing.map(|missing| missing.of).sum(),
        }
    }
}

impl CountyGap {
    /// Returns whether it is known that nothing is missing here.
    pub(super) fn is_covered(&self) -> bool {
        self.has_organization == Some(true) && self.townships.is_none() && self.villages.is_none()
    }

    /// Returns whether something is known to be missing.
    pub(super) fn is_wanting(&self) -> bool {
        let missing = |missing: &Missing| missing.without.is_some_and(|without| without > 0);
        self.has_organization == Some(false) || missing(&self.townships) || missing(&self.villages)
    }

    /// 三级全覆盖: returns whether the county is covered and has townships and villages.
    fn is_three_tier(&self) -> bool {
        let some = |missing: &Missing| missing.of.is_some_and(|of| of > 0);
        self.is_covered() && some(&self.townships) && some(&self.villages)
    }
}

/// Describes what is missing in a city in one or two sentences.
pub(super) fn gaps_paragraph(city: &str, gaps: &[CountyGap]) -> String {
    if gaps.is_empty() {
        return format!("{city}所辖县（市、区）的覆盖情况未知。");
    }
    // A development zone is not counted as a county, but its townships and villages are counted.
    let number = gaps.iter().filter(|gap| !gap.statistical).count();
    if gaps
        .iter()
        .all(|gap| gap.is_three_tier() || (gap.statistical && !gap.is_wanting()))
    {
        return format!(
            "{city}所辖{number}个县（市、区）及其乡镇（街道）、村（社区）均已建立侨联组织，实现“三级全覆盖”。"
        );
    }
    let townships = Missing::sum(gaps.iter().map(|gap| gap.townships));
    let villages = Missing::sum(gaps.iter().map(|gap| gap.villages));
    let mut text = format!(
        "{city}所辖{number}个县（市、区）中，{}；{}；{}。",
        counties_clause(gaps),
        missing_clause("乡镇（街道）", townships),
        missing_clause("村（社区）", villages)
    );
    let complete = names(gaps, CountyGap::is_three_tier);
    if !complete.is_empty() {
        text.push_str(&format!("{}已实现“三级全覆盖”。", complete.join("、")));
    }
    text
}

fn counties_clause(gaps: &[CountyGap]) -> String {
    let without = names(gaps, |gap| gap.has_organization == Some(false));
    let unknown = names(gaps, |gap| gap.has_organization.is_none() && !gap.statistical);
    let mut text = match (without.len(), unknown.is_empty()) {
        (0, true) => "县级侨联均已建立".to_owned(),
        (0, false) => String::new(),
        (number, _) => format!("尚未建立县级侨联的{number}个（{}）", without.join("、")),
    };
    if !unknown.is_empty() {
        let lead = if text.is_empty() { "" } else { "，" };
        text.push_str(&format!(
            "{lead}县级侨联情况未知的{}个（{}）",
            unknown.len(),
            unknown.join("、")
        ));
    }
    text
}

fn missing_clause(level: &str, missing: Missing) -> String {
    match (missing.without, missing.of) {
        (_, Some(0)) => format!("没有应统计的{level}"),
        (Some(0), _) => format!("{level}均已建立侨联组织"),
        (None, of) => format!("{}，尚未建立侨联组织的个数未知", total_of(level, of)),
        (Some(without), of) => format!("{}，尚未建立侨联组织的{without}个", total_of(level, of)),
    }
}

fn names(gaps: &[CountyGap], filter: impl Fn(&CountyGap) -> bool) -> Vec<&str> {
    gaps.iter()
        .filter(|gap| filter(gap))
        .map(|gap| gap.county.name.as_str())
        .collect()
}

/// Returns the name, whether the county itself has an organization, and the missing organizations below it.
pub(super) fn gap_row(gap: &CountyGap) -> Row {
    let own = match gap.has_organization {
        _ if gap.statistical => "—",
        Some(true) => "已建",
        Some(false) => "未建",
        None => UNKNOWN,
    };
    Row {
        cells: vec![
            gap.county.name.clone(),
            own.to_owned(),
            missing_cell(&gap.townships),
            missing_cell(&gap.villages),
        ],
        strong: false,
    }
}

/// Returns missing and total, such as 3/8.
fn missing_cell(missing: &Missing) -> String {
    match (missing.without, missing.of) {
        (None, None) => UNKNOWN.to_owned(),
        (_, Some(0)) => "—".to_owned(),
        (without, of) => format!("{}/{}", count(without), count(of)),
    }
}
