//! From the tree that is registered to the one a new edition of the national list shows: which steps lead there.

mod check;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use chrono::NaiveDate;

pub use check::problems;

use super::{AreaKind, Level};

/// A row of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    pub code: String,
    pub level: Level,
    /// The code of the area above; none for a province.
    pub parent: Option<String>,
    pub name: String,
    pub kind: AreaKind,
    /// The codes, in the edition before, of the areas this one came out of.
    pub predecessors: Vec<String>,
    /// From when on it is so; the day of the whole update where it is not said.
    pub valid_from: Option<NaiveDate>,
}

impl Listed {
    /// The codes of a cell that holds several, separated by `;` or spaces.
    pub fn codes(text: &str) -> Vec<String> {
        text.split([';', '；', ' '])
            .filter(|code| !code.is_empty())
            .map(str::to_owned)
            .collect()
    }
}

/// An area as it is registered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registered {
    pub code: String,
    pub level: Level,
    pub parent: Option<String>,
    pub name: String,
    pub kind: AreaKind,
}

/// One step of an update. Codes are those the areas have when the step's turn comes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// The list has an area that is not registered.
    Add { code: String, came_out_of: Vec<String> },
    /// The same area under another name, another code, or both.
    Rename {
        code: String,
        name: Option<String>,
        new_code: Option<String>,
    },
    /// The same area, whose row stands for something else.
    Rekind { code: String, kind: AreaKind },
    /// The same area under another one.
    Move { code: String, parent: String },
    /// The list has one area where several were.
    Merge { code: String, into: String },
    /// The list has it no more, and nothing that came out of it.
    Close { code: String },
}

impl Step {
    /// The code of the area the step is about, when its turn comes.
    pub fn code(&self) -> &str {
        match self {
            Self::Add { code, .. }
            | Self::Rename { code, .. }
            | Self::Rekind { code, .. }
            | Self::Move { code, .. }
            | Self::Merge { code, .. }
            | Self::Close { code } => code,
        }
    }
}

/// A step and its day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatedStep {
    pub step: Step,
    /// The day of the whole update where the list says none.
    pub on: Option<NaiveDate>,
}

/// The steps from `registered` to `listed`, in an order in which each can be taken. The list is complete for every province it names; parks
/// and units under a local code are not in it and stay.
pub fn steps(listed: &[Listed], registered: &[Registered]) -> Vec<DatedStep> {
    Update::new(listed, registered).steps()
}

struct Update<'a> {
    listed: &'a [Listed],
    /// Every registered area of the list's provinces, by code.
    known: BTreeMap<&'a str, &'a Registered>,
    /// New codes of areas that stay the same, by the old one.
    recoded: HashMap<&'a str, &'a Listed>,
    /// What goes into a new area that has several predecessors.
    merged: BTreeMap<&'a str, &'a Listed>,
    in_list: HashSet<&'a str>,
    /// The provinces that the list names: of others it says nothing.
    provinces: BTreeSet<&'a str>,
}

impl<'a> Update<'a> {
    fn new(listed: &'a [Listed], registered: &'a [Registered]) -> Self {
        let known: BTreeMap<&str, &Registered> =
            registered.iter().map(|area| (area.code.as_str(), area)).collect();
        let in_list: HashSet<&str> = listed.iter().map(|row| row.code.as_str()).collect();
        let mut claimed: HashMap<&str, usize> = HashMap::new();
        for code in listed.iter().flat_map(|row| &row.predecessors) {
            *claimed.entry(code).or_default() += 1;
        }
        let mut update = Self {
            listed,
            known,
            recoded: HashMap::new(),
            merged: BTreeMap::new(),
            in_list,
            provinces: listed
                .iter()
                .filter(|row| row.level == Level::Province)
                .map(|row| row.code.as_str())
                .collect(),
        };
        for row in listed {
            let gone: Vec<&str> = row
                .predecessors
                .iter()
                .map(String::as_str)
                .filter(|code| !update.in_list.contains(code) && update.is_listed_province_of(code))
                .filter(|code| claimed.get(code) == Some(&1))
                .collect();
            let is_new = !update.known.contains_key(row.code.as_str());
            match gone.as_slice() {
                [same] if is_new && row.predecessors.len() == 1 => {
                    update.recoded.insert(same, row);
                }
                gone => update.merged.extend(gone.iter().map(|code| (*code, row))),
            }
        }
        update
    }

