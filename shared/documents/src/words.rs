//! Official Chinese wording of dates, levels and statuses, and the blocks of which a document is composed before it is
//! rendered.

use chrono::{Datelike as _, NaiveDate, Timelike as _};
use qiaojian_domain::area::Level;
use qiaojian_domain::clock::UtcTime;
use qiaojian_domain::organization::Kind;

/// Displayed for an unknown value. Never zero.
pub(super) const UNKNOWN: &str = "未知";

/// A block of a document, in reading order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Block {
    /// 一、…
    Heading(String),
    /// （一）…
    Subheading(String),
    /// A paragraph, indented by two characters.
    Paragraph(String),
    /// A numbered table.
    Table(Table),
}

/// A table with its caption.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Table {
    /// 表1 …
    pub caption: String,
    /// The columns, in order.
    pub columns: Vec<Column>,
    /// The rows, each with one cell per column.
    pub rows: Vec<Row>,
    /// A note below the table.
    pub note: Option<String>,
}

/// A column's title and the layout of its cells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Column {
    /// The title.
    pub title: &'static str,
    /// The layout of the cells.
    pub set: Set,
}

impl Column {
    /// Creates a column of names.
    pub(super) const fn name(title: &'static str) -> Self {
        Self {
            title,
            set: Set::Name,
        }
    }

    /// Creates a column of running text.
    pub(super) const fn text(title: &'static str) -> Self {
        Self {
            title,
            set: Set::Text,
        }
    }

    /// Creates a column of numbers, dates or short words.
    pub(super) const fn short(title: &'static str) -> Self {
        Self {
            title,
            set: Set::Short,
        }
    }
}

/// The layout of the cells of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Set {
    /// A name: left-aligned, not broken.
    Name,
    /// Running text: left-aligned, may break.
    Text,
    /// A number, a date or a short word: centred.
    Short,
}

/// A row of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    /// One cell per column.
    pub cells: Vec<String>,
    /// Whether the row is emphasized because it is the recipient's own or a total.
    pub strong: bool,
}

/// Returns 2022年6月24日.
pub(super) fn day(on: NaiveDate) -> String {
    format!("{}年{}月{}日", on.year(), on.month(), on.day())
}

/// Returns 6月1日至6月24日, with years if they differ, or a single day if both are the same.
pub(super) fn span(first: NaiveDate, last: NaiveDate) -> String {
    let short = |on: NaiveDate| format!("{}月{}日", on.month(), on.day());
    match (first == last, first.year() == last.year()) {
        (true, _) => short(first),
        (false, true) => format!("{}至{}", short(first), short(last)),
        (false, false) => format!("{}至{}", day(first), day(last)),
    }
}

/// Returns a number, or 未知.
pub(super) fn count(value: Option<i64>) -> String {
    value.map_or_else(|| UNKNOWN.to_owned(), |value| value.to_string())
}

/// Returns 村（社区）共1062个, or 村（社区）总数未知.
pub(super) fn total_of(level: &str, total: Option<i64>) -> String {
    total.map_or_else(
        || format!("{level}总数{UNKNOWN}"),
        |total| format!("{level}共{total}个"),
    )
}

/// Returns 2022年6月27日8时05分 in Asia/Shanghai.
pub(super) fn minute(at: UtcTime) -> String {
    let local = at.as_chrono().with_timezone(&chrono_tz::Asia::Shanghai);
    format!(
        "{}{}时{:02}分",
        day(local.date_naive()),
        local.hour(),
        local.minute()
    )
}

/// Returns a percentage with one decimal, or 未知.
pub(super) fn percentage(value: Option<f64>) -> String {
    value.map_or_else(|| UNKNOWN.to_owned(), |value| format!("{value:.1}%"))
}

/// Returns 乡镇（街道）侨联工作站: the name of an organization of this kind at this level.
pub(super) fn organization(level: Level, kind: Kind) -> String {
    let level = match level {
        Level::Province => "省级",
        Level::City => "市级",
        Level::County | Level::Township | Level::Village | Level::Park => level.chinese(),
    };
    format!("{level}{}", kind.chinese())
}

/// Returns 全省, 全区, 全市, or the name itself.
pub(super) fn whole(area: &str) -> String {
    match area.chars().next_back() {
        Some('省') => "全省".to_owned(),
        Some('市') => "全市".to_owned(),
        _ if area.ends_with("自治区") => "全区".to_owned(),
        _ => area.to_owned(),
    }
}

/// Returns the programme's title in quotation marks followed by 试点工作, unless the title already contains them.
pub(super) fn program_phrase(title: &str) -> String {
    let quoted = if title.contains('“') {
        title.to_owned()
    } else {
        format!("“{title}”")
    };
    if title.contains("试点") {
        quoted
    } else {
        format!("{quoted}试点工作")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_and_names() {
        let date = |text: &str| text.parse::<NaiveDate>().unwrap();
        assert_eq!(day(date("2022-06-04")), "2022年6月4日");
        for (first, last, expected) in [
            ("2022-06-01", "2022-06-24", "6月1日至6月24日"),
            ("2022-06-01", "2022-06-01", "6月1日"),
            ("2021-12-27", "2022-01-02", "2021年12月27日至2022年1月2日"),
        ] {
            assert_eq!(span(date(first), date(last)), expected);
        }
        for (area, expected) in [
            ("安徽省", "全省"),
            ("蚌埠市", "全市"),
            ("广西壮族自治区", "全区"),
            ("禹会区", "禹会区"),
        ] {
            assert_eq!(whole(area), expected);
        }
        for (title, expected) in [
            ("党建带侨建、侨建促党建", "“党建带侨建、侨建促党建”试点工作"),
            ("“党建带侨建”试点工作", "“党建带侨建”试点工作"),
            ("侨建试点", "“侨建试点”"),
        ] {
            assert_eq!(program_phrase(title), expected);
        }
        let at = "2022-06-26T16:05:00.000001Z".parse().unwrap();
        assert_eq!(minute(at), "2022年6月27日0时05分");
        assert_eq!(count(None), "未知");
        assert_eq!(count(Some(0)), "0");
        assert_eq!(percentage(Some(100.0)), "100.0%");
        assert_eq!(
            organization(Level::Township, Kind::WorkStation),
            "乡镇（街道）侨联工作站"
        );
        assert_eq!(organization(Level::City, Kind::Federation), "市级侨联");
    }
}
