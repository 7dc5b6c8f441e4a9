//! Rules for renaming, moving, closing, merging and splitting areas.

use chrono::NaiveDate;

use super::{AreaKind, Level};
use crate::Violation;
use crate::violation::{NAME_CHARS, check_line};

/// An area as of the day of a change.
#[derive(Debug, Clone, Copy)]
pub struct Standing<'a> {
    pub level: Level,
    /// The codes from the province down to the area, each followed by `/`.
    pub path: &'a str,
}

impl Standing<'_> {
    fn province(&self) -> &str {
        self.path.split('/').next().unwrap_or_default()
    }

    /// Returns the violations of merging this area into `other`: both must have the same level and be in the same
    /// province, and they must be different areas.
    pub fn may_merge_into(&self, other: &Standing<'_>) -> Vec<Violation> {
        let mut found = Vec::new();
        if self.path == other.path {
            found.push(Violation::new(
                "/into",
                "merges_into_itself",
                "不能并入自身。",
                "An area cannot merge into itself.",
            ));
        } else if self.province() != other.province() {
            found.push(Violation::new(
                "/into",
                "across_provinces",
                "不能跨省合并。",
                "Areas of two provinces cannot merge.",
            ));
        } else if self.level != other.level {
            found.push(Violation::new(
                "/into",
                "level_differs",
                format!("{}不能并入{}。", self.level.chinese(), other.level.chinese()),
                format!("A {} cannot merge into a {}.", self.level, other.level),
            ));
        }
        found
    }

    /// Returns the violations of moving this area under `parent`.
    pub fn may_move_under(&self, parent: &Standing<'_>) -> Vec<Violation> {
        if parent.path.starts_with(self.path) {
            return vec![Violation::new(
                "/parent",
                "cycle",
                "上级不能是该地区自身或其下级。",
                "The area above must not be the area itself or one below it.",
            )];
        }
        if self.province() != parent.province() {
            return vec![Violation::new(
                "/parent",
                "across_provinces",
                "不能跨省改隶。",
                "An area cannot move to another province.",
            )];
        }
        parent.may_take(self.level)
    }

    /// Returns the violations of placing an area of `level` under this one.
    pub fn may_take(&self, level: Level) -> Vec<Violation> {
        if level.may_stand_under(self.level) {
            return Vec::new();
        }
        let above = self.level;
        vec![Violation::new(
            "/parent",
            "wrong_level",
            format!("{}不能隶属于{}。", level.chinese(), above.chinese()),
            format!("A {level} cannot be below a {above}."),
        )]
    }
}

/// The requested name and code of an area; `None` leaves a value unchanged.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wanted<'a> {
    pub name: Option<&'a str>,
    pub code: Option<&'a str>,
}

impl Wanted<'_> {
    /// Returns all violations of the request for an area of `level`.
    pub fn violations(&self, level: Level) -> Vec<Violation> {
        let mut found = Vec::new();
        if let Some(name) = self.name {
            check_line(&mut found, "/name", name, NAME_CHARS);
        }
        if self.code.is_some_and(|code| Level::of_code(code) != Some(level)) {
            found.push(Violation::new(
                "/code",
                "code_level",
                format!("代码的格式与{}不符。", level.chinese()),
                format!("The code does not have the format of a {level}."),
            ));
        }
        found
    }
}

impl AreaKind {
    /// Checks that an area of `level` may have this kind. Provinces and parks are always administrative.
    ///
    /// # Errors
    /// Returns a violation if it may not.
    pub fn may_be_of(self, level: Level) -> Result<(), Violation> {
        if self == Self::Administrative || !matches!(level, Level::Province | Level::Park) {
            return Ok(());
        }
        Err(Violation::new(
            "/kind",
            "kind_not_possible",
            format!("{}只能是行政区划（administrative）。", level.chinese()),
            format!("A {level} can only be of kind administrative."),
        ))
    }
}

