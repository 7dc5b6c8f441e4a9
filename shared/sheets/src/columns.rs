//! The columns of a table, and which of them a file contains.

use qiaojian_domain::Violation;

use super::cell::{clean, half_width};
use super::faults;

/// Whether a column is required.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// The column is required, and so is a value in every row.
    Required,
    /// The column may be omitted or blank.
    Optional,
    /// The column is written for information. Its content is ignored when read.
    Shown,
}

/// The words that a cell may contain, each as stored and as displayed.
pub type Choices = &'static [(&'static str, &'static str)];

/// A column. Its header is `<Chinese name> <field>`, preceded by an asterisk if it is required.
#[derive(Debug, Clone, Copy)]
pub struct Column<F> {
    pub field: F,
    /// The Chinese name.
    pub zh: &'static str,
    pub need: Need,
    /// The allowed words; empty if the content is free.
    pub choices: Choices,
    /// The meaning and the format in Chinese, for the help sheet.
    pub meaning: &'static str,
    pub example: &'static str,
    /// The width in characters.
    pub width: u16,
}

impl<F: std::fmt::Display> Column<F> {
    /// Returns the header.
    pub fn header(&self) -> String {
        let star = if self.need == Need::Required { "*" } else { "" };
        format!("{star}{} {}", self.zh, self.field)
    }
}

/// Normalizes a header: removes asterisks and spaces, and ignores case and width.
pub fn normal_form(header: &str) -> String {
    half_width(clean(header))
        .chars()
        .filter(|c| *c != '*' && !c.is_whitespace())
        .collect::<String>()
        .to_lowercase()
}

/// Returns the normalized names by which a column is recognized.
pub(super) fn names_of<F: std::fmt::Display>(column: &Column<F>) -> [String; 3] {
    let names = [column.zh.to_owned(), column.header(), column.field.to_string()];
    names.map(|name| normal_form(&name))
}

/// Headers of columns that contain no information: the running number.
const SAYS_NOTHING: [&str; 3] = ["序号", "no", "no."];

/// The columns that a file contains, and their positions.
#[derive(Debug, Clone)]
pub struct Layout<F> {
    places: Vec<Option<F>>,
    /// The positions of columns that contain no information.
    nothing: Vec<usize>,
}

impl<F: Copy + Eq + std::fmt::Display + 'static> Layout<F> {
    /// Identifies the columns of a header by the Chinese name, the field, or both.
    ///
    /// # Errors
    /// Returns all violations of the header.
    pub fn of(header: &[String], columns: &[Column<F>]) -> Result<Self, Vec<Violation>> {
        let named: Vec<(String, F)> = columns
            .iter()
            .flat_map(|column| names_of(column).map(|name| (name, column.field)))
            .collect();
        let (mut places, mut wrong): (Vec<Option<F>>, Vec<Violation>) = (Vec::new(), Vec::new());
        let mut nothing = Vec::new();
        for header in header {
            let name = normal_form(header);
            if SAYS_NOTHING.contains(&name.as_str()) {
                nothing.push(places.len());
                places.push(None);
                continue;
            }
            let found = named
                .iter()
                .find(|(known, _)| *known == name)
                .map(|(_, field)| *field);
            match found {
                None if !name.is_empty() => wrong.push(faults::unknown_column(clean(header))),
                Some(field) if places.contains(&Some(field)) => {
                    wrong.push(faults::column_twice(clean(header)));
                }
                _ => {}
            }
            places.push(found);
        }
        let missing = columns
            .iter()
            .filter(|column| column.need == Need::Required && !places.contains(&Some(column.field)));
        wrong.extend(missing.map(|column| faults::column_missing(&column.header())));
        if wrong.is_empty() {
            Ok(Self { places, nothing })
        } else {
            Err(wrong)
        }
    }

    /// Returns the column at this position, from 0.
    pub fn at(&self, column: u32) -> Option<F> {
        let place = usize::try_from(column).unwrap_or(usize::MAX);
        self.places.get(place).copied().flatten()
    }

    /// Returns whether the column at this position contains no information, such as a running number.
    pub fn says_nothing(&self, column: u32) -> bool {
        self.nothing
            .iter()
            .any(|place| u32::try_from(*place) == Ok(column))
    }

    /// Returns the position of a column, from 0.
    pub fn place(&self, field: F) -> Option<usize> {
        self.places.iter().position(|place| *place == Some(field))
    }
}
