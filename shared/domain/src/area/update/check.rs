//! Validation of a list of areas.

use std::collections::{HashMap, HashSet};

use super::{Listed, Registered};
use crate::Violation;
use crate::area::{Level, code_of_another_parent, fits_parent};
use crate::violation::NAME_CHARS;

/// Returns all violations in the rows of a list, each with the index of its row. A parent may be in the list or
/// `registered`.
pub fn problems(rows: &[Listed], registered: &HashMap<&str, Level>) -> Vec<(usize, Violation)> {
    let mut levels: HashMap<&str, Level> = rows.iter().map(|row| (row.code.as_str(), row.level)).collect();
    levels.extend(registered);
    let mut seen = HashSet::new();
    let rows = rows.iter().enumerate();
    rows.filter_map(|(place, row)| {
        let problem = if seen.insert(row.code.as_str()) {
            problem(row, &levels)
        } else {
            Some(Violation::new(
                "/code",
                "code_twice",
                "代码重复。",
                "Duplicate code.",
            ))
        };
        problem.map(|problem| (place, problem))
    })
    .collect()
}

fn problem(row: &Listed, levels: &HashMap<&str, Level>) -> Option<Violation> {
    let level = row.level;
    if Level::of_code(&row.code) != Some(level) {
        return Some(Violation::new(
            "/code",
            "code_not_of_level",
            format!("代码与级别（{}）不符。", level.chinese()),
            format!("The code does not fit the level {level}."),
        ));
    }
    if row.name.trim().is_empty() || row.name.chars().count() > NAME_CHARS {
        return Some(Violation::new(
            "/name",
            "name_length",
            format!("名称应为 1 至 {NAME_CHARS} 个字。"),
            format!("The name must have 1 to {NAME_CHARS} characters."),
        ));
    }
    let about_parent = |code, zh: String, en: String| Some(Violation::new("/parent", code, zh, en));
    match (&row.parent, level) {
        (None, Level::Province) => None,
        (None, _) => about_parent(
            "parent_missing",
            "缺少上级代码。".to_owned(),
            "The parent is missing.".to_owned(),
        ),
        (Some(parent), level) => match levels.get(parent.as_str()) {
            None => about_parent(
                "unknown_parent",
                format!("没有上级 {parent}。"),
                format!("The parent {parent} does not exist."),
            ),
            Some(above) if !level.may_stand_under(*above) => about_parent(
                "parent_not_above",
                format!("{}不能设在{}之下。", level.chinese(), above.chinese()),
                format!("A {level} cannot be below a {above}."),
            ),
            Some(_) if !fits_parent(&row.code, parent) => Some(code_of_another_parent("/code", parent)),
            Some(_) => None,
        },
    }
}

/// Returns a violation for a list that ends at the counties or townships. Such a list is rejected because it would
/// close all registered areas below.
pub fn cut_short(rows: &[Listed], registered: &[Registered]) -> Option<Violation> {
    let deepest = rows.iter().map(|row| row.level).max()?;
    let missing = match deepest {
        Level::County => Level::Township,
        Level::Township => Level::Village,
        _ => return None,
    };
    let below = registered
        .iter()
        .filter(|area| area.level == missing && !area.code.contains('-'))
        .count();
    (below > 0).then(|| {
        Violation::new(
            "",
            "list_cut_short",
            format!(
                "表中只到{}一级，而在册{}有 {below} 个；请提供到村（社区）一级的完整名录，缺少的行会被视为撤销。",
                deepest.chinese(),
                missing.chinese()
            ),
            format!(
                "The list ends at {deepest} level, but {below} areas of level {missing} are registered. Provide the complete list down to \
                 the villages; missing areas would be closed."
            ),
        )
    })
}
