//! A cell: its content, and how its text is escaped and cleaned.

use qiaojian_domain::organization::PreciseDate;

use super::MOST_CHARS;

/// The content of a cell, with the text that it displays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cell {
    /// A text. In CSV, every cell is a text.
    Text(String),
    /// A number.
    Number(String),
    /// A date, with the day or month that its format displays, or `None` if it displays neither.
    Date(String, Option<PreciseDate>),
    /// `TRUE` or `FALSE`.
    Truth(String),
    /// A formula, with the last value it displayed. The value was not entered by a person, so it is not accepted.
    Formula(String),
    /// A text longer than allowed, kept so that the file can be returned.
    TooLong(String),
}

impl Cell {
    /// Creates a cell from the text in a file.
    pub(super) fn of(text: &str) -> Self {
        let text = without_guard(text).to_owned();
        // A character has at least one byte, so most texts are short enough without counting characters.
        if text.len() > MOST_CHARS && text.chars().nth(MOST_CHARS).is_some() {
            Self::TooLong(text)
        } else {
            Self::Text(text)
        }
    }

    /// Returns the displayed text.
    pub fn text(&self) -> &str {
        match self {
            Self::Text(text)
            | Self::Number(text)
            | Self::Date(text, _)
            | Self::Truth(text)
            | Self::Formula(text)
            | Self::TooLong(text) => text,
        }
    }
}

/// The type of a cell in a workbook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Typed {
    Text,
    Number,
    Date(Option<PreciseDate>),
    Truth,
    Formula,
}

impl Typed {
    /// Returns the cell that displays this text.
    pub fn showing(self, text: &str) -> Cell {
        let shown = || without_guard(text).to_owned();
        match self {
            Self::Text => Cell::of(text),
            Self::Number => Cell::Number(shown()),
            Self::Date(date) => Cell::Date(shown(), date),
            Self::Truth => Cell::Truth(shown()),
            Self::Formula => Cell::Formula(shown()),
        }
    }
}

/// Returns whether a text is an error value of a spreadsheet: `#N/A`, `#REF!`, or one of the newer ones.
pub(super) fn is_error_value(text: &str) -> bool {
    text.strip_prefix('#').is_some_and(|name| {
        let is_word = name
            .bytes()
            .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || b"/_!?".contains(&byte));
        is_word && (name.ends_with(['!', '?']) || matches!(name, "N/A" | "GETTING_DATA"))
    })
}

/// Returns whether a spreadsheet would interpret the text as a formula (OWASP, CSV injection). Includes full-width
/// characters.
fn begins_a_formula(text: &str) -> bool {
    text.starts_with(['=', '+', '-', '@', '\t', '\r', '＝', '＋', '－', '＠'])
}

/// Prepends a `'` if a spreadsheet would interpret the text as a formula, or if it looks like a text escaped this way.
pub fn neutralise(text: &str) -> std::borrow::Cow<'_, str> {
    if begins_a_formula(text.trim_start_matches('\'')) {
        format!("'{text}").into()
    } else {
        text.into()
    }
}

/// Removes the `'` that [`neutralise`] prepended.
pub fn without_guard(text: &str) -> &str {
    match text.strip_prefix('\'') {
        Some(rest) if begins_a_formula(rest.trim_start_matches('\'')) => rest,
        _ => text,
    }
}

/// Removes surrounding whitespace of every width and zero-width characters.
pub fn clean(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_whitespace() || is_invisible(c))
}

/// Returns whether a character has no width. Such characters typically come from pasted text.
fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
    )
}

/// Converts full-width letters, digits and signs to half-width and removes zero-width characters. Used for codes,
/// numbers, dates and words, not for names.
pub fn half_width(text: &str) -> String {
    text.chars()
        .filter(|c| !is_invisible(*c))
        .map(|c| match c {
            '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
            '\u{3000}' => ' ',
            other => other,
        })
        .collect()
}

/// Returns the beginning of a text, for use in a message.
pub fn shortened(text: &str) -> String {
    const MOST: usize = 30;
    match text.char_indices().nth(MOST) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
        None => text.to_owned(),
    }
}
