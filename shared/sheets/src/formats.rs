//! The text that a number cell displays according to its number format. A spreadsheet stores `2022年3月` as a day, and
//! 2022.10 as 2022.1.

use chrono::{NaiveDateTime, Timelike as _};
use qiaojian_domain::dates::Precision;

/// The number format of a cell.
#[derive(Debug, Clone, Default)]
pub(super) struct NumberFormat {
    tokens: Vec<Token>,
    /// The number of digits before and after the decimal point, if the format consists of zeros.
    zeros: Option<(usize, usize)>,
}

/// A token of a format. A letter is stored with the number of its repetitions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token {
    Year(usize),
    Month(usize),
    Day(usize),
    Hour(usize),
    Minute(usize),
    Second(usize),
    HalfDay,
    Literal(char),
}

impl NumberFormat {
    /// Returns the format with this id and code. Some ids denote locale-dependent formats; these are resolved for
    /// China.
    pub fn of(id: Option<u32>, code: &str) -> Self {
        let code = match (id, code) {
            (Some(14), "mm-dd-yy") => "yyyy/m/d",
            (Some(22), "m/d/yy h:mm") => "yyyy/m/d h:mm",
            (Some(27 | 36 | 50 | 52 | 57), "General") => "yyyy年m月",
            (Some(28 | 29 | 51 | 53 | 54 | 58), "General") => "m月d日",
            (Some(30), "General") => "m-d-yy",
            (Some(31), "General") => "yyyy年m月d日",
            (Some(32), "General") => "h时mm分",
            (Some(33), "General") => "h时mm分ss秒",
            (Some(34 | 55), "General") => "AM/PMh时mm分",
            (Some(35 | 56), "General") => "AM/PMh时mm分ss秒",
            (_, "General") => return Self::default(),
            (_, code) => code,
        };
        Self {
            tokens: tokens(code),
            zeros: zeros(code),
        }
    }

    /// Returns the precision of the date that the format displays: a day or a month, each with its year. Returns `None`
    /// if it displays neither.
    pub fn precision(&self) -> Option<Precision> {
        let has = |wanted: fn(&Token) -> bool| self.tokens.iter().any(wanted);
        if !has(|token| matches!(token, Token::Year(_))) || !has(|token| matches!(token, Token::Month(_))) {
            return None;
        }
        // Three or more letters denote the day of the week.
        if has(|token| matches!(token, Token::Day(1 | 2))) {
            Some(Precision::Day)
        } else {
            Some(Precision::Month)
        }
    }

    /// Returns whether the format displays any part of a date or a time.
    pub fn is_of_time(&self) -> bool {
        self.tokens
            .iter()
            .any(|token| !matches!(token, Token::Literal(_)))
    }

    /// Returns the text displayed for a date and time.
    pub fn show_moment(&self, at: NaiveDateTime) -> String {
        let half_days = self.tokens.contains(&Token::HalfDay);
        let mut shown = String::new();
        for token in &self.tokens {
            let part = match token {
                Token::Literal(c) => {
                    shown.push(*c);
                    continue;
                }
                Token::Year(1 | 2) => at.format("%y").to_string(),
                Token::Year(_) => at.format("%Y").to_string(),
                Token::Month(1) => at.format("%-m").to_string(),
                Token::Month(2) => at.format("%m").to_string(),
                Token::Month(3) => at.format("%b").to_string(),
                Token::Month(_) => at.format("%B").to_string(),
                Token::Day(1) => at.format("%-d").to_string(),
                Token::Day(2) => at.format("%d").to_string(),
                Token::Day(3) => at.format("%a").to_string(),
                Token::Day(_) => at.format("%A").to_string(),
                Token::Hour(count) if half_days => padded(at.hour12().1, *count),
                Token::Hour(count) => padded(at.hour(), *count),
                Token::Minute(count) => padded(at.minute(), *count),
                Token::Second(count) => padded(at.second(), *count),
                Token::HalfDay => if at.hour() < 12 { "上午" } else { "下午" }.to_owned(),
            };
            shown.push_str(&part);
        }
        shown
    }

