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
mod package;
pub mod register;
mod row;
#[cfg(test)]
mod tests;
mod write;
mod xlsx;

pub use cell::{Cell, clean, half_width, neutralise, without_guard};
pub use columns::{Choices, Column, Layout, Need, normal_form};
pub use dates::{read_day, read_precise, show_precise};
pub use encoding::decode;
pub use write::{CsvWriter, HELP_SHEET, SheetStyle, WriteError, XlsxWriter};

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::domain::Violation;
use cell::has_more_chars;

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
/// Characters of a cell at most that is handed back, longer than it may be; a spreadsheet's holds 32,767.
const MOST_KEPT_CHARS: usize = 32_000;
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
        let mut rows = Collector {
            most,
            ..Collector::default()
        };
        let format = match bytes {
            [] => return Err(faults::no_header()),
            [b'P', b'K', 3 | 5, 4 | 6, ..] => {
                // Whoever reads other people's archives may stumble over one; then it is the file that is damaged.
                catch_unwind(AssertUnwindSafe(|| xlsx::read(bytes, &mut rows)))
                    .unwrap_or_else(|_| Err(faults::damaged()))?;
                Format::Xlsx
            }
            [0xD0, 0xCF, 0x11, 0xE0, ..] => return Err(faults::old_format()),
            [b'%', b'P', b'D', b'F', ..] | [b'{' | b'<', ..] => return Err(faults::unknown_format()),
            text => {
                csv::read(
                    &encoding::decode(text).map_err(|_| faults::unknown_encoding())?,
                    &mut rows,
                )?;
                Format::Csv
            }
        };
        rows.finish(format)
    }
}

/// Takes cells in their order, and refuses what is too much.
#[derive(Default)]
struct Collector {
    most: usize,
    header: Option<(u32, Vec<String>)>,
    rows: Vec<SheetRow>,
    row: (u32, Vec<(u32, Cell)>),
    cells: usize,
    text: usize,
}

impl Collector {
    /// Takes the text of a cell, unless it is blank. A row is that of the cell before, or one below.
    fn take(&mut self, (row, column): (u32, u32), text: &str, is_formula: bool) -> Result<(), Violation> {
        if !is_formula && clean(text).is_empty() {
            return Ok(());
        }
        if column >= MOST_COLUMNS {
            return Err(faults::too_many_columns());
        }
        if has_more_chars(text, MOST_KEPT_CHARS) {
            return Err(faults::cell_too_long(row));
        }
        self.cells += 1;
        if self.cells > MOST_CELLS {
            return Err(faults::too_many_cells());
        }
        self.text += text.len();
        if self.text > MOST_TEXT {
            return Err(faults::too_much_text());
        }
        if row != self.row.0 {
            self.end_row()?;
            self.row.0 = row;
        }
        self.row.1.push((
            column,
            match Cell::of(text) {
                cell if is_formula => Cell::Formula(cell.text().to_owned()),
                cell => cell,
            },
        ));
        Ok(())
    }

    fn end_row(&mut self) -> Result<(), Violation> {
        let (number, cells) = (self.row.0, std::mem::take(&mut self.row.1));
        if cells.is_empty() {
            return Ok(());
        }
        if self.header.is_none() {
            let mut header: Vec<String> = Vec::new();
            for (column, cell) in cells {
                let column = usize::try_from(column).unwrap_or(usize::MAX);
                if header.len() < column {
                    header.resize(column, String::new());
                }
                header.push(cell.text().to_owned());
            }
            self.header = Some((number, header));
            return Ok(());
        }
        if self.rows.len() == self.most {
            return Err(faults::too_many_rows(self.most));
        }
        self.rows.push(SheetRow { number, cells });
        Ok(())
    }

    fn finish(mut self, format: Format) -> Result<Sheet, Violation> {
        self.end_row()?;
        let (header_row, header) = self.header.ok_or_else(faults::no_header)?;
        Ok(Sheet {
            format,
            header,
            header_row,
            rows: self.rows,
        })
    }
}
