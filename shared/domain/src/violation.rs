//! One way in which an input breaks a rule, in both languages.

use std::borrow::Cow;

use chrono::NaiveDate;

use super::unseen::is_unseen;

/// What is wrong, where, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// A JSON pointer into the body, or the parameter's name.
    pub pointer: Cow<'static, str>,
    /// Stable, for programs.
    pub code: &'static str,
    /// For people, in Chinese.
    pub zh: Cow<'static, str>,
    /// For people, in English.
    pub en: Cow<'static, str>,
}

impl Violation {
    /// A violation at `pointer`.
    pub fn new(
        pointer: impl Into<Cow<'static, str>>,
        code: &'static str,
        zh: impl Into<Cow<'static, str>>,
        en: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            pointer: pointer.into(),
            code,
            zh: zh.into(),
            en: en.into(),
        }
    }

    /// The day at `pointer` is still to come.
    pub fn in_future(pointer: impl Into<Cow<'static, str>>, today: NaiveDate) -> Self {
        Self::new(
            pointer,
            "date_in_future",
            format!("日期不能晚于今天（{today}）。"),
            format!("The date must not be after today ({today})."),
        )
    }

    /// The same violation of a part of the body that stands at `place`.
    #[must_use]
    pub fn under(self, place: &str) -> Self {
        Self {
            pointer: format!("{place}{}", self.pointer).into(),
            ..self
        }
    }
}

/// Longest text of a name or title, in characters.
pub const NAME_CHARS: usize = 100;
/// Longest text of a note, reason or report, in characters.
pub const TEXT_CHARS: usize = 2000;

/// Checks that a text is neither empty nor longer than `most` characters, and holds no control characters but line breaks.
pub fn check_text(violations: &mut Vec<Violation>, pointer: &'static str, text: &str, most: usize) {
    let count = text.chars().count();
    if text.trim().is_empty() {
        violations.push(Violation::new(
            pointer,
            "empty",
            "不能为空。",
            "Must not be empty.",
        ));
    } else if count > most {
        violations.push(Violation::new(
            pointer,
            "too_long",
            format!("最多 {most} 个字，现有 {count} 个。"),
            format!("At most {most} characters; there are {count}."),
        ));
    } else if text
        .chars()
        .any(|character| character.is_control() && character != '\n')
    {
        violations.push(Violation::new(
            pointer,
            "control_character",
            "含有控制字符，请删除。",
            "Remove the control characters.",
        ));
    }
}

/// The same for a text of one line, such as a name or a number: it has no line breaks, and nothing that a reader does not see.
pub fn check_line(violations: &mut Vec<Violation>, pointer: &'static str, text: &str, most: usize) {
    let unseen = text.chars().find(|character| is_unseen(*character));
    match unseen {
        None => check_text(violations, pointer, text, most),
        Some(character) => {
            let code = u32::from(character);
            violations.push(Violation::new(
                pointer,
                "unseen_character",
                format!("含有换行或看不见的字符（U+{code:04X}），请删除。"),
                format!("It has a line break or a character that nobody sees (U+{code:04X}). Remove it."),
            ));
        }
    }
}

/// The same for a text that may be missing.
pub fn check_optional_line(
    violations: &mut Vec<Violation>,
    pointer: &'static str,
    text: Option<&str>,
    most: usize,
) {
    if let Some(text) = text {
        check_line(violations, pointer, text, most);
    }
}

/// Checks a text that may be missing as [`check_text`] does.
pub fn check_optional_text(
    violations: &mut Vec<Violation>,
    pointer: &'static str,
    text: Option<&str>,
    most: usize,
) {
    if let Some(text) = text {
        check_text(violations, pointer, text, most);
    }
}
