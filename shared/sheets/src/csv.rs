//! Reads CSV as written by spreadsheets (RFC 4180), row by row. Rows are counted as in a spreadsheet: a line break
//! within quotes does not start a row, and a blank line is a row.

use std::borrow::Cow;

use qiaojian_domain::Violation;

use super::cell::Typed;
use super::{Collector, faults};

/// Passes every row to `rows`.
pub(super) fn read(text: &str, rows: &mut Collector<'_>) -> Result<(), Violation> {
    if text.contains('\0') {
        return Err(faults::unknown_format());
    }
    // The "Unicode text" format of spreadsheets is separated by tabs.
    let first = text.lines().next().unwrap_or_default();
    let delimiter = if first.contains('\t') && !first.contains(',') {
        '\t'
    } else {
        ','
    };
    let (mut rest, mut number) = (text, 0);
    while !rest.is_empty() {
        number += 1;
        rest = row(rest, delimiter, number, rows)?;
    }
    rows.end_row()
}

/// Reads one row and returns the remaining text.
fn row<'a>(
    mut rest: &'a str,
    delimiter: char,
    number: u32,
    rows: &mut Collector<'_>,
) -> Result<&'a str, Violation> {
    let mut column = 0;
    loop {
        let (field, behind) = field(rest, delimiter).ok_or_else(|| faults::open_quote(number))?;
        rows.take((number, column), &field, Typed::Text)?;
        match behind.strip_prefix(delimiter) {
            Some(next) => (rest, column) = (next, column + 1),
            None => {
                let end = ["\r\n", "\n", "\r"];
                let next = end.into_iter().find_map(|end| behind.strip_prefix(end));
                return Ok(next.unwrap_or(behind));
            }
        }
    }
}

/// Returns one field and the remaining text, or `None` if a quote is not closed.
fn field(text: &str, delimiter: char) -> Option<(Cow<'_, str>, &str)> {
    let plain = |text: &'_ str| text.find([delimiter, '\r', '\n']).unwrap_or(text.len());
    let Some(mut rest) = text.strip_prefix('"') else {
        let (field, behind) = text.split_at(plain(text));
        return Some((field.into(), behind));
    };
    let mut field = String::new();
    loop {
        let (part, behind) = rest.split_once('"')?;
        field.push_str(part);
        match behind.strip_prefix('"') {
            Some(more) => {
                field.push('"');
                rest = more;
            }
            None => {
                // Text after the closing quote belongs to the field, as in spreadsheets.
                let (tail, behind) = behind.split_at(plain(behind));
                field.push_str(tail);
                return Some((field.into(), behind));
            }
        }
    }
}
