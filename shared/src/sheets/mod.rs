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
/// Characters of a cell at most.
pub const MOST_CHARS: usize = 2000;

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
            header: None,
            rows: Vec::new(),
            text: 0,
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

/// Takes rows in their order, and refuses what is too much.
struct Collector {
    most: usize,
    header: Option<(u32, Vec<String>)>,
    rows: Vec<SheetRow>,
    text: usize,
}

impl Collector {
    fn push(&mut self, number: u32, cells: Vec<(u32, Cell)>) -> Result<(), Violation> {
        let cells: Vec<(u32, Cell)> = cells.into_iter().filter(|(_, cell)| !cell.is_blank()).collect();
        if cells.is_empty() {
            return Ok(());
        }
        if cells.iter().any(|(column, _)| *column >= MOST_COLUMNS) {
            return Err(faults::too_many_columns());
        }
        self.text += cells.iter().map(|(_, cell)| cell.text().len()).sum::<usize>();
        if self.text > MOST_TEXT {
            return Err(faults::too_much_text());
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

    fn finish(self, format: Format) -> Result<Sheet, Violation> {
        let (header_row, header) = self.header.ok_or_else(faults::no_header)?;
        Ok(Sheet {
            format,
            header,
            header_row,
            rows: self.rows,
        })
    }
}