    /// Returns the text displayed for a number, as far as the value determines it. Formats that round the value are
    /// ignored.
    pub fn show_number(&self, value: f64) -> String {
        // From this number on, spreadsheets do not store every digit.
        const EXACT: f64 = 1e15;
        if value.fract() == 0.0 && value.abs() < EXACT {
            let width = self
                .zeros
                .map_or(0, |(before, behind)| if behind == 0 { before } else { 0 });
            return format!("{value:0>width$.0}");
        }
        if let Some((_, behind)) = self.zeros {
            let shown = format!("{value:.behind$}");
            // Formats that round are ignored because they hide digits.
            if shown.parse() == Ok(value) {
                return shown;
            }
        }
        value.to_string()
    }
}

fn padded(number: u32, count: usize) -> String {
    let width = count.min(2);
    format!("{number:0width$}")
}

/// Tokenizes a format up to its first `;`.
fn tokens(code: &str) -> Vec<Token> {
    let mut found = Vec::new();
    let mut chars = code.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            ';' => break,
            '"' => found.extend(chars.by_ref().take_while(|c| *c != '"').map(Token::Literal)),
            '\\' => found.extend(chars.next().map(Token::Literal)),
            // A space as wide as the next character, or a repetition of that character.
            '_' | '*' => _ = chars.next(),
            // A colour, a locale, a condition, or elapsed hours beyond a day.
            '[' => _ = chars.by_ref().find(|c| *c == ']'),
            'a' | 'A' => {
                let half_day = ["AM/PM", "A/P"].into_iter().find(|half_day| {
                    let begun = std::iter::once(c).chain(chars.clone());
                    begun
                        .take(half_day.len())
                        .collect::<String>()
                        .eq_ignore_ascii_case(half_day)
                });
                if let Some(half_day) = half_day {
                    _ = chars.by_ref().nth(half_day.len() - 2);
                    found.push(Token::HalfDay);
                }
            }
            'y' | 'Y' | 'e' | 'E' | 'm' | 'M' | 'd' | 'D' | 'h' | 'H' | 's' | 'S' => {
                let mut count = 1;
                while chars.next_if(|next| next.eq_ignore_ascii_case(&c)).is_some() {
                    count += 1;
                }
                found.push(match c.to_ascii_lowercase() {
                    'y' => Token::Year(count),
                    'e' => Token::Year(4),
                    'm' => Token::Month(count),
                    'd' => Token::Day(count),
                    'h' => Token::Hour(count),
                    _ => Token::Second(count),
                });
            }
            'g' | 'G' | '@' => {}
            other => found.push(Token::Literal(other)),
        }
    }
    with_minutes(found)
}

/// Interprets an `m` after hours or before seconds as minutes.
fn with_minutes(mut tokens: Vec<Token>) -> Vec<Token> {
    let letters: Vec<usize> = (0..tokens.len())
        .filter(|at| !matches!(tokens.get(*at), Some(Token::Literal(_)) | None))
        .collect();
    for (place, at) in letters.iter().enumerate() {
        let Some(Token::Month(count @ (1 | 2))) = tokens.get(*at).copied() else {
            continue;
        };
        let letter = |place: Option<usize>| place.and_then(|place| tokens.get(*letters.get(place)?));
        let is_minute = matches!(letter(place.checked_sub(1)), Some(Token::Hour(_)))
            || matches!(letter(place.checked_add(1)), Some(Token::Second(_)));
        if is_minute && let Some(token) = tokens.get_mut(*at) {
            *token = Token::Minute(count);
        }
    }
    tokens
}

