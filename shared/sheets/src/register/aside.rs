//! Detects rows below the header that are not organizations: totals, signatures and remarks.

use super::columns::Field;
use super::read::is_shown_only;
use crate::{Aside, Cell, Layout, SheetRow, clean};

/// The beginnings of such rows.
const BEGINS: [&str; 27] = [
    "合计",
    "总计",
    "小计",
    "共计",
    "填表",
    "填报",
    "制表",
    "审核",
    "复核",
    "审批",
    "经办",
    "负责人",
    "联系人",
    "联系电话",
    "电话：",
    "电话:",
    "日期：",
    "日期:",
    "单位（",
    "单位(",
    "单位：",
    "单位负责人",
    "备注：",
    "备注:",
    "注：",
    "注:",
    "说明：",
];

/// Classifies a row. A row that names a kind or an area is an organization, and so is every row that is not clearly
/// something else.
pub(super) fn aside(layout: &Layout<Field>, row: &SheetRow) -> Aside {
    let says_something = |(column, cell): &&(u32, Cell)| match layout.at(*column) {
        None => !layout.says_nothing(*column) && !matches!(cell, Cell::Formula(_)),
        Some(field) => !(is_shown_only(field) && matches!(cell, Cell::Formula(_))),
    };
    if !row.cells.iter().any(|cell| says_something(&cell)) {
        return Aside::Blank;
    }
    let mut named = row.cells.iter().filter(|(column, _)| {
        matches!(
            layout.at(*column),
            Some(Field::Id | Field::Area | Field::Kind | Field::Name)
        )
    });
    let is_label = |text: &str| {
        let text: String = text.chars().filter(|c| !c.is_whitespace()).collect();
        let bare = text.trim_start_matches(['（', '(', '*', '※']);
        BEGINS.iter().any(|begin| bare.starts_with(begin))
    };
    let is_number = |text: &str| clean(text).bytes().all(|byte| byte.is_ascii_digit());
    let begins = row.cells.first().is_some_and(|(_, cell)| is_label(cell.text()))
        || named
            .clone()
            .next()
            .is_some_and(|(_, cell)| is_label(cell.text()));
    let names_none = named.all(|(column, cell)| {
        let may_be_counted = layout.at(*column) == Some(Field::Name);
        is_label(cell.text()) || (may_be_counted && is_number(cell.text()))
    });
    if begins && names_none {
        Aside::Told
    } else {
        Aside::Data
    }
}
