//! Reads and writes tables as CSV and XLSX. This crate does not access the database.
//!
//! A file is read as rows of text, each with the row number that a spreadsheet displays. Files that are not allowed are
//! rejected before much of them is in memory. The content of the rows is validated by the modules that know the
//! columns.

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

/// The maximum size of a file, in bytes.
pub const MOST_BYTES: usize = 8 * 1024 * 1024;
/// The maximum unpacked size of a workbook's parts, in bytes.
const MOST_UNPACKED: u64 = 64 * 1024 * 1024;
/// The maximum size of the text in all cells, in bytes. One shared text may be used in many cells of a workbook.
const MOST_TEXT: usize = 64 * 1024 * 1024;
/// The maximum number of rows of a table, without the header.
pub const MOST_ROWS: usize = 20_000;
/// The maximum number of columns.
const MOST_COLUMNS: u32 = 100;
/// The maximum number of cells that are not blank. Each takes more memory than its text.
const MOST_CELLS: usize = 1_000_000;
/// The header must be among this many first rows that are not blank.
const HEADER_WITHIN: usize = 10;
/// The maximum number of sheets of a workbook, since each is examined.
const MOST_SHEETS: usize = 20;
/// The maximum length of a cell, in characters.
pub const MOST_CHARS: usize = 2000;
/// The maximum length of a cell that is too long but is returned to the user, in UTF-16 code units. A spreadsheet cell
/// holds 32,767.
pub const MOST_KEPT_UNITS: usize = 32_000;
/// The number of rows of a spreadsheet's sheet.
const SHEET_ROWS: u32 = 1_048_576;

qiaojian_domain::text_enum! {
    /// The file format of a table.
    pub enum Format {
        /// Comma-separated values, UTF-8 with a byte order mark.
        Csv => "csv",
        /// A workbook (Office Open XML).
        Xlsx => "xlsx",
    }
}

impl Format {
    /// Detects the format of a file from its first bytes.
    fn of(bytes: &[u8]) -> Result<Self, Violation> {
        match bytes {
            [] => Err(faults::no_header()),
            [b'P', b'K', 3 | 5, 4 | 6, ..] => Ok(Self::Xlsx),
            [0xD0, 0xCF, 0x11, 0xE0, ..] => Err(faults::old_format()),
            [b'%', b'P', b'D', b'F', ..] => Err(faults::other_format(("PDF 文件", "a PDF file"))),
            [b'{', ..] | [b'[', b'{' | b'"' | b'[' | b']' | b' ' | b'\n' | b'\r', ..] => Err(
                faults::other_format(("JSON", "JSON, which POST /v1/organizations/batch accepts")),
            ),
            [b'<', ..] => Err(faults::other_format((
                "网页或 XML 文件",
                "a web page or an XML file",
            ))),
            _ => Ok(Self::Csv),
        }
    }

    /// Returns the media type.
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

/// The limits on what is read from a file.
struct Limits {
    /// The maximum number of rows below the header.
    rows: usize,
    /// The maximum number of cells that are not blank.
    cells: usize,
    /// The maximum size of the text, in bytes.
    text: usize,
}

impl Limits {
    /// No limits, for files of the operator.
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

/// Collects cells in order, passes on the rows that are not blank, and enforces the limits.
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

    /// Adds the text of a cell unless it is blank. Its row is the row of the previous cell or a later one.
    fn take(&mut self, (row, column): (u32, u32), text: &str, typed: Typed) -> Result<(), Violation> {
        // Counted first: one long text may be used in many cells, and even checking whether it is blank takes time.
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

    /// Passes on the current row. The reader of a file calls this after the last row.
    fn end_row(&mut self) -> Result<(), Violation> {
        let (number, cells) = (self.row.0, std::mem::take(&mut self.row.1));
        if cells.is_empty() {
            return Ok(());
        }
        self.rows += 1;
        // The header is one of the first rows; the exact number of rows below it is checked once it is known.
        if self.rows > self.limits.rows.saturating_add(HEADER_WITHIN) {
            return Err(faults::too_many_rows(self.limits.rows));
        }
        (self.each)(SheetRow { number, cells })
    }
}