/// Returns the numbers of zeros of a format that consists of zeros: `0`, `0.00`, `000000`, optionally followed by a
/// space (`0.00_ `).
fn zeros(code: &str) -> Option<(usize, usize)> {
    let code = code.split(';').next().unwrap_or_default();
    let code = code.split('_').next().unwrap_or_default().trim_end();
    let (before, behind) = code.split_once('.').unwrap_or((code, ""));
    let is_zeros = |text: &str| text.len() <= 20 && text.bytes().all(|byte| byte == b'0');
    (!before.is_empty() && is_zeros(before) && is_zeros(behind)).then_some((before.len(), behind.len()))
}

#[cfg(test)]
mod tests {
    use chrono::NaiveDate;

    use super::*;

    #[test]
    fn a_date_is_as_precise_as_its_format_shows_it() {
        let at = NaiveDate::from_ymd_opt(2022, 3, 1)
            .unwrap()
            .and_hms_opt(15, 4, 5)
            .unwrap();
        let (day, month) = (Some(Precision::Day), Some(Precision::Month));
        for (id, code, precision, shown) in [
            (14, "mm-dd-yy", day, "2022/3/1"),
            (15, "d-mmm-yy", day, "1-Mar-22"),
            (16, "d-mmm", None, "1-Mar"),
            (17, "mmm-yy", month, "Mar-22"),
            (18, "h:mm AM/PM", None, "3:04 下午"),
            (20, "h:mm", None, "15:04"),
            (22, "m/d/yy h:mm", day, "2022/3/1 15:04"),
            (27, "General", month, "2022年3月"),
            (28, "General", None, "3月1日"),
            (31, "General", day, "2022年3月1日"),
            (45, "mm:ss", None, "04:05"),
            (57, "General", month, "2022年3月"),
            (58, "General", None, "3月1日"),
            (164, "yyyy\"年\"m\"月\"", month, "2022年3月"),
            (165, "yyyy\\-m", month, "2022-3"),
            (166, "[$-804]yyyy/mm/dd;@", day, "2022/03/01"),
            (
                167,
                "[DBNum1][$-804]yyyy\"年\"m\"月\"d\"日\";@",
                day,
                "2022年3月1日",
            ),
            (
                168,
                "[$-F800]dddd\\,\\ mmmm\\ dd\\,\\ yyyy",
                day,
                "Tuesday, March 01, 2022",
            ),
            (169, "dddd yyyy-mm", month, "Tuesday 2022-03"),
            (170, "yyyy-mm-dd hh:mm:ss", day, "2022-03-01 15:04:05"),
            (171, "e\"年\"m\"月\"", month, "2022年3月"),
            (172, "yyyy", None, "2022"),
            (173, "mmss.0", None, "0405.0"),
            (174, "yyyy/m/d aaaa", day, "2022/3/1 "),
            (175, "yy h:m", None, "22 15:4"),
        ] {
            let format = NumberFormat::of(Some(id), code);
            assert_eq!(format.precision(), precision, "{id} {code}");
            assert_eq!(format.show_moment(at), shown, "{id} {code}");
            assert!(format.is_of_time(), "{id} {code}");
        }
        assert!(!NumberFormat::of(Some(0), "General").is_of_time());
    }

    #[test]
    fn a_number_is_shown_as_it_is_seen() {
        for (code, value, shown) in [
            ("General", 2022.1, "2022.1"),
            ("0.00", 2022.1, "2022.10"),
            ("0.00_ ;[Red]\\-0.00\\ ", 2022.1, "2022.10"),
            ("0", 2022.1, "2022.1"),
            ("0.00", 7.0, "7"),
            ("000000000000", 1234.0, "000000001234"),
            ("General", 340_304_001_001.0, "340304001001"),
            ("0.00E+00", 340_304_001_001.0, "340304001001"),
            ("General", -3.0, "-3"),
            ("General", 0.5, "0.5"),
        ] {
            let format = NumberFormat::of(None, code);
            assert_eq!(format.show_number(value), shown, "{code}");
        }
        let imprecise = NumberFormat::default().show_number(1.5e17);
        assert_eq!(imprecise, "150000000000000000");
    }
}
