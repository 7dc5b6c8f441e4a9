//! Reads the data sheet of a workbook cell by cell. It is never read as a rectangle, which a single distant cell would
//! make huge.

use std::borrow::Cow;
use std::io::Cursor;

use calamine::{DataRef, ExcelDateTime, Reader as _, Sheet, SheetType, SheetVisible, Style, Xlsx, XlsxError};
use chrono::{NaiveDate, NaiveDateTime, NaiveTime};
use qiaojian_domain::Violation;
use qiaojian_domain::dates::{Precision, interval};

use super::cell::Typed;
use super::dates::{bounded, read_precise, show_precise};
use super::formats::NumberFormat;
use super::places::Notes;
use super::{Collector, HELP_SHEET, MOST_CELLS, SHEET_ROWS, clean, faults, package};

type Book<'a> = Xlsx<Cursor<&'a [u8]>>;

/// The maximum size of a blank text, in bytes.
const MOST_BLANK: usize = 100;

/// Passes every row of the sheet to `rows`, and returns the notes of the sheet.
pub(super) fn read(bytes: &[u8], rows: &mut Collector<'_>) -> Result<Notes, Violation> {
    let package = package::checked(bytes)?;
    let mut book: Book<'_> = Xlsx::new(Cursor::new(package.bytes.as_slice())).map_err(damaged)?;
    let (place, name) = sheet_of_data(&mut book)?;
    read_rows(&mut book, &name, rows)?;
    Ok(package.notes(place))
}

fn damaged(_: XlsxError) -> Violation {
    faults::damaged()
}

/// Returns the first visible sheet. Other sheets, except our help sheet, must be empty because their content would be
/// silently ignored.
fn sheet_of_data(book: &mut Book<'_>) -> Result<(usize, String), Violation> {
    let sheets = book.sheets_metadata().to_vec();
    let mut looks = MOST_CELLS;
    let mut data = None;
    let of_cells = |(_, sheet): &(usize, &Sheet)| sheet.typ == SheetType::WorkSheet;
    for (place, sheet) in sheets.iter().enumerate().filter(of_cells) {
        let is_visible = sheet.visible == SheetVisible::Visible;
        match &data {
            None if is_visible && sheet.name == HELP_SHEET => return Err(faults::help_first()),
            None if is_visible => data = Some((place, sheet.name.clone())),
            _ if sheet.name == HELP_SHEET => {}
            _ if !has_content(book, &sheet.name, &mut looks)? => {}
            _ if is_visible => return Err(faults::several_sheets(&sheet.name)),
            _ => return Err(faults::hidden_sheet(&sheet.name)),
        }
    }
    data.ok_or_else(faults::no_header)
}

/// Returns whether a sheet has any content. `looks` limits the number of cells examined on all such sheets.
fn has_content(book: &mut Book<'_>, sheet: &str, looks: &mut usize) -> Result<bool, Violation> {
    let any = NumberFormat::default();
    let mut cells = book.worksheet_cells_reader(sheet).map_err(damaged)?;
    while let Some(cell) = cells.next_cell().map_err(damaged)? {
        let (text, _) = shown(cell.get_value(), &any);
        // A longer text counts as content, even if it consists of spaces only.
        if text.len() > MOST_BLANK || !clean(&text).is_empty() {
            return Ok(true);
        }
        *looks = looks.checked_sub(1).ok_or_else(faults::too_many_cells)?;
    }
    Ok(false)
}

fn read_rows(book: &mut Book<'_>, sheet: &str, rows: &mut Collector<'_>) -> Result<(), Violation> {
    let mut formulas = formulas(book, sheet)?.into_iter().peekable();
    let mut cells = book.worksheet_cells_reader(sheet).map_err(damaged)?;
    let formats: Vec<NumberFormat> = cells.styles().iter().map(format_of).collect();
    let other = NumberFormat::default();
    let mut last = None;
    while let Some((cell, style)) = cells.next_cell_with_style_id().map_err(damaged)? {
        let at = cell.get_position();
        let is_formula = formulas.next_if_eq(&at).is_some();
        if !is_formula && matches!(cell.get_value(), DataRef::Empty) {
            continue;
        }
        // A spreadsheet writes rows and cells in order, each once, up to its maximum row. We never use the last row.
        let place = (at.0.saturating_add(1), at.1);
        if last.is_some_and(|last| place <= last) || place.0 >= SHEET_ROWS {
            return Err(faults::damaged());
        }
        last = Some(place);
        let (text, typed) = shown(cell.get_value(), formats.get(style).unwrap_or(&other));
        rows.take(place, &text, if is_formula { Typed::Formula } else { typed })?;
    }
    rows.end_row()
}

