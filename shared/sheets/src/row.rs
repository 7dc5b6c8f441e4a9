//! Reads the cells of one row, column by column. All violations are collected with their columns, so that they can be
//! reported together.

use std::fmt::Display;
use std::str::FromStr;

use chrono::NaiveDate;
use qiaojian_domain::Violation;
use qiaojian_domain::dates::Precision;
use qiaojian_domain::organization::PreciseDate;
use uuid::Uuid;

use super::cell::{Cell, clean, half_width, is_error_value, shortened};
use super::columns::{Choices, Layout};
use super::dates::{is_cut_short, read_precise};
use super::{MOST_CHARS, SheetRow};

/// The cells of a row by column, and the violations found so far.
pub(super) struct RowReader<'a, F> {
    cells: Vec<(F, &'a Cell)>,
    wrong: Vec<Violation>,
}

impl<'a, F: Copy + Eq + Display + 'static> RowReader<'a, F> {
    /// Collects the cells, except those of columns that are ignored.
    pub fn of(layout: &Layout<F>, row: &'a SheetRow, is_taken: impl Fn(F) -> bool) -> Self {
        let (mut cells, mut wrong) = (Vec::with_capacity(row.cells.len()), Vec::new());
        // Only the first cell outside the columns is reported.
        let mut outside = false;
        for (column, cell) in &row.cells {
            match (layout.at(*column), cell) {
                (None, _) if layout.says_nothing(*column) => {}
                // A formula beside the table was not entered as data.
                (None, Cell::Formula(_)) => {}
                (None, _) if outside => {}
                (None, _) => {
                    outside = true;
                    wrong.push(no_column(*column));
                }
                (Some(field), _) if !is_taken(field) => {}
                (Some(field), Cell::Formula(_)) => wrong.push(formula(field)),
                (Some(field), Cell::TooLong(text)) => wrong.push(too_long(field, text.chars().count())),
                (Some(field), cell) => cells.push((field, cell)),
            }
        }
        Self { cells, wrong }
    }

    /// Returns the violations of the row.
    pub fn finish(self) -> Vec<Violation> {
        self.wrong
    }

    fn cell(&self, field: F) -> Option<&'a Cell> {
        self.cells
            .iter()
            .find(|(of, _)| *of == field)
            .map(|(_, cell)| *cell)
    }

    /// Parses the displayed text of a cell. Returns `None` if the cell is blank, or if the text cannot be parsed, which
    /// is recorded.
    pub fn read<T>(
        &mut self,
        field: F,
        expected: (&str, &str),
        read: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let text = clean(self.cell(field)?.text());
        let value = read(text);
        if value.is_none() {
            self.wrong.push(wrong_value(field, text, expected));
        }
        value
    }

    /// Returns a text or an integer as entered. A value that a spreadsheet has converted is recorded as a violation,
    /// because the original text is unknown.
    fn typed(&mut self, field: F) -> Option<&'a str> {
        let cell = self.cell(field)?;
        let text = clean(cell.text());
        let no_text = match cell {
            Cell::Date(..) => Some(("日期", "a date")),
            Cell::Truth(_) => Some(("是非值", "a boolean value")),
            Cell::Number(number) if !is_whole(number) => {
                Some(("小数或过长的数字", "a fraction or a number that is too long"))
            }
            _ if is_error_value(text) => Some(("错误值", "an error value")),
            _ => None,
        };
        match no_text {
            Some(what) => {
                self.wrong.push(not_a_text(field, text, what));
                None
            }
            None => Some(text),
        }
    }

    /// Reads a text, with line breaks as `\n`.
    pub fn text(&mut self, field: F) -> Option<String> {
        self.typed(field)
            .map(|text| text.replace("\r\n", "\n").replace('\r', "\n"))
    }

    /// Reads a code. Full-width digits and letters are converted, and a prefix that preserves leading zeros (`'01`,
    /// `="01"`) is removed.
    pub fn code(&mut self, field: F) -> Option<String> {
        let text = half_width(self.typed(field)?);
        let bare = text
            .strip_prefix("=\"")
            .and_then(|text| text.strip_suffix('"'))
            .unwrap_or(&text);
        let code = clean(bare.trim_start_matches('\'')).to_uppercase();
        if code.contains("E+") && code.parse::<f64>().is_ok() {
            self.wrong.push(rounded(field, &code));
            return None;
        }
        Some(code)
    }

    /// Records a violation if the cell is blank, unless another violation is already recorded for it.
    pub fn require(&mut self, field: F) {
        let pointer = pointer(field);
        if self.cell(field).is_none() && !self.wrong.iter().any(|wrong| wrong.pointer == pointer) {
            self.wrong.push(Violation::new(
                pointer,
                "missing_field",
                "缺少必填内容。",
                "A required value is missing.",
            ));
        }
    }

    pub fn id(&mut self, field: F) -> Option<Uuid> {
        self.read(field, ("系统编号（UUID）", "an id (UUID)"), |text| {
            half_width(text).parse().ok()
        })
    }

    /// Reads one of a few words, as stored or as displayed.
    pub fn word<T: FromStr>(&mut self, field: F, choices: Choices) -> Option<T> {
        self.word_or(field, choices, &[])
    }

    /// Reads one of a few words, also accepting other common words.
    pub fn word_or<T: FromStr>(&mut self, field: F, choices: Choices, others: Choices) -> Option<T> {
        let shown: Vec<&str> = choices.iter().map(|(_, shown)| *shown).collect();
        let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
        self.read(field, (&shown.join("、"), &words.join(", ")), |text| {
            chosen(choices, text)
                .or_else(|| chosen(others, text))?
                .parse()
                .ok()
        })
    }

    pub fn number(&mut self, field: F) -> Option<i32> {
        self.read(field, ("整数", "a whole number"), |text| {
            half_width(text).parse().ok()
        })
    }

    pub fn day(&mut self, field: F) -> Option<NaiveDate> {
        let expected = ("日期，如 2022-03-01", "a date such as 2022-03-01");
        let date = self.dated(field, expected, |date| date.precision == Precision::Day)?;
        Some(date.on)
    }

    pub fn date(&mut self, field: F) -> Option<PreciseDate> {
        let expected = (
            "日期，如 2022-03-01、2022-03下旬或 2022-03",
            "a date such as 2022-03-01, 2022-03下旬 or 2022-03",
        );
        self.dated(field, expected, |_| true)
    }

    /// Reads a date as displayed. Of numbers only eight digits such as 20220301 are accepted, because a spreadsheet
    /// displays 2022.10 but stores 2022.1.
    fn dated(
        &mut self,
        field: F,
        expected: (&str, &str),
        is_precise: impl Fn(&PreciseDate) -> bool,
    ) -> Option<PreciseDate> {
        let cell = self.cell(field)?;
        let text = clean(cell.text());
        let date = match cell {
            Cell::Date(_, date) => *date,
            Cell::Number(number) if number.len() != "20220301".len() || !is_whole(number) => None,
            _ => read_precise(text),
        }
        .filter(is_precise);
        if date.is_none() {
            self.wrong.push(match cell {
                Cell::Number(_) => number_as_date(field, text),
                Cell::Date(_, None) => no_month(field, text),
                _ if is_cut_short(text) => cut_short(field, text),
                _ => wrong_value(field, text, expected),
            });
        }
        date
    }
}