    fn steps(&self) -> Vec<DatedStep> {
        let mut rows: Vec<&Listed> = self.listed.iter().collect();
        rows.sort_by(|one, other| (one.level, &one.code).cmp(&(other.level, &other.code)));
        let old_codes: HashMap<&str, &str> = self
            .recoded
            .iter()
            .map(|(old, row)| (row.code.as_str(), *old))
            .collect();
        let mut steps = Vec::new();
        for row in rows {
            let on = row.valid_from;
            let mut take = |step| steps.push(DatedStep { step, on });
            let before = old_codes.get(row.code.as_str()).copied().unwrap_or(&row.code);
            let Some(area) = self.known.get(before) else {
                let there = |code: &&String| self.known.contains_key(code.as_str());
                let came_out_of = row
                    .predecessors
                    .iter()
                    .filter(there)
                    .filter(|code| !self.merged.contains_key(code.as_str()));
                take(Step::Add {
                    code: row.code.clone(),
                    came_out_of: came_out_of.cloned().collect(),
                });
                continue;
            };
            let (name, code) = (area.name != row.name, area.code != row.code);
            if name || code {
                take(Step::Rename {
                    code: area.code.clone(),
                    name: name.then(|| row.name.clone()),
                    new_code: code.then(|| row.code.clone()),
                });
            }
            if area.kind != row.kind {
                take(Step::Rekind {
                    code: row.code.clone(),
                    kind: row.kind,
                });
            }
            if let Some(parent) = &row.parent
                && area.parent.as_deref().map(|old| self.now(old)) != Some(parent)
            {
                take(Step::Move {
                    code: row.code.clone(),
                    parent: parent.clone(),
                });
            }
        }
        steps.extend(self.mergers());
        steps.extend(self.closures());
        steps
    }

    /// The code an area has after the update.
    fn now<'b>(&'b self, code: &'b str) -> &'b str {
        self.recoded.get(code).map_or(code, |row| row.code.as_str())
    }

    /// From the villages up, so that what stands below goes first.
    fn mergers(&self) -> impl Iterator<Item = DatedStep> {
        let mut merged: Vec<(&&str, &&Listed)> = self.merged.iter().collect();
        merged.sort_by_key(|(code, row)| (std::cmp::Reverse(row.level), **code));
        merged.into_iter().map(|(code, row)| DatedStep {
            step: Step::Merge {
                code: (*code).to_owned(),
                into: row.code.clone(),
            },
            on: row.valid_from,
        })
    }

    fn closures(&self) -> impl Iterator<Item = DatedStep> {
        let mut gone: Vec<&Registered> = self
            .known
            .values()
            .copied()
            .filter(|area| !self.in_list.contains(area.code.as_str()))
            .filter(|area| !self.recoded.contains_key(area.code.as_str()))
            .filter(|area| !self.merged.contains_key(area.code.as_str()))
            .filter(|area| !area.code.contains('-') && self.provinces.contains(self.province_of(area)))
            .collect();
        gone.sort_by_key(|area| (std::cmp::Reverse(area.level), area.code.clone()));
        gone.into_iter().map(|area| DatedStep {
            step: Step::Close {
                code: area.code.clone(),
            },
            on: None,
        })
    }

    /// Whether an area is registered, in a province that the list is complete for.
    fn is_listed_province_of(&self, code: &str) -> bool {
        let area = self.known.get(code);
        area.is_some_and(|area| self.provinces.contains(self.province_of(area)))
    }

    fn province_of<'b>(&'b self, area: &'b Registered) -> &'b str {
        let mut at = area;
        // A tree has six levels.
        for _ in 0..Level::ALL.len() {
            match at.parent.as_deref().and_then(|parent| self.known.get(parent)) {
                Some(above) => at = above,
                None => break,
            }
        }
        &at.code
    }
}