/// Returns the positions of the formulas of a sheet, in the order of its cells.
fn formulas(book: &mut Book<'_>, sheet: &str) -> Result<Vec<(u32, u32)>, Violation> {
    let mut cells = book.worksheet_cells_reader(sheet).map_err(damaged)?;
    let mut places = Vec::new();
    while let Some(cell) = cells.next_cell_with_formula_metadata().map_err(damaged)? {
        if cell.formula.is_some() {
            if places.len() >= MOST_CELLS {
                return Err(faults::too_many_cells());
            }
            places.push(cell.pos);
        }
    }
    Ok(places)
}

fn format_of(style: &Style) -> NumberFormat {
    style
        .number_format
        .as_ref()
        .map(|format| NumberFormat::of(format.format_id, &format.format_code))
        .unwrap_or_default()
}

/// Returns the displayed text and the type of a cell.
fn shown<'a>(value: &'a DataRef<'_>, format: &NumberFormat) -> (Cow<'a, str>, Typed) {
    match value {
        DataRef::String(text) | DataRef::DurationIso(text) => (text.as_str().into(), Typed::Text),
        DataRef::SharedString(text) => ((*text).into(), Typed::Text),
        DataRef::Int(number) => (number.to_string().into(), Typed::Number),
        DataRef::Float(number) => (format.show_number(*number).into(), Typed::Number),
        DataRef::Bool(yes) => ((if *yes { "TRUE" } else { "FALSE" }).into(), Typed::Truth),
        DataRef::DateTime(date) => match moment(date) {
            Some(moment) => shown_moment(moment, format),
            None => (date.as_f64().to_string().into(), Typed::Date(None)),
        },
        DataRef::DateTimeIso(text) => match iso_moment(text) {
            Some(moment) => shown_moment(moment, format),
            None => (text.as_str().into(), Typed::Date(None)),
        },
        DataRef::Error(error) => (error.to_string().into(), Typed::Text),
        DataRef::Empty => ("".into(), Typed::Text),
    }
}

/// Returns the date and time for a number of days, unless it is a duration or before the first day.
fn moment(date: &ExcelDateTime) -> Option<NaiveDateTime> {
    if !date.is_datetime() || date.as_f64() < 1.0 {
        return None;
    }
    let (year, month, day, hour, minute, second, _) = date.to_ymd_hms_milli();
    NaiveDate::from_ymd_opt(year.into(), month.into(), day.into())?.and_hms_opt(
        hour.into(),
        minute.into(),
        second.into(),
    )
}

fn iso_moment(text: &str) -> Option<NaiveDateTime> {
    let day = || {
        text.parse()
            .ok()
            .map(|day: NaiveDate| day.and_time(NaiveTime::MIN))
    };
    text.trim_end_matches('Z').parse().ok().or_else(day)
}

/// Returns a date with the precision that its format displays. If the displayed text would not be parsed as the same
/// date, the standard form is used instead.
fn shown_moment(moment: NaiveDateTime, format: &NumberFormat) -> (Cow<'static, str>, Typed) {
    // A cell of type date needs no date format.
    let precision = match format.precision() {
        None if !format.is_of_time() => Some(Precision::Day),
        precision => precision,
    };
    let date = precision.and_then(|precision| bounded(interval(moment.date(), precision).0, precision));
    let text = format.show_moment(moment);
    let text = match date {
        Some(date) if read_precise(&text) != Some(date) => show_precise(date),
        _ => text,
    };
    (text.into(), Typed::Date(date))
}
