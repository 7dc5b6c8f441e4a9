//! Administrative divisions and parks.

mod turns;
pub mod update;

pub use turns::{Standing, Wanted, code_of_another_parent, fits_parent, not_there_yet};

column_enum! {
    /// The level of an area in the tree, from the province down. A park is outside this hierarchy and belongs to a
    /// county or a city.
    pub enum Level {
        /// 省
        Province => "province" / "省",
        /// 市
        City => "city" / "市",
        /// 县（市、区）
        County => "county" / "县（市、区）",
        /// 乡镇（街道）
        Township => "township" / "乡镇（街道）",
        /// 村（社区、居）
        Village => "village" / "村（社区）",
        /// 园区
        Park => "park" / "园区",
    }
}

column_enum! {
    /// What an area row represents. Statistical and placeholder areas are hidden by default and are never eligible.
    pub enum AreaKind {
        /// A real administrative division.
        Administrative => "administrative",
        /// A unit that only the statistics bureau uses (development zones, farms).
        Statistical => "statistical",
        /// A row that only groups counties (市辖区, 省直辖县级行政区划).
        Placeholder => "placeholder",
    }
}

column_enum! {
    /// How one area emerged from another.
    pub enum SuccessionKind {
        /// The other area was merged into it.
        Merge => "merge",
        /// It was split off from the other area.
        Split => "split",
    }
}

impl Level {
    /// Returns whether an area of this level may be a direct child of an area of level `parent`.
    pub const fn may_stand_under(self, parent: Self) -> bool {
        match self {
            Self::Province => false,
            Self::City => matches!(parent, Self::Province),
            Self::County => matches!(parent, Self::City),
            // 东莞, 中山 and 儋州 have townships directly under the city.
            Self::Township => matches!(parent, Self::County | Self::City),
            Self::Village => matches!(parent, Self::Township),
            Self::Park => matches!(parent, Self::County | Self::City),
        }
    }

    /// Returns whether an area of this level may have children.
    pub const fn has_below(self) -> bool {
        !matches!(self, Self::Village | Self::Park)
    }

    /// Returns the next level down, or `None` for a village or a park.
    const fn below(self) -> Option<Self> {
        match self {
            Self::Province => Some(Self::City),
            Self::City => Some(Self::County),
            Self::County => Some(Self::Township),
            Self::Township => Some(Self::Village),
            Self::Village | Self::Park => None,
        }
    }

    /// Returns the level of a code of this form: six digits down to the county, nine for a township, twelve for a
    /// village, `<code>-P01` for a park of a city or county, and `<code>-L01` for a unit one level down that is not yet
    /// in the national list. Returns `None` if the code has no such form.
    pub fn of_code(code: &str) -> Option<Self> {
        if let Some((above, local)) = code.rsplit_once('-') {
            let level = Self::of_code(above)?;
            let (letter, number) = local.split_at_checked(1)?;
            if number.len() != 2 || !number.bytes().all(|byte| byte.is_ascii_digit()) {
                return None;
            }
            return match letter {
                "P" if matches!(level, Self::City | Self::County) => Some(Self::Park),
                "L" => level.below(),
                _ => None,
            };
        }
        if !code.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        match code.len() {
            6 if code.ends_with("0000") => Some(Self::Province),
            6 if code.ends_with("00") => Some(Self::City),
            6 => Some(Self::County),
            9 => Some(Self::Township),
            12 => Some(Self::Village),
            _ => None,
        }
    }
}

/// Returns the path of an area: its parent's path followed by its own code. All paths of a subtree share one prefix.
pub fn path_under(parent_path: &str, code: &str) -> String {
    format!("{parent_path}{code}/")
}

/// Returns the violation for an area at `pointer` that does not exist or is outside the caller's area. The two cases
/// are not distinguished.
pub fn unknown_area(pointer: impl Into<std::borrow::Cow<'static, str>>) -> super::Violation {
    super::Violation::new(
        pointer,
        "unknown_area",
        "没有这个地区，或不在您的范围内。",
        "There is no such area, or it is outside your area.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_tells_its_level() {
        for (code, level) in [
            ("340000", Some(Level::Province)),
            ("340300", Some(Level::City)),
            ("340304", Some(Level::County)),
            ("340304001", Some(Level::Township)),
            ("340304001001", Some(Level::Village)),
            ("340304-P01", Some(Level::Park)),
            ("340300-P02", Some(Level::Park)),
            ("340304001-P01", None),
            ("340304-L01", Some(Level::Township)),
            ("340304-L01-L02", Some(Level::Village)),
            ("340300-L01-P01", Some(Level::Park)),
            ("340304001001-L01", None),
            ("340304-P01-L01", None),
            ("340304-X01", None),
            ("340304-", None),
            ("340304-区01", None),
            ("340304-P1", None),
            ("34030", None),
            ("34030X", None),
            ("", None),
        ] {
            assert_eq!(Level::of_code(code), level, "{code}");
        }
    }

    #[test]
    fn a_level_stands_only_under_its_own() {
        assert!(Level::County.may_stand_under(Level::City));
        assert!(Level::Township.may_stand_under(Level::City));
        assert!(!Level::Village.may_stand_under(Level::County));
        assert!(!Level::County.may_stand_under(Level::Township));
        assert!(!Level::Province.may_stand_under(Level::Province));
    }
}
