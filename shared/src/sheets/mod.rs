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
pub mod register;
mod row;
#[cfg(test)]
mod tests;
mod write;
mod xlsx;

pub use cell::{Cell, clean, half_width, neutralise, shortened, without_guard};
pub use columns::{Choices, Column, Layout, Need, normal_form};
pub use dates::{read_day, read_precise, show_precise};
pub use write::{CsvWriter, HELP_SHEET, SheetStyle, WriteError, XlsxWriter};

use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::domain::Violation;
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
/// Sheets of a workbook at most, since each is looked into.
const MOST_SHEETS: usize = 20;
/// Characters of a cell at most.
pub const MOST_CHARS: usize = 2000;
/// Characters of a cell at most that is handed back, longer than it may be, as UTF-16 counts; a spreadsheet's holds 32,767.
pub const MOST_KEPT_UNITS: usize = 32_000;
/// Rows of a spreadsheet's sheet.
const SHEET_ROWS: u32 = 1_048_576;

text_enum! {
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
            [b'%', b'P', b'D', b'F', ..] | [b'{' | b'<', ..] => Err(faults::unknown_format()),
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

/// A row that is not blank.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SheetRow {
    /// From 1, as a spreadsheet counts.
    pub number: u32,
    /// What is not blank, by column from 0.
    pub cells: Vec<(u32, Cell)>,
}

impl SheetRow {
    /// Its texts, by column: a header.
    fn texts(&self) -> Vec<String> {
        let mut texts: Vec<String> = Vec::new();
        for (column, cell) in &self.cells {
            texts.resize(usize::try_from(*column).unwrap_or(usize::MAX), String::new());
            texts.push(cell.text().to_owned());
        }
        texts
    }
}

/// A table as it was read: a header, and the rows below it that are not blank.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sheet {
    /// What it was read from.
    pub format: Format,
    /// The header, by column.
    pub header: Vec<String>,
    /// Where the header stands, from 1.
    pub header_row: u32,
    /// The rows below it.
    pub rows: Vec<SheetRow>,
}

impl Sheet {
    /// How many columns it has, those without a header included.
    pub fn width(&self) -> usize {
        let last = |row: &SheetRow| row.cells.last().map_or(0, |(column, _)| column + 1);
        let widest = self.rows.iter().map(last).max().unwrap_or(0);
        self.header
            .len()
            .max(usize::try_from(widest).unwrap_or(usize::MAX))
    }

    /// Reads a file. What it is, is told by its bytes.
    ///
    /// # Errors
    /// What is wrong with the file as a whole, at the pointer "".
    pub fn read(bytes: &[u8]) -> Result<Self, Violation> {
        Self::read_up_to(bytes, MOST_ROWS)
    }

    /// The same with another number of rows at most.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn read_up_to(bytes: &[u8], most: usize) -> Result<Self, Violation> {
        let (mut header, mut rows) = (None, Vec::new());
        let mut each = |row: SheetRow| {
            match header {
                None => header = Some((row.number, row.texts())),
                Some(_) => rows.push(row),
            }
            Ok(())
        };
        let mut collector = Collector::new(Limits::of_rows(most), &mut each);
        let format = Format::of(bytes)?;
        match format {
            // Whoever reads other people's archives may stumble over one; then it is the file that is damaged.
            Format::Xlsx => catch_unwind(AssertUnwindSafe(|| xlsx::read(bytes, &mut collector)))
                .unwrap_or_else(|_| Err(faults::damaged()))?,
            Format::Csv => csv::read(&text_of(bytes)?, &mut collector)?,
        }
        let (header_row, header) = header.ok_or_else(faults::no_header)?;
        Ok(Self {
            format,
            header,
            header_row,
            rows,
        })
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
    /// Where the header stands, once it was handed on.
    header_row: Option<u32>,
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
            header_row: None,
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
        if self.header_row.is_none() {
            self.header_row = Some(number);
        } else {
            self.rows += 1;
            if self.rows > self.limits.rows {
                return Err(faults::too_many_rows(self.limits.rows));
            }
        }
        (self.each)(SheetRow { number, cells })
    }
}
