//! Violations: how an input breaks a rule, described in both languages.

use std::borrow::Cow;

use chrono::NaiveDate;

use super::unseen::is_unseen;

/// A violation of a rule: what is wrong, where, and how to correct it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// A JSON pointer into the body, or the name of the parameter.
    pub pointer: Cow<'static, str>,
    /// A stable code for programs.
    pub code: &'static str,
    /// The message in Chinese.
    pub zh: Cow<'static, str>,
    /// The message in English.
    pub en: Cow<'static, str>,
}

impl Violation {
    /// Creates a violation at `pointer`.
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

    /// Returns the violation for a date in the future at `pointer`.
    pub fn in_future(pointer: impl Into<Cow<'static, str>>, today: NaiveDate) -> Self {
        Self::new(
            pointer,
            "date_in_future",
            format!("日期不能晚于今天（{today}）。"),
            format!("The date must not be after today ({today})."),
        )
    }

    /// Returns the same violation with `place` prepended to its pointer.
    #[must_use]
    pub fn under(self, place: &str) -> Self {
        Self {
            pointer: format!("{place}{}", self.pointer).into(),
            ..self
        }
    }
}

/// The maximum length of a name or title, in characters.
pub const NAME_CHARS: usize = 100;
/// The maximum length of a note, reason or report, in characters.
pub const TEXT_CHARS: usize = 2000;

/// Checks that a text is not empty, is not longer than `most` characters, and contains no control characters except
/// line breaks.
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

/// Checks a text of one line, such as a name or a number. In addition to [`check_text`], line breaks and invisible
/// characters are not allowed.
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
                format!("It contains a line break or an invisible character (U+{code:04X}). Remove it."),
            ));
        }
    }
}

/// Checks an optional text as [`check_line`] does.
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

/// Checks an optional text as [`check_text`] does.
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