/// Returns whether a number is an integer that is short enough for a spreadsheet to store every digit.
fn is_whole(number: &str) -> bool {
    let digits = number.strip_prefix('-').unwrap_or(number);
    digits.len() <= 15 && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// Returns the stored word for the content of a cell.
pub(super) fn chosen(choices: Choices, text: &str) -> Option<&'static str> {
    let text = half_width(text);
    let is_meant = |(word, shown): &&(&str, &str)| text.eq_ignore_ascii_case(word) || text == *shown;
    choices.iter().find(is_meant).map(|(word, _)| *word)
}

/// Returns the JSON pointer of a column's content.
fn pointer(field: impl Display) -> String {
    format!("/{}", field.to_string().replace('.', "/"))
}

fn wrong_value(field: impl Display, text: &str, (zh, en): (&str, &str)) -> Violation {
    let text = shortened(text);
    Violation::new(
        pointer(field),
        "wrong_value",
        format!("“{text}”无法识别；应为{zh}。"),
        format!("“{text}” cannot be read; expected {en}."),
    )
}

fn not_a_text(field: impl Display, text: &str, (zh, en): (&str, &str)) -> Violation {
    let text = shortened(text);
    Violation::new(
        pointer(field),
        "wrong_value",
        format!("“{text}”在表格中是{zh}，不是文字；请将单元格设为文本格式后重新填写。"),
        format!(
            "“{text}” is {en} in the spreadsheet, not text. Format the cell as text and enter the value again."
        ),
    )
}

fn rounded(field: impl Display, text: &str) -> Violation {
    Violation::new(
        pointer(field),
        "wrong_value",
        format!("“{text}”是科学计数法，后面的数字已丢失；请将此列设为文本格式，重新填写完整的代码。"),
        format!(
            "“{text}” is in scientific notation and has lost its last digits. Format the column as text and enter the whole code again."
        ),
    )
}

fn number_as_date(field: impl Display, text: &str) -> Violation {
    let text = shortened(text);
    Violation::new(
        pointer(field),
        "wrong_value",
        format!("“{text}”在表格中是数字，不是日期；请将单元格设为文本格式，填写如 2022-03-01 或 2022-10。"),
        format!(
            "“{text}” is a number in the spreadsheet, not a date. Format the cell as text and enter a date such as 2022-03-01 or 2022-10."
        ),
    )
}

fn no_month(field: impl Display, text: &str) -> Violation {
    let text = shortened(text);
    Violation::new(
        pointer(field),
        "wrong_value",
        format!("“{text}”没有显示年份和月份；请将单元格设为文本格式，填写如 2022-03-01 或 2022-03。"),
        format!(
            "“{text}” does not show a year and a month. Format the cell as text and enter a date such as 2022-03-01 or 2022-03."
        ),
    )
}

fn cut_short(field: impl Display, text: &str) -> Violation {
    let year: String = half_width(text).chars().take(4).collect();
    Violation::new(
        pointer(field),
        "wrong_value",
        format!("“{text}”可能是 1 月，也可能是 10 月；请写成 {year}-01 或 {year}-10。"),
        format!("“{text}” may be January or October. Write {year}-01 or {year}-10."),
    )
}

fn formula(field: impl Display) -> Violation {
    Violation::new(
        pointer(field),
        "formula",
        "单元格是公式；请直接填写内容。",
        "The cell contains a formula. Enter the value instead.",
    )
}

fn too_long(field: impl Display, chars: usize) -> Violation {
    Violation::new(
        pointer(field),
        "too_long",
        format!("最多 {MOST_CHARS} 个字，现有 {chars} 个。"),
        format!("At most {MOST_CHARS} characters; there are {chars}."),
    )
}

fn no_column(column: u32) -> Violation {
    let column = column + 1;
    Violation::new(
        "",
        "outside_columns",
        format!("第 {column} 列没有表头，却有内容；请删除或移到正确的列。"),
        format!(
            "Column {column} has content but no header. Remove the content, or move it to the right column."
        ),
    )
}
