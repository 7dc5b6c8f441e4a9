//! One cell: what it holds, and how its text is guarded and cleaned.

use qiaojian_domain::organization::PreciseDate;

use super::MOST_CHARS;

/// What a cell holds, each with what it shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cell {
    /// A text, and in CSV whatever it is.
    Text(String),
    /// A number.
    Number(String),
    /// A day or a month, as its format shows it; nothing where that is neither.
    Date(String, Option<PreciseDate>),
    /// `TRUE` or `FALSE`.
    Truth(String),
    /// A formula, with the value it showed last. Nobody typed that value in, so it is not taken.
    Formula(String),
    /// A text longer than any may be, kept to be handed back.
    TooLong(String),
}

impl Cell {
    /// A text as it stands in a file.
    pub(super) fn of(text: &str) -> Self {
        let text = without_guard(text).to_owned();
        // A character has a byte at least: most texts are short enough without counting.
        if text.len() > MOST_CHARS && text.chars().nth(MOST_CHARS).is_some() {
            Self::TooLong(text)
        } else {
            Self::Text(text)
        }
    }

    /// What it shows.
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

/// What a cell is besides its text, as a workbook says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Typed {
    Text,
    Number,
    Date(Option<PreciseDate>),
    Truth,
    Formula,
}

impl Typed {
    /// The cell that shows this text.
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

/// Whether a text is what a spreadsheet shows where it has no value: `#N/A`, `#REF!`, and those that newer ones have.
pub(super) fn is_error_value(text: &str) -> bool {
    text.strip_prefix('#').is_some_and(|name| {
        let is_word = name
            .bytes()
            .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || b"/_!?".contains(&byte));
        is_word && (name.ends_with(['!', '?']) || matches!(name, "N/A" | "GETTING_DATA"))
    })
}

/// What a spreadsheet takes for the beginning of a formula (OWASP, CSV injection), full-width forms included.
fn begins_a_formula(text: &str) -> bool {
    text.starts_with(['=', '+', '-', '@', '\t', '\r', '＝', '＋', '－', '＠'])
}

/// The text with a `'` before it if a spreadsheet would take it for a formula, or for a text that we guarded.
pub fn neutralise(text: &str) -> std::borrow::Cow<'_, str> {
    if begins_a_formula(text.trim_start_matches('\'')) {
        format!("'{text}").into()
    } else {
        text.into()
    }
}

/// The text without the `'` that [`neutralise`] put before it.
pub fn without_guard(text: &str) -> &str {
    match text.strip_prefix('\'') {
        Some(rest) if begins_a_formula(rest.trim_start_matches('\'')) => rest,
        _ => text,
    }
}

/// The text without what nobody sees around it: spaces of every width, and marks of no width.
pub fn clean(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_whitespace() || is_invisible(c))
}

/// Whether a character has no width: it came along with what was pasted.
fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
    )
}

/// The text with its full-width letters, digits and signs in half width, and without what nobody sees: for codes, numbers, dates and
/// words, not for names.
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

/// The beginning of a text, for a sentence about it.
pub fn shortened(text: &str) -> String {
    const MOST: usize = 30;
    match text.char_indices().nth(MOST) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
        None => text.to_owned(),
    }
}
