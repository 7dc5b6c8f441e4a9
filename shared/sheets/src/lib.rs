//! Tables for people who live in spreadsheets: CSV and XLSX, read and written. Nothing here knows a database.
//!
//! A file is read as rows of text, each with the number that a person sees beside it. What a file may not be is refused before much of
//! it is in memory; what is wrong with a row is left to whoever knows the columns.

pub mod areas;
mod cell;
mod columns;
mod csv;
mod dates;
mod encoding;
mod faults;
mod formats;
mod package;
mod places;
pub mod register;
mod row;
mod table;
#[cfg(test)]
mod tests;
mod write;
mod xlsx;

pub use cell::{Cell, clean, half_width, neutralise, shortened, without_guard};
pub use columns::{Choices, Column, Layout, Need, normal_form};
pub use dates::{read_day, read_precise, show_precise};
pub use table::{Aside, Sheet, SheetRow};
pub use write::{CsvWriter, HELP_SHEET, SheetStyle, WriteError, XlsxWriter};

use std::borrow::Cow;

use qiaojian_domain::Violation;

use cell::Typed;

/// Bytes of a file at most.
pub const MOST_BYTES: usize = 8 * 1024 * 1024;
/// Bytes of a workbook's parts at most, unpacked.
const MOST_UNPACKED: u64 = 64 * 1024 * 1024;
/// Bytes of text in all cells at most: one text may stand in many cells of a workbook.
const MOST_TEXT: usize = 64 * 1024 * 1024;
/// Rows of a table at most, without its header.
pub const MOST_ROWS: usize = 20_000;
/// Columns at most.
const MOST_COLUMNS: u32 = 100;
/// Cells at most that are not blank: each takes more memory than its text.
const MOST_CELLS: usize = 1_000_000;
/// Rows that are not blank, of which one is the header.
const HEADER_WITHIN: usize = 10;
/// Sheets of a workbook at most, since each is looked into.
const MOST_SHEETS: usize = 20;
/// Characters of a cell at most.
pub const MOST_CHARS: usize = 2000;
/// Characters of a cell at most that is handed back, longer than it may be, as UTF-16 counts; a spreadsheet's holds 32,767.
pub const MOST_KEPT_UNITS: usize = 32_000;
/// Rows of a spreadsheet's sheet.
const SHEET_ROWS: u32 = 1_048_576;

qiaojian_domain::text_enum! {
    /// How a table is written.
    pub enum Format {
        /// Comma-separated values, UTF-8 with a byte order mark.
        Csv => "csv",
        /// A workbook (Office Open XML).
        Xlsx => "xlsx",
    }
}

impl Format {
    /// What a file is, by its first bytes.
    fn of(bytes: &[u8]) -> Result<Self, Violation> {
        match bytes {
            [] => Err(faults::no_header()),
            [b'P', b'K', 3 | 5, 4 | 6, ..] => Ok(Self::Xlsx),
            [0xD0, 0xCF, 0x11, 0xE0, ..] => Err(faults::old_format()),
            [b'%', b'P', b'D', b'F', ..] => Err(faults::other_format(("PDF 文件", "a PDF file"))),
            [b'{', ..] | [b'[', b'{' | b'"' | b'[' | b']' | b' ' | b'\n' | b'\r', ..] => Err(
                faults::other_format(("JSON", "JSON, which POST /v1/organizations/batch takes")),
            ),
            [b'<', ..] => Err(faults::other_format((
                "网页或 XML 文件",
                "a web page or an XML file",
            ))),
            _ => Ok(Self::Csv),
        }
    }

    /// Its media type.
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8",
            Self::Xlsx => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        }
    }
}

fn text_of(bytes: &[u8]) -> Result<Cow<'_, str>, Violation> {
    encoding::decode(bytes).map_err(|_| faults::unknown_encoding())
}

/// How much is taken of a file.
struct Limits {
    /// Below the header.
    rows: usize,
    /// That are not blank.
    cells: usize,
    /// Bytes of text.
    text: usize,
}

impl Limits {
    /// For files of whoever runs the system.
    const NONE: Self = Self {
        rows: usize::MAX,
        cells: usize::MAX,
        text: usize::MAX,
    };

    const fn of_rows(rows: usize) -> Self {
        Self {
            rows,
            cells: MOST_CELLS,
            text: MOST_TEXT,
        }
    }
}

/// Takes cells in their order, hands on the rows that are not blank, the header first, and refuses what is too much.
struct Collector<'a> {
    limits: Limits,
    each: &'a mut dyn FnMut(SheetRow) -> Result<(), Violation>,
    row: (u32, Vec<(u32, Cell)>),
    rows: usize,
    cells: usize,
    text: usize,
}

impl<'a> Collector<'a> {
    fn new(limits: Limits, each: &'a mut dyn FnMut(SheetRow) -> Result<(), Violation>) -> Self {
        Self {
            limits,
            each,
            row: (0, Vec::new()),
            rows: 0,
            cells: 0,
            text: 0,
        }
    }

    /// Takes the text of a cell, unless it is blank. A row is that of the cell before, or one below.
    fn take(&mut self, (row, column): (u32, u32), text: &str, typed: Typed) -> Result<(), Violation> {
        // Counted first: one long text may stand in many cells, and even to see that it is blank takes its time.
        self.text += text.len();
        if self.text > self.limits.text {
            return Err(faults::too_much_text());
        }
        if typed != Typed::Formula && clean(text).is_empty() {
            return Ok(());
        }
        if column >= MOST_COLUMNS {
            return Err(faults::too_many_columns());
        }
        if text.len() > MOST_KEPT_UNITS && text.encode_utf16().nth(MOST_KEPT_UNITS).is_some() {
            return Err(faults::cell_too_long(row));
        }
        if text.contains('\0') {
            return Err(faults::nul(row));
        }
        self.cells += 1;
        if self.cells > self.limits.cells {
            return Err(faults::too_many_cells());
        }
        if row != self.row.0 {
            self.end_row()?;
            self.row.0 = row;
        }
        self.row.1.push((column, typed.showing(text)));
        Ok(())
    }

    /// Hands on the row so far. Whoever reads a file ends its last one.
    fn end_row(&mut self) -> Result<(), Violation> {
        let (number, cells) = (self.row.0, std::mem::take(&mut self.row.1));
        if cells.is_empty() {
            return Ok(());
        }
        self.rows += 1;
        // The header is one of the first; how many stand below it is seen when it is known.
        if self.rows > self.limits.rows.saturating_add(HEADER_WITHIN) {
            return Err(faults::too_many_rows(self.limits.rows));
        }
        (self.each)(SheetRow { number, cells })
    }
}
