//! What the columns of a table are, and which of them a file has.

use qiaojian_domain::Violation;

use super::cell::{clean, half_width};
use super::faults;

/// Whether a column has to be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// It has to, and every row has to fill it.
    Required,
    /// It may be left out or blank.
    Optional,
    /// We write it for whoever reads the file; what stands in it is not taken.
    Shown,
}

/// The words a cell may hold, each as it is stored and as it is shown.
pub type Choices = &'static [(&'static str, &'static str)];

/// A column. Its header is `<Chinese> <field>`, with a star before it where it is required.
#[derive(Debug, Clone, Copy)]
pub struct Column<F> {
    pub field: F,
    /// Its name in Chinese.
    pub zh: &'static str,
    pub need: Need,
    /// What it may hold, if that is one of a few words.
    pub choices: Choices,
    /// What it means and how it is written, in Chinese: for the explanation.
    pub meaning: &'static str,
    pub example: &'static str,
    /// Its width in characters.
    pub width: u16,
}

impl<F: std::fmt::Display> Column<F> {
    /// Its header.
    pub fn header(&self) -> String {
        let star = if self.need == Need::Required { "*" } else { "" };
        format!("{star}{} {}", self.zh, self.field)
    }
}

/// What a header says, without star, spaces, and differences of case and width.
pub fn normal_form(header: &str) -> String {
    half_width(clean(header))
        .chars()
        .filter(|c| *c != '*' && !c.is_whitespace())
        .collect::<String>()
        .to_lowercase()
}

/// The names under which a column is found.
pub(super) fn names_of<F: std::fmt::Display>(column: &Column<F>) -> [String; 3] {
    let names = [column.zh.to_owned(), column.header(), column.field.to_string()];
    names.map(|name| normal_form(&name))
}

/// Columns of people's own registers that say nothing: the running number.
const SAYS_NOTHING: [&str; 3] = ["序号", "no", "no."];

/// Which columns a file has, and where.
#[derive(Debug, Clone)]
pub struct Layout<F> {
    places: Vec<Option<F>>,
    /// Where a column stands that says nothing.
    nothing: Vec<usize>,
}

impl<F: Copy + Eq + std::fmt::Display + 'static> Layout<F> {
    /// Finds the columns of a header: by the Chinese name, the field, or both.
    ///
    /// # Errors
    /// Everything that is wrong with the header.
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

    /// The column at this place, from 0.
    pub fn at(&self, column: u32) -> Option<F> {
        let place = usize::try_from(column).unwrap_or(usize::MAX);
        self.places.get(place).copied().flatten()
    }

    /// Whether the column at this place says nothing: a running number.
    pub fn says_nothing(&self, column: u32) -> bool {
        self.nothing
            .iter()
            .any(|place| u32::try_from(*place) == Ok(column))
    }

    /// Where a column stands, from 0.
    pub fn place(&self, field: F) -> Option<usize> {
        self.places.iter().position(|place| *place == Some(field))
    }
}
