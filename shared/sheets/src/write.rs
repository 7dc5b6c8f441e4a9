//! Writes tables. A cell that a spreadsheet would interpret as a formula is prefixed with `'`.

use rust_xlsxwriter::{
    Color, DataValidation, DataValidationErrorStyle, Format as CellFormat, FormatAlign, Workbook, Worksheet,
    XlsxError,
};

use super::MOST_ROWS;
use super::cell::neutralise;
use super::columns::{Column, Need};

/// The name of the help sheet, which explains the columns.
pub const HELP_SHEET: &str = "填写说明";

/// The error returned when a workbook cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write a workbook: {0}")]
pub struct WriteError(#[from] XlsxError);

/// Writes CSV in UTF-8 with a byte order mark, row by row.
#[derive(Debug)]
pub struct CsvWriter {
    text: String,
}

impl Default for CsvWriter {
    fn default() -> Self {
        Self {
            text: "\u{feff}".to_owned(),
        }
    }
}

impl CsvWriter {
    /// Creates a writer that continues the output of another one, without a byte order mark.
    pub fn further() -> Self {
        Self { text: String::new() }
    }

    /// Writes a row. A row without cells is a blank line.
    pub fn row<S: AsRef<str>>(&mut self, cells: impl IntoIterator<Item = S>) {
        for (place, cell) in cells.into_iter().enumerate() {
            if place > 0 {
                self.text.push(',');
            }
            let cell = neutralise(cell.as_ref());
            let needs_quotes = cell.contains([',', '"', '\r', '\n'])
                || cell.starts_with(char::is_whitespace)
                || cell.ends_with(char::is_whitespace);
            if needs_quotes {
                self.text.push('"');
                self.text.push_str(&cell.replace('"', "\"\""));
                self.text.push('"');
            } else {
                self.text.push_str(&cell);
            }
        }
        self.text.push_str("\r\n");
    }

    /// Returns the text written so far.
    pub fn finish(self) -> String {
        self.text
    }
}

/// The style of the data sheet: the headers and widths of its columns, and their allowed words.
#[derive(Debug, Default)]
pub struct SheetStyle {
    name: String,
    columns: Vec<(String, u16, Vec<&'static str>)>,
}

impl SheetStyle {
    /// Returns the style of a sheet with these columns.
    pub fn of<'a, F: std::fmt::Display + 'a>(
        name: &str,
        columns: impl Iterator<Item = &'a Column<F>>,
    ) -> Self {
        let columns = columns.map(|column| (column.header(), column.width, shown_choices(column)));
        Self {
            name: name.to_owned(),
            columns: columns.collect(),
        }
    }

    /// Returns the style of a sheet with a custom header.
    pub fn plain(name: &str, header: &[String]) -> Self {
        Self::of_file(name, header, |_| None::<&Column<String>>)
    }

    /// Returns the style of a sheet with a custom header, where known columns look like ours. Used for a file that is
    /// returned to the user.
    pub fn of_file<'a, F: std::fmt::Display + 'a>(
        name: &str,
        header: &[String],
        column: impl Fn(usize) -> Option<&'a Column<F>>,
    ) -> Self {
        let columns = header.iter().enumerate().map(|(place, header)| {
            let (width, choices) = match column(place) {
                Some(column) => (column.width, shown_choices(column)),
                None => (16, Vec::new()),
            };
            (header.clone(), width, choices)
        });
        Self {
            name: name.to_owned(),
            columns: columns.collect(),
        }
    }
}

fn shown_choices<F>(column: &Column<F>) -> Vec<&'static str> {
    column.choices.iter().map(|(_, shown)| *shown).collect()
}

/// Writes a workbook row by row. The rows are buffered in a temporary file.
pub struct XlsxWriter {
    book: Workbook,
    text: CellFormat,
    /// The format of a cell with a violation.
    wrong: CellFormat,
    next: u32,
}

impl XlsxWriter {
    /// Creates a workbook. All columns are formatted as text, so that codes keep their leading zeros and dates are not
    /// converted. The header, in row `header_row` (from 1), is frozen.
    ///
    /// # Errors
    /// Returns an error if the temporary file cannot be written.
    pub fn begin(style: &SheetStyle, header_row: u32) -> Result<Self, WriteError> {
        Self::begin_below(style, [], header_row)
    }

    /// Creates a workbook with rows above the header, each with its row number.
    ///
    /// # Errors
    /// See [`Self::begin`].
    pub fn begin_below<'a>(
        style: &SheetStyle,
        above: impl IntoIterator<Item = (u32, &'a [String])>,
        header_row: u32,
    ) -> Result<Self, WriteError> {
        let mut book = Workbook::new();
        let text = CellFormat::new().set_num_format("@");
        let heading = CellFormat::new()
            .set_num_format("@")
            .set_bold()
            .set_align(FormatAlign::Top);
        let sheet = book.add_worksheet_with_constant_memory()?;
        sheet.set_name(&style.name)?;
        for (place, (_, width, choices)) in (0_u16..).zip(&style.columns) {
            sheet.set_column_width(place, f64::from(*width))?;
            sheet.set_column_format(place, &text)?;
            if !choices.is_empty() {
                let one_of = DataValidation::new()
                    .allow_list_strings(choices)?
                    .set_error_style(DataValidationErrorStyle::Stop)
                    .set_error_message("请从下拉列表中选择。")?;
                let last = header_row.saturating_add(u32::try_from(MOST_ROWS).unwrap_or(u32::MAX)) - 1;
                sheet.add_data_validation(header_row, place, last, place, &one_of)?;
            }
        }
        sheet.set_freeze_panes(header_row, 0)?;
        for (number, cells) in above {
            for (place, cell) in (0_u16..).zip(cells).filter(|(_, cell)| !cell.is_empty()) {
                sheet.write_string_with_format(number - 1, place, neutralise(cell), &text)?;
            }
        }
        let at = header_row.saturating_sub(1);
        for (place, (header, ..)) in (0_u16..).zip(&style.columns) {
            sheet.write_string_with_format(at, place, neutralise(header), &heading)?;
        }
        let wrong = text
            .clone()
            .set_background_color(Color::RGB(0xFF_C7_CE))
            .set_font_color(Color::RGB(0x9C_00_06));
        Ok(Self {
            book,
            text,
            wrong,
            next: header_row,
        })
    }

    /// Writes a row after the last one.
    ///
    /// # Errors
    /// Returns an error if the temporary file cannot be written or the sheet is full.
    pub fn row<S: AsRef<str>>(&mut self, cells: impl IntoIterator<Item = S>) -> Result<(), WriteError> {
        let next = self.next + 1;
        self.row_at(next, cells)
    }

    /// Writes the row with this number, from 1. It must be after the rows written so far.
    ///
    /// # Errors
    /// See [`Self::row`].
    pub fn row_at<S: AsRef<str>>(
        &mut self,
        number: u32,
        cells: impl IntoIterator<Item = S>,
    ) -> Result<(), WriteError> {
        self.marked_row_at(number, cells, &[])
    }

    /// Writes a row and highlights the cells of the columns `wrong` (from 0), even if they are blank.
    ///
    /// # Errors
    /// See [`Self::row`].
    pub fn marked_row_at<S: AsRef<str>>(
        &mut self,
        number: u32,
        cells: impl IntoIterator<Item = S>,
        wrong: &[usize],
    ) -> Result<(), WriteError> {
        let sheet = self.book.worksheet_from_index(0)?;
        for (place, cell) in (0_u16..).zip(cells) {
            let (cell, is_wrong) = (cell.as_ref(), wrong.contains(&usize::from(place)));
            let format = if is_wrong { &self.wrong } else { &self.text };
            if !cell.is_empty() {
                sheet.write_string_with_format(number - 1, place, neutralise(cell), format)?;
            } else if is_wrong {
                sheet.write_blank(number - 1, place, format)?;
            }
        }
        self.next = number;
        Ok(())
    }

    /// Adds the help sheet, which explains the columns.
    ///
    /// # Errors
    /// See [`Self::row`].
    pub fn explain<F: std::fmt::Display>(
        &mut self,
        columns: &[Column<F>],
        notes: &[&str],
    ) -> Result<(), WriteError> {
        let bold = CellFormat::new().set_bold();
        let wrapped = CellFormat::new().set_text_wrap().set_align(FormatAlign::Top);
        let sheet: &mut Worksheet = self.book.add_worksheet();
        sheet.set_name(HELP_SHEET)?;
        for (place, width) in (0_u16..).zip([28.0, 8.0, 60.0, 36.0, 28.0]) {
            sheet.set_column_width(place, width)?;
        }
        for (place, heading) in (0_u16..).zip(["列", "必填", "含义与写法", "可选内容", "示例"])
        {
            sheet.write_string_with_format(0, place, heading, &bold)?;
        }
        sheet.set_freeze_panes(1, 0)?;
        let mut row = 1;
        for column in columns {
            let needed = match column.need {
                Need::Required => "是",
                Need::Optional => "否",
                Need::Shown => "不填",
            };
            let choices: Vec<&str> = column.choices.iter().map(|(_, shown)| *shown).collect();
            let cells = [
                column.header(),
                needed.to_owned(),
                column.meaning.to_owned(),
                choices.join("、"),
                column.example.to_owned(),
            ];
            for (place, cell) in (0_u16..).zip(cells) {
                sheet.write_string_with_format(row, place, cell, &wrapped)?;
            }
            row += 1;
        }
        for note in notes {
            row += 1;
            sheet.write_string(row, 0, *note)?;
        }
        Ok(())
    }

    /// Returns the bytes of the workbook.
    ///
    /// # Errors
    /// Returns an error if the temporary file cannot be read or written.
    pub fn finish(mut self) -> Result<Vec<u8>, WriteError> {
        Ok(self.book.save_to_buffer()?)
    }
}
