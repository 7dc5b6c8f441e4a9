//! The one sheet of data of a workbook, cell by cell: never as a rectangle, which a single cell far off would make huge.

use std::io::Cursor;

use calamine::{DataRef, Dimensions, Reader as _, SheetType, SheetVisible, Xlsx, XlsxError};

use super::{Collector, HELP_SHEET, MOST_CELLS, SHEET_ROWS, clean, faults, package};
use crate::domain::Violation;

type Book<'a> = Xlsx<Cursor<&'a [u8]>>;

/// Bytes of a text that is blank at most.
const MOST_BLANK: usize = 100;

/// Hands every row of the sheet to `rows`.
pub(super) fn read(bytes: &[u8], rows: &mut Collector<'_>) -> Result<(), Violation> {
    let bytes = package::checked(bytes)?;
    let mut book: Book<'_> = Xlsx::new(Cursor::new(bytes.as_slice())).map_err(damaged)?;
    let name = sheet_of_data(&mut book)?;
    read_rows(&mut book, &name, rows)?;
    let header_row = rows.header_row.unwrap_or(0);
    let merged = book.merge_cells_by_sheet_name(&name).map_err(damaged)?;
    let touches_header = |range: &&Dimensions| range.start.0 < header_row && range.end.0 + 1 >= header_row;
    match merged.iter().find(touches_header).or(merged.first()) {
        Some(range) => Err(faults::merged_cells(&range_name(range), touches_header(&range))),
        None => Ok(()),
    }
}

fn damaged(_: XlsxError) -> Violation {
    faults::damaged()
}

/// The first sheet that can be seen. Nothing may stand on another, but for our explanation: it would be left out silently.
fn sheet_of_data(book: &mut Book<'_>) -> Result<String, Violation> {
    let sheets = book.sheets_metadata().to_vec();
    let mut looks = MOST_CELLS;
    let mut data = None;
    for sheet in sheets.iter().filter(|sheet| sheet.typ == SheetType::WorkSheet) {
        let is_visible = sheet.visible == SheetVisible::Visible;
        match &data {
            None if is_visible && sheet.name == HELP_SHEET => return Err(faults::help_first()),
            None if is_visible => data = Some(sheet.name.clone()),
            _ if sheet.name == HELP_SHEET => {}
            _ if !has_content(book, &sheet.name, &mut looks)? => {}
            _ if is_visible => return Err(faults::several_sheets(&sheet.name)),
            _ => return Err(faults::hidden_sheet(&sheet.name)),
        }
    }
    data.ok_or_else(faults::no_header)
}

/// Whether anything stands on a sheet, at most so many `looks` at cells of all such sheets.
fn has_content(book: &mut Book<'_>, sheet: &str, looks: &mut usize) -> Result<bool, Violation> {
    let mut cells = book.worksheet_cells_reader(sheet).map_err(damaged)?;
    while let Some(cell) = cells.next_cell().map_err(damaged)? {
        let text = shown(cell.get_value());
        // Nobody fills cells with so many spaces.
        if text.len() > MOST_BLANK || !clean(&text).is_empty() {
            return Ok(true);
        }
        *looks = looks.checked_sub(1).ok_or_else(faults::too_many_cells)?;
    }
    Ok(false)
}

fn read_rows(book: &mut Book<'_>, sheet: &str, rows: &mut Collector<'_>) -> Result<(), Violation> {
    let mut cells = book.worksheet_cells_reader(sheet).map_err(damaged)?;
    let mut last = None;
    while let Some(record) = cells.next_cell_with_formula_metadata().map_err(damaged)? {
        let is_formula = record.formula.is_some();
        if !is_formula && matches!(record.value, DataRef::Empty) {
            continue;
        }
        // A spreadsheet writes rows and cells in order, each once, and has so many rows; nothing of ours stands in its last.
        let place = (record.pos.0.saturating_add(1), record.pos.1);
        if last.is_some_and(|last| place <= last) || place.0 >= SHEET_ROWS {
            return Err(faults::damaged());
        }
        last = Some(place);
        rows.take(place, &shown(&record.value), is_formula)?;
    }
    rows.end_row()
}

/// The value as text, dates as `2022-03-01`.
fn shown<'a>(value: &'a DataRef<'_>) -> std::borrow::Cow<'a, str> {
    match value {
        DataRef::String(text) | DataRef::DurationIso(text) => text.as_str().into(),
        DataRef::SharedString(text) => (*text).into(),
        DataRef::DateTimeIso(text) => text.split('T').next().unwrap_or_default().into(),
        DataRef::Int(number) => number.to_string().into(),
        DataRef::Float(number) => number.to_string().into(),
        DataRef::Bool(yes) => (if *yes { "TRUE" } else { "FALSE" }).into(),
        DataRef::DateTime(date) if date.is_datetime() && date.as_f64() >= 1.0 => {
            let (year, month, day, ..) = date.to_ymd_hms_milli();
            format!("{year:04}-{month:02}-{day:02}").into()
        }
        DataRef::DateTime(time) => time.as_f64().to_string().into(),
        DataRef::Error(error) => error.to_string().into(),
        DataRef::Empty => "".into(),
    }
}

fn range_name(range: &Dimensions) -> String {
    let cell = |(row, column): (u32, u32)| format!("{}{}", column_name(column), u64::from(row) + 1);
    format!("{}:{}", cell(range.start), cell(range.end))
}

/// `A` to `Z`, then `AA`.
fn column_name(mut column: u32) -> String {
    let mut name = Vec::new();
    loop {
        name.push(char::from(b'A' + u8::try_from(column % 26).unwrap_or(0)));
        match (column / 26).checked_sub(1) {
            Some(next) => column = next,
            None => return name.iter().rev().collect(),
        }
    }
}
