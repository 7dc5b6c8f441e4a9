//! Detects rows that look like an area that is registered under another code, without saying so.

use std::collections::HashMap;

use super::identity::Identity;
use super::{Listed, Registered};
use crate::Violation;

/// A row without predecessors whose name is registered under the same parent with another code. Either the codes were
/// reassigned and the former code is missing in the row, or two areas exchanged their names, which a person has to
/// confirm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doubt {
    /// The index of the row.
    pub row: usize,
    pub code: String,
    pub name: String,
    /// The code under which the name is registered.
    pub known_as: String,
    /// The name under which the code is registered, if any.
    pub was_named: Option<String>,
}

impl Doubt {
    /// Returns the violation that rejects the row unless all `count` doubts are confirmed.
    pub fn violation(&self, count: usize) -> Violation {
        let Self {
            code, name, known_as, ..
        } = self;
        Violation::new(
            "/predecessors",
            "known_by_another_code",
            format!(
                "“{name}”在册代码为 {known_as}，表中为 {code}，且未写来源代码。若为同一地区，请在来源代码中写 {known_as}；\
                 如确非同一地区，请确认存疑行数（doubts={count}）。"
            ),
            format!(
                "{name} is registered as {known_as}, but is listed as {code} without predecessors. If it is the same area, give \
                 {known_as} as its predecessor; if it is not, confirm the number of such rows (doubts={count})."
            ),
        )
    }
}

/// Returns all doubts.
pub fn doubts(listed: &[Listed], registered: &[Registered]) -> Vec<Doubt> {
    let who = Identity::new(listed, registered);
    let mut known: HashMap<(&str, &str), Vec<&Registered>> = HashMap::new();
    for area in registered {
        if let Some(parent) = &area.parent {
            known.entry((parent, &area.name)).or_default().push(area);
        }
    }
    let names: HashMap<&str, &str> = registered
        .iter()
        .map(|area| (area.code.as_str(), area.name.as_str()))
        .collect();
    let mut found = Vec::new();
    for (place, row) in listed.iter().enumerate() {
        let is_itself = names.get(row.code.as_str()) == Some(&row.name.as_str());
        if row.origin != super::Origin::default() || is_itself {
            continue;
        }
        // The parent may be registered under another code.
        let parent = row.parent.as_deref().and_then(|code| who.registered_code(code));
        let namesakes = parent.and_then(|parent| known.get(&(parent, row.name.as_str())));
        // An area that keeps its name is a different area.
        let leaves = |area: &&&Registered| match who.row_of(&area.code) {
            Some(row) => listed.get(row).is_some_and(|row| row.name != area.name),
            None => who.merged_into(&area.code).is_none(),
        };
        if let Some(namesake) = namesakes.into_iter().flatten().find(leaves) {
            found.push(Doubt {
                row: place,
                code: row.code.clone(),
                name: row.name.clone(),
                known_as: namesake.code.clone(),
                was_named: names.get(row.code.as_str()).map(|name| (*name).to_owned()),
            });
        }
    }
    found
}