/// Returns whether a newly assigned code fits an area directly under `parent`. Each level appends digits to the code of
/// the level above; the code of a park or of a unit without an official code is the parent's code with a suffix.
pub fn fits_parent(code: &str, parent: &str) -> bool {
    if let Some((above, _)) = code.rsplit_once('-') {
        return above == parent;
    }
    let digits = match Level::of_code(code) {
        Some(Level::City) => 2,
        Some(Level::County) => 4,
        Some(Level::Township) => 6,
        Some(Level::Village) => 9,
        Some(Level::Province | Level::Park) | None => return true,
    };
    // If the parent has no official code, there is nothing to compare with.
    parent.contains('-') || code.get(..digits) == parent.get(..digits)
}

/// Returns the violation for a code at `pointer` that does not fit an area under `parent`.
pub fn code_of_another_parent(pointer: &'static str, parent: &str) -> Violation {
    Violation::new(
        pointer,
        "code_of_another_parent",
        format!("代码与上级 {parent} 不符，请核对代码或上级代码。"),
        format!("The code does not match the area above, {parent}. Check both codes."),
    )
}

/// Returns the violation for a date at `pointer` that is before `since`, the first day on which the area is on record.
pub fn not_there_yet(pointer: &'static str, since: NaiveDate) -> Violation {
    Violation::new(
        pointer,
        "not_there_yet",
        format!("该地区自 {since} 起登记在册，日期不能早于此日。"),
        format!("The area has been on record since {since}; the date must not be earlier."),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn standing(path: &str) -> Standing<'_> {
        let code = path.trim_end_matches('/').rsplit('/').next().unwrap();
        Standing {
            level: Level::of_code(code).unwrap(),
            path,
        }
    }

    fn codes(violations: &[Violation]) -> Vec<&str> {
        violations.iter().map(|violation| violation.code).collect()
    }

    #[test]
    fn a_new_code_begins_as_that_of_the_area_above() {
        for (code, parent, fits) in [
            ("340304", "340300", true),
            ("340304", "340400", false),
            ("340304001", "340304", true),
            ("441900003", "441900", true),
            ("340304001", "340305", false),
            ("340304001001", "340304001", true),
            ("340304001001", "340304002", false),
            ("340304001001", "340304-L01", true),
            ("340304-P01", "340304", true),
            ("340304-P01", "340305", false),
        ] {
            assert_eq!(fits_parent(code, parent), fits, "{code} {parent}");
        }
    }

    #[test]
    fn who_may_merge_into_whom() {
        let street = "340000/340300/340304/340304001/";
        for (into, refused) in [
            ("340000/340300/340304/340304002/", None),
            ("340000/340300/340322/340322100/", None),
            (street, Some("merges_into_itself")),
            ("340000/340300/340304/", Some("level_differs")),
            ("320000/320100/320102/320102001/", Some("across_provinces")),
        ] {
            let found = standing(street).may_merge_into(&standing(into));
            assert_eq!(codes(&found), Vec::from_iter(refused), "{into}");
        }
    }

    #[test]
    fn who_may_stand_under_whom() {
        let county = "340000/340300/340304/";
        for (parent, refused) in [
            ("340000/341800/", None),
            (county, Some("cycle")),
            ("340000/340300/340304/340304001/", Some("cycle")),
            ("340000/", Some("wrong_level")),
            ("340000/340300/340322/", Some("wrong_level")),
            ("320000/320100/", Some("across_provinces")),
        ] {
            let found = standing(county).may_move_under(&standing(parent));
            assert_eq!(codes(&found), Vec::from_iter(refused), "{parent}");
        }
    }

    #[test]
    fn a_name_and_a_code_fit() {
        let wanted = |name, code| Wanted { name, code }.violations(Level::Township);
        assert!(wanted(Some("大庆镇"), Some("340304100")).is_empty());
        assert!(wanted(None, Some("340304-L01")).is_empty());
        assert_eq!(codes(&wanted(Some(" "), Some("340304"))), ["empty", "code_level"]);
    }
}
