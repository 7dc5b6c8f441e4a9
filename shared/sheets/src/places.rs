//! Positions in a sheet and in the text of a part.

use std::borrow::Cow;

use super::SHEET_ROWS;

/// The index of the last column of a sheet, from 0.
const LAST_COLUMN: u32 = 16_383;

/// A range of cells: the first and the last row from 1, and the first and the last column from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Range {
    pub rows: (u32, u32),
    columns: (u32, u32),
}

impl Range {
    /// Parses `A4:B5` or `A4`, and also whole columns (`A:C`) and rows (`1:4`).
    pub fn parse(text: &str) -> Option<Self> {
        let (first, last) = text.split_once(':').unwrap_or((text, text));
        let ((first_column, first_row), (last_column, last_row)) = (cell(first)?, cell(last)?);
        let range = Self {
            rows: (first_row.unwrap_or(1), last_row.unwrap_or(SHEET_ROWS)),
            columns: (first_column.unwrap_or(0), last_column.unwrap_or(LAST_COLUMN)),
        };
        (range.rows.0 <= range.rows.1 && range.columns.0 <= range.columns.1).then_some(range)
    }

    /// Parses a range, but not whole columns and rows.
    pub fn parse_cells(text: &str) -> Option<Self> {
        let are_cells = text
            .split(':')
            .all(|text| matches!(cell(text), Some((Some(_), Some(_)))));
        Self::parse(text).filter(|_| are_cells)
    }

    pub fn holds_row(&self, row: u32) -> bool {
        (self.rows.0..=self.rows.1).contains(&row)
    }
}

impl std::fmt::Display for Range {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (first, last) = (column_name(self.columns.0), column_name(self.columns.1));
        write!(f, "{first}{}:{last}{}", self.rows.0, self.rows.1)
    }
}

/// Returns the column and the row of `$A$4`, `A` or `4`.
fn cell(text: &str) -> Option<(Option<u32>, Option<u32>)> {
    let text = text.trim().replace('$', "");
    let digits = text.find(|c: char| c.is_ascii_digit()).unwrap_or(text.len());
    let (letters, digits) = text.split_at(digits);
    let column = letters.bytes().try_fold(0_u32, |column, letter| {
        let letter = letter.to_ascii_uppercase();
        letter
            .is_ascii_uppercase()
            .then(|| column * 26 + u32::from(letter - b'A') + 1)
            .filter(|column| *column <= LAST_COLUMN + 1)
    })?;
    let row = match digits {
        "" => None,
        digits => Some(digits.parse().ok().filter(|row| (1..=SHEET_ROWS).contains(row))?),
    };
    let column = column.checked_sub(1);
    (column.is_some() || row.is_some()).then_some((column, row))
}

/// Returns the name of a column: `A` to `Z`, then `AA`.
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

/// The notes of a sheet: properties other than the content of its cells.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Notes {
    /// The ranges of merged cells.
    pub merged: Vec<Range>,
    /// The rows that are hidden manually or by a filter, from 1.
    pub hidden: Vec<u32>,
}

impl Notes {
    pub fn and(mut self, other: Self) -> Self {
        self.merged.extend(other.merged);
        self.hidden.extend(other.hidden);
        self
    }
}

/// Replacements in a text, in ascending order.
#[derive(Debug, Default)]
pub(super) struct Edits(Vec<(usize, usize, &'static str)>);

impl Edits {
    /// Replaces the first `old` in a tag. `tag` is the text of the tag without brackets; the tag begins at `begin`.
    pub fn replace(&mut self, tag: &str, begin: usize, old: &str, new: &'static str) {
        if let Some(at) = tag.find(old) {
            let at = begin + 1 + at;
            self.0.push((at, at + old.len(), new));
        }
    }

    /// Applies the replacements.
    pub fn applied_to<'a>(&self, text: &'a str) -> Cow<'a, str> {
        if self.0.is_empty() {
            return text.into();
        }
        let (mut changed, mut done) = (String::with_capacity(text.len()), 0);
        for (from, to, new) in &self.0 {
            changed.push_str(text.get(done..*from).unwrap_or_default());
            changed.push_str(new);
            done = *to;
        }
        changed.push_str(text.get(done..).unwrap_or_default());
        changed.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_as_spreadsheets_write_them() {
        for (written, shown, are_cells) in [
            ("A4:B5", "A4:B5", true),
            ("$A$4:$B$5", "A4:B5", true),
            ("aa10", "AA10:AA10", true),
            ("A:C", "A1:C1048576", false),
            ("1:4", "A1:XFD4", false),
        ] {
            assert_eq!(Range::parse(written).unwrap().to_string(), shown, "{written}");
            assert_eq!(Range::parse_cells(written).is_some(), are_cells, "{written}");
        }
        for wrong in [
            "",
            ":",
            "A0",
            "B2:A1",
            "XFE1",
            "A1:B2:C3",
            "A1048577",
            "é1",
            "A99999999999",
        ] {
            assert_eq!(Range::parse(wrong), None, "{wrong}");
        }
    }
}
