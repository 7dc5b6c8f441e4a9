//! Turns the rows of a file into a table: finds the header, sets aside rows that are not data, and rejects tables that
//! are not allowed.

use std::panic::{AssertUnwindSafe, catch_unwind};

use qiaojian_domain::Violation;

use super::columns::{Column, Layout, names_of, normal_form};
use super::places::Notes;
use super::{Cell, Collector, Format, HEADER_WITHIN, Limits, MOST_ROWS, csv, faults, text_of, xlsx};

/// A row that is not blank.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SheetRow {
    /// The row number as displayed in a spreadsheet, from 1.
    pub number: u32,
    /// The cells that are not blank, by column from 0.
    pub cells: Vec<(u32, Cell)>,
}

impl SheetRow {
    /// Returns the texts by column, for a header.
    pub(super) fn texts(&self) -> Vec<String> {
        let mut texts: Vec<String> = Vec::new();
        for (column, cell) in &self.cells {
            texts.resize(usize::try_from(*column).unwrap_or(usize::MAX), String::new());
            texts.push(cell.text().to_owned());
        }
        texts
    }
}

/// The classification of a row below the header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aside {
    /// A data row.
    Data,
    /// A row without user input in any column that is read.
    Blank,
    /// A total, a signature or a remark, which is reported as skipped.
    Told,
}

/// A table as read from a file: the header, and the rows below it that are not blank.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sheet {
    /// The format of the file.
    pub format: Format,
    /// The rows above the header, such as a title.
    pub above: Vec<SheetRow>,
    /// The header, by column.
    pub header: Vec<String>,
    /// The row number of the header, from 1.
    pub header_row: u32,
    /// The data rows.
    pub rows: Vec<SheetRow>,
    /// The rows below the header that are not data.
    pub skipped: Vec<SheetRow>,
}

impl Sheet {
    /// Returns the number of columns, including those without a header.
    pub fn width(&self) -> usize {
        let last = |row: &SheetRow| row.cells.last().map_or(0, |(column, _)| column + 1);
        let rows = self.above.iter().chain(&self.rows).chain(&self.skipped);
        let widest = rows.map(last).max().unwrap_or(0);
        self.header
            .len()
            .max(usize::try_from(widest).unwrap_or(usize::MAX))
    }

    /// Reads a file whose first row is the header. The format is detected from the content.
    ///
    /// # Errors
    /// Returns the fault of the file as a whole, at the pointer "".
    pub fn read(bytes: &[u8]) -> Result<Self, Violation> {
        let rows = Rows::read(bytes, MOST_ROWS)?;
        rows.refuse_merged_header(0)?;
        rows.into_sheet(0, MOST_ROWS, |_| Aside::Data)
    }

    /// Reads a file with these columns and at most `most` rows. The header is the one of the first rows that names the
    /// most columns; `aside` classifies the rows below it.
    ///
    /// # Errors
    /// Returns the error of [`Self::read`], or all violations of the header.
    pub fn with_columns<F: Copy + Eq + std::fmt::Display + 'static>(
        bytes: &[u8],
        most: usize,
        columns: &[Column<F>],
        aside: impl Fn(&Layout<F>, &SheetRow) -> Aside,
    ) -> Result<(Self, Layout<F>), Vec<Violation>> {
        let one = |wrong| vec![wrong];
        let rows = Rows::read(bytes, most).map_err(one)?;
        let header = header_among(&rows.rows, columns);
        rows.refuse_merged_header(header).map_err(one)?;
        let layout = Layout::of(&rows.texts(header), columns)?;
        let sheet = rows
            .into_sheet(header, most, |row| aside(&layout, row))
            .map_err(one)?;
        Ok((sheet, layout))
    }
}

/// Returns the index of the row among the first ones that names the most columns, at least two. Otherwise returns the
/// first row, whose unknown names are then reported.
pub(super) fn header_among<F: std::fmt::Display>(rows: &[SheetRow], columns: &[Column<F>]) -> usize {
    let known: Vec<String> = columns.iter().flat_map(names_of).collect();
    let named = |row: &SheetRow| {
        let names = row.cells.iter().map(|(_, cell)| normal_form(cell.text()));
        names.filter(|name| known.contains(name)).count()
    };
    let first = rows.iter().take(HEADER_WITHIN).map(named).enumerate();
    let best = first.rev().max_by_key(|(_, named)| *named);
    best.filter(|(_, named)| *named > 1).map_or(0, |(at, _)| at)
}

/// The rows of a file before the header is known. There is at least one.
struct Rows {
    format: Format,
    rows: Vec<SheetRow>,
    notes: Notes,
}

impl Rows {
    fn read(bytes: &[u8], most: usize) -> Result<Self, Violation> {
        let (format, mut rows) = (Format::of(bytes)?, Vec::new());
        let mut each = |row: SheetRow| {
            rows.push(row);
            Ok(())
        };
        let mut collector = Collector::new(Limits::of_rows(most), &mut each);
        let notes = match format {
            // The reader may panic on archives of others; then the file is reported as damaged.
            Format::Xlsx => catch_unwind(AssertUnwindSafe(|| xlsx::read(bytes, &mut collector)))
                .unwrap_or_else(|_| Err(faults::damaged()))?,
            Format::Csv => {
                csv::read(&text_of(bytes)?, &mut collector)?;
                Notes::default()
            }
        };
        if rows.is_empty() {
            return Err(faults::no_header());
        }
        Ok(Self { format, rows, notes })
    }

    fn texts(&self, header: usize) -> Vec<String> {
        self.rows.get(header).map(SheetRow::texts).unwrap_or_default()
    }

    fn refuse_merged_header(&self, header: usize) -> Result<(), Violation> {
        let number = self.rows.get(header).map_or(0, |row| row.number);
        match self.notes.merged.iter().find(|range| range.holds_row(number)) {
            Some(range) => Err(faults::merged_cells(&range.to_string(), true)),
            None => Ok(()),
        }
    }

    fn into_sheet(
        self,
        header: usize,
        most: usize,
        aside: impl Fn(&SheetRow) -> Aside,
    ) -> Result<Sheet, Violation> {
        let (mut above, mut header_row, mut below) = (Vec::new(), None, Vec::new());
        let mut skipped = Vec::new();
        for (at, row) in self.rows.into_iter().enumerate() {
            match at.cmp(&header) {
                std::cmp::Ordering::Less => above.push(row),
                std::cmp::Ordering::Equal => header_row = Some(row),
                std::cmp::Ordering::Greater => match aside(&row) {
                    Aside::Data => below.push(row),
                    Aside::Blank => {}
                    Aside::Told => skipped.push(row),
                },
            }
        }
        let header = header_row.ok_or_else(faults::no_header)?;
        if below.len() > most {
            return Err(faults::too_many_rows(most));
        }
        // Merged cells and hidden rows outside the data do not matter.
        for range in &self.notes.merged {
            let from = below.partition_point(|row| row.number < range.rows.0);
            if below.get(from).is_some_and(|row| range.holds_row(row.number)) {
                return Err(faults::merged_cells(&range.to_string(), false));
            }
        }
        let hidden: Vec<u32> = self
            .notes
            .hidden
            .into_iter()
            .filter(|hidden| below.binary_search_by_key(hidden, |row| row.number).is_ok())
            .collect();
        if let Some(first) = hidden.first() {
            return Err(faults::hidden_rows(*first, hidden.len()));
        }
        Ok(Sheet {
            format: self.format,
            above,
            header: header.texts(),
            header_row: header.number,
            rows: below,
            skipped,
        })
    }
}
