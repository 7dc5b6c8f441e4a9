//! Violations of a table row, beyond those of any organization.

use qiaojian_domain::Violation;
use qiaojian_sheets::register::Field;
use qiaojian_sheets::shortened;

use crate::areas::AreaVersion;

/// The code belongs to no visible area; `today` lists the areas that formerly had it, with their current codes.
pub(super) fn unknown_code(code: &str, today: &[AreaVersion]) -> Violation {
    let code = shortened(code);
    if today.is_empty() {
        return Violation::new(
            "/area",
            "unknown_area",
            format!("没有代码为“{code}”的地区，或不在您的范围内。"),
            format!("There is no area with the code “{code}”, or it is outside your area."),
        );
    }
    let named = |between: &str| {
        let one = |area: &AreaVersion| format!("{} {}", area.code, area.name);
        today.iter().map(one).collect::<Vec<_>>().join(between)
    };
    Violation::new(
        "/area",
        "unknown_area",
        format!("代码“{code}”已不再使用，现为 {}；请改用现在的代码。", named("、")),
        format!(
            "The code “{code}” is no longer in use; it is now {}. Use the current code.",
            named(", ")
        ),
    )
}

/// Returns a violation if the name given with a code belongs to another area: neither name contains the other.
pub(super) fn other_name(shown: &str, area: &AreaVersion) -> Option<Violation> {
    let (one, other) = (bare(shown), bare(&area.name));
    if one.is_empty() || one.contains(&other) || other.contains(&one) {
        return None;
    }
    let (shown, code, name) = (shortened(shown), &area.code, &area.name);
    Some(Violation::new(
        "/area_name",
        "other_area",
        format!("地区代码 {code} 是“{name}”，与所填的“{shown}”不符；请核对代码和名称。"),
        format!("The code {code} is “{name}”, not “{shown}”. Correct the code or the name."),
    ))
}

/// Returns the name without spaces and without the type of office: 居民委员会 and 居委会 are equal.
fn bare(name: &str) -> String {
    let name: String = name.chars().filter(|c| !c.is_whitespace()).collect();
    let offices = ["居民委员会", "村民委员会", "居委会", "村委会", "办事处"];
    let found = offices.iter().find_map(|office| name.strip_suffix(office));
    found.unwrap_or(&name).to_owned()
}

pub(super) fn id_twice(other: u32) -> Violation {
    Violation::new(
        "/id",
        "id_taken",
        format!("与第 {other} 行的编号相同。"),
        format!("Row {other} has the same id."),
    )
}

pub(super) fn twice(other: u32) -> Violation {
    Violation::new(
        "/kind",
        "organization_twice",
        format!("与第 {other} 行的地区和类别相同；一个地区同类组织只能有一个。"),
        format!(
            "Row {other} has the same area and kind. An area can have only one organization of each kind."
        ),
    )
}

pub(super) fn parent_refused() -> Violation {
    Violation::new(
        "/parent",
        "unknown_parent",
        "上级组织在本表中，但其所在行不能登记，或上下级互相循环。",
        "The parent is in this file, but its row cannot be recorded, or the rows are parents of each other in a cycle.",
    )
}

pub(super) fn differs(field: Field, known: &str) -> Violation {
    let known = if known.is_empty() {
        "—".to_owned()
    } else {
        shortened(known)
    };
    Violation::new(
        format!("/{}", field.as_str().replace('.', "/")),
        "differs",
        format!("与已登记的内容（{known}）不同；请改用更正（PATCH）或变更操作。"),
        format!("The recorded value is different ({known}). Correct it with PATCH, or change it by a step."),
    )
}
