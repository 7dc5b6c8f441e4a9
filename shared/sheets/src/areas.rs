//! The national list of areas as a table.

use qiaojian_domain::Violation;
use qiaojian_domain::area::update::{Listed, Origin};
use qiaojian_domain::area::{AreaKind, Level};

use super::row::RowReader;
use super::table::header_among;
use super::{
    Aside, Choices, Collector, Column, Format, HEADER_WITHIN, Layout, Limits, Need, Sheet, SheetRow, csv,
    faults, text_of,
};

qiaojian_domain::text_enum! {
    /// A column of the list.
    pub enum AreaField {
        /// The area's code.
        Code => "code",
        Level => "level",
        /// The parent's code; blank for a province.
        Parent => "parent",
        Name => "name",
        Kind => "kind",
        /// The codes that the area's predecessors had in the previous edition.
        Predecessors => "predecessors",
        /// The first day of validity.
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

/// The name of the data sheet.
pub const DATA_SHEET: &str = "区划名录";

/// Instructions for filling in the table.
pub const NOTES: &[&str] = &[
    "每行一个地区，须为一省到村（社区）一级的完整名录：表中没有的在册地区视为撤销。",
    "园区和暂用代码的单位（…-P01、…-L01）不列入本表，不受影响。",
];

const fn column(
    field: AreaField,
    zh: &'static str,
    choices: Choices,
    (meaning, example): (&'static str, &'static str),
) -> Column<AreaField> {
    let need = match field {
        AreaField::Predecessors | AreaField::ValidFrom => Need::Optional,
        _ => Need::Required,
    };
    Column {
        field,
        zh,
        need,
        choices,
        meaning,
        example,
        width: 16,
    }
}

/// The columns, in the order of the template.
pub const COLUMNS: &[Column<AreaField>] = &[
    column(
        AreaField::Code,
        "地区代码",
        &[],
        (
            "县级及以上 6 位，乡镇 9 位，村 12 位；与上级代码相合",
            "340304001001",
        ),
    ),
    column(AreaField::Level, "级别", LEVELS, ("与代码相符", "村")),
    column(AreaField::Parent, "上级代码", &[], ("省一级留空", "340304001")),
    column(AreaField::Name, "名称", &[], ("1 至 100 字", "燕山社区居委会")),
    column(
        AreaField::Kind,
        "性质",
        KINDS,
        ("开发区等统计用区划不计应建", "行政区划"),
    ),
    column(
        AreaField::Predecessors,
        "来源代码",
        &[],
        (
            "上一版中的代码：换码写原代码；几处并入本行写各自代码，本行地区保留的也写自己的；新设而代码曾属他处的写“新设”；其余留空",
            "340304001009;340304001010",
        ),
    ),
    column(
        AreaField::ValidFrom,
        "生效日期",
        &[],
        ("与全表日期不同的才填", "2023-06-30"),
    ),
];

/// The maximum number of rows of an uploaded list. A province down to its villages has up to 60,000.
pub const MOST_ROWS: usize = 100_000;

/// The number of a row, with its content or the reasons why it cannot be read.
pub type ListedRow = (u32, Result<Listed, Vec<Violation>>);

/// Reads a file as the national list.
///
/// # Errors
/// Returns the fault of the file as a whole, or all violations of its header.
pub fn read(bytes: &[u8]) -> Result<Vec<ListedRow>, Vec<Violation>> {
    let (sheet, layout) = Sheet::with_columns(bytes, MOST_ROWS, COLUMNS, |_, _| Aside::Data)?;
    Ok(sheet.rows.iter().map(|row| listed(&layout, row)).collect())
}

/// Reads a file provided by the operator. It may be CSV of any size: the whole country has 665,273 rows.
///
/// # Errors
/// See [`read`].
pub fn read_trusted(bytes: &[u8]) -> Result<Vec<ListedRow>, Vec<Violation>> {
    let format = Format::of(bytes).map_err(|wrong| vec![wrong])?;
    if format == Format::Xlsx {
        return read(bytes);
    }
    let mut listing = Listing::default();
    let mut each = |row: SheetRow| {
        listing.take(row);
        Ok(())
    };
    text_of(bytes)
        .and_then(|text| csv::read(&text, &mut Collector::new(Limits::NONE, &mut each)))
        .map_err(|wrong| vec![wrong])?;
    listing.rows()
}

/// A list that is read row by row. The header is one of the first rows, as in [`Sheet::with_columns`].
#[derive(Default)]
struct Listing {
    /// The first rows, until the header has been found among them.
    first: Vec<SheetRow>,
    layout: Option<Result<Layout<AreaField>, Vec<Violation>>>,
    rows: Vec<ListedRow>,
}

impl Listing {
    fn take(&mut self, row: SheetRow) {
        match &self.layout {
            None => {
                self.first.push(row);
                if self.first.len() == HEADER_WITHIN {
                    self.find_header();
                }
            }
            Some(Ok(layout)) => self.rows.push(listed(layout, &row)),
            Some(Err(_)) => {}
        }
    }

    fn find_header(&mut self) {
        let at = header_among(&self.first, COLUMNS);
        let mut first = std::mem::take(&mut self.first).into_iter().skip(at);
        let Some(header) = first.next() else { return };
        let layout = Layout::of(&header.texts(), COLUMNS);
        if let Ok(layout) = &layout {
            self.rows.extend(first.map(|row| listed(layout, &row)));
        }
        self.layout = Some(layout);
    }

    fn rows(mut self) -> Result<Vec<ListedRow>, Vec<Violation>> {
        if self.layout.is_none() {
            self.find_header();
        }
        match self.layout {
            None => Err(vec![faults::no_header()]),
            Some(Err(wrong)) => Err(wrong),
            Some(Ok(_)) => Ok(self.rows),
        }
    }
}

fn listed(layout: &Layout<AreaField>, row: &SheetRow) -> ListedRow {
    (row.number, record(RowReader::of(layout, row, |_| true)))
}

fn record(mut row: RowReader<'_, AreaField>) -> Result<Listed, Vec<Violation>> {
    let listed = Listed {
        code: row.code(AreaField::Code).unwrap_or_default(),
        level: row.word(AreaField::Level, LEVELS).unwrap_or(Level::Village),
        parent: row.code(AreaField::Parent),
        name: row.text(AreaField::Name).unwrap_or_default(),
        kind: row
            .word(AreaField::Kind, KINDS)
            .unwrap_or(AreaKind::Administrative),
        origin: Origin::of(&row.code(AreaField::Predecessors).unwrap_or_default()),
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
    let wrong = row.finish();
    if wrong.is_empty() { Ok(listed) } else { Err(wrong) }
}
