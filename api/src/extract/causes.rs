//! Parser errors in Chinese, so that the parser's English text never appears in a Chinese sentence.

/// Returns the cause as a sentence. An unknown cause is described without the parser's words.
pub(super) fn in_chinese(cause: &str) -> String {
    let cause = cause.rsplit_once(" at line ").map_or(cause, |(cause, _)| cause);
    known(cause).unwrap_or_else(|| "值的类型或内容不符。".to_owned())
}

/// Returns the sentence for a missing required field.
pub(super) fn missing_in_chinese(name: &str) -> String {
    format!("缺少必填项“{name}”。")
}

fn known(cause: &str) -> Option<String> {
    if let Some((word, rest)) =
        behind(cause, "unknown value `").and_then(|rest| rest.split_once("`, expected one of: "))
    {
        return Some(format!(
            "“{word}”不是可用的值；可用：{}。",
            rest.replace(", ", "、")
        ));
    }
    if let Some(rest) = behind(cause, "unknown variant `") {
        let (word, rest) = rest.split_once('`')?;
        return Some(format!("“{word}”不是可用的值；可用：{}。", quoted(rest)));
    }
    if let Some(rest) = behind(cause, "unknown field `") {
        let (name, rest) = rest.split_once('`')?;
        return Some(match quoted(rest) {
            names if names.is_empty() => format!("没有“{name}”这一项；此处不需要任何内容。"),
            names => format!("没有“{name}”这一项，请检查拼写；可用：{names}。"),
        });
    }
    if let Some((name, _)) = behind(cause, "missing field `").and_then(|rest| rest.split_once('`')) {
        return Some(missing_in_chinese(name));
    }
    if let Some((name, _)) = behind(cause, "duplicate field `").and_then(|rest| rest.split_once('`')) {
        return Some(format!("“{name}”出现了不止一次。"));
    }
    if let Some((text, _)) = behind(cause, "`").and_then(|rest| rest.split_once("` is not a date")) {
        return Some(format!(
            "“{text}”不是日期；请写成 2022-03-01 这样的形式（不早于 1900-01-01）。"
        ));
    }
    if let Some((word, _)) = behind(cause, "`").and_then(|rest| rest.split_once("` is given twice")) {
        return Some(format!("“{word}”出现了不止一次。"));
    }
    if let Some((found, expected)) = behind(cause, "invalid type: ")
        .or_else(|| behind(cause, "invalid value: "))
        .and_then(|rest| rest.rsplit_once(", expected "))
    {
        return Some(format!(
            "{}不符；应为{}。",
            found_in_chinese(found),
            expected_in_chinese(expected)?
        ));
    }
    let fixed = [
        (
            "UUID parsing failed",
            "应为系统编号（UUID），如 0190a000-0000-7000-8000-000000000001。",
        ),
        (
            "expected an RFC 3339 instant",
            "应为 2022-06-24T08:00:00Z 这样的时间。",
        ),
        ("invalid digit found in string", "应为整数。"),
        ("cannot parse integer from empty string", "应为整数。"),
        ("number too large", "数字过大。"),
        ("number too small", "数字过小。"),
        (
            "provided string was not `true` or `false`",
            "应为 true 或 false。",
        ),
    ];
    let said = fixed.iter().find(|(begin, _)| cause.starts_with(begin))?;
    Some(said.1.to_owned())
}

fn behind<'a>(cause: &'a str, begin: &str) -> Option<&'a str> {
    cause.strip_prefix(begin)
}

/// Returns the text between backticks.
fn quoted(text: &str) -> String {
    text.split('`').skip(1).step_by(2).collect::<Vec<_>>().join("、")
}

/// `string "x"`, `integer `5``, `null`.
fn found_in_chinese(found: &str) -> String {
    let value = match found.split_once(' ') {
        Some(("string", text)) => text.trim_matches('"'),
        Some(("integer" | "boolean", value)) => value.trim_matches('`'),
        Some(("floating", value)) => value.trim_start_matches("point ").trim_matches('`'),
        _ => {
            return match found {
                "null" => "空值（null）".to_owned(),
                "map" => "对象".to_owned(),
                "sequence" => "数组".to_owned(),
                _ => "所填内容".to_owned(),
            };
        }
    };
    format!("“{value}”")
}

fn expected_in_chinese(expected: &str) -> Option<&'static str> {
    Some(match expected {
        "a string" | "a borrowed string" | "str" | "string" => "文字（加引号）",
        "a boolean" => "true 或 false",
        "a sequence" => "数组",
        "a map" => "对象",
        "a UUID string" | "a formatted UUID string" => "系统编号（UUID）",
        "i8" | "i16" | "i32" | "i64" | "u8" | "u16" | "u32" | "u64" | "usize" | "a nonzero u32" => "整数",
        "f32" | "f64" => "数字",
        _ if expected.starts_with("struct ") => "对象",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_english_of_a_parser_is_left() {
        for (cause, told) in [
            (
                "unknown value `coverage`, expected one of: a, b at line 1 column 3",
                "“coverage”不是可用的值；可用：a、b。",
            ),
            (
                "unknown variant `x`, expected `a` or `b`",
                "“x”不是可用的值；可用：a、b。",
            ),
            (
                "unknown field `x`, expected one of `a`, `b`",
                "没有“x”这一项，请检查拼写；可用：a、b。",
            ),
            (
                "unknown field `x`, there are no fields",
                "没有“x”这一项；此处不需要任何内容。",
            ),
            ("missing field `area`", "缺少必填项“area”。"),
            (
                "`2022年3月1日` is not a date: expected YYYY-MM-DD, from 1900-01-01 on",
                "“2022年3月1日”不是日期；请写成 2022-03-01 这样的形式（不早于 1900-01-01）。",
            ),
            (
                "invalid type: string \"三\", expected i32",
                "“三”不符；应为整数。",
            ),
            (
                "invalid type: null, expected a string",
                "空值（null）不符；应为文字（加引号）。",
            ),
            (
                "invalid value: integer `-1`, expected u32",
                "“-1”不符；应为整数。",
            ),
            ("invalid type: map, expected a sequence", "对象不符；应为数组。"),
            (
                "invalid type: map, expected something new",
                "值的类型或内容不符。",
            ),
            (
                "data did not match any variant of untagged enum X",
                "值的类型或内容不符。",
            ),
            ("invalid digit found in string", "应为整数。"),
        ] {
            assert_eq!(in_chinese(cause), told);
        }
    }
}
