//! The national list of areas as a table.

use super::row::RowReader;
use super::{Choices, Column, Layout, Need, Sheet};
use crate::domain::Violation;
use crate::domain::area::update::Listed;
use crate::domain::area::{AreaKind, Level};

text_enum! {
    /// A column.
    pub enum AreaField {
        /// The area's code.
        Code => "code",
        Level => "level",
        /// The code of the area above; blank for a province.
        Parent => "parent",
        Name => "name",
        Kind => "kind",
        /// The codes, in the edition before, of the areas it came out of.
        Predecessors => "predecessors",
        /// From when on it is so.
        ValidFrom => "valid_from",
    }
}

const LEVELS: Choices = &[
    (Level::Province.as_str(), "省"),
    (Level::City.as_str(), "市"),
    (Level::County.as_str(), "县"),
    (Level::Township.as_str(), "乡镇"),
    (Level::Village.as_str(), "村"),
    (Level::Park.as_str(), "园区"),
];
const KINDS: Choices = &[
    (AreaKind::Administrative.as_str(), "行政区划"),
    (AreaKind::Statistical.as_str(), "统计用区划"),
    (AreaKind::Placeholder.as_str(), "占位区划"),
];

const fn column(field: AreaField, zh: &'static str, choices: Choices) -> Column<AreaField> {
    let need = match field {
        AreaField::Predecessors | AreaField::ValidFrom => Need::Optional,
        _ => Need::Required,
    };
    Column {
        field,
        zh,
        need,
        choices,
        meaning: "",
        example: "",
        width: 16,
    }
}

const COLUMNS: &[Column<AreaField>] = &[
    column(AreaField::Code, "地区代码", &[]),
    column(AreaField::Level, "级别", LEVELS),
    column(AreaField::Parent, "上级代码", &[]),
    column(AreaField::Name, "名称", &[]),
    column(AreaField::Kind, "性质", KINDS),
    column(AreaField::Predecessors, "来源代码", &[]),
    column(AreaField::ValidFrom, "生效日期", &[]),
];

/// A row of the list with its number, or what cannot be read of it.
pub type ListedRow = (u32, Result<Listed, Vec<Violation>>);

/// Reads a sheet as the national list.
///
/// # Errors
/// Everything that is wrong with the header.
pub fn read(sheet: &Sheet) -> Result<Vec<ListedRow>, Vec<Violation>> {
    let layout = Layout::of(&sheet.header, COLUMNS)?;
    let rows = sheet.rows.iter();
    Ok(rows
        .map(|row| (row.number, listed(RowReader::of(&layout, row, |_| true))))
        .collect())
}

fn listed(mut row: RowReader<'_, AreaField>) -> Result<Listed, Vec<Violation>> {
    let listed = Listed {
        code: row.code(AreaField::Code).unwrap_or_default(),
        level: row.word(AreaField::Level, LEVELS).unwrap_or(Level::Village),
        parent: row.code(AreaField::Parent),
        name: row.text(AreaField::Name).unwrap_or_default(),
        kind: row
            .word(AreaField::Kind, KINDS)
            .unwrap_or(AreaKind::Administrative),
        predecessors: Listed::codes(&row.code(AreaField::Predecessors).unwrap_or_default()),
        valid_from: row.day(AreaField::ValidFrom),
    };
    for field in [
        AreaField::Code,
        AreaField::Level,
        AreaField::Name,
        AreaField::Kind,
    ] {
        row.require(field);
    }
    row.finish(listed)
}
