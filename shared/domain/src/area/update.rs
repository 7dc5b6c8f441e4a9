//! From the tree that is registered to the one a new edition of the national list shows: which steps lead there.

mod check;
mod doubts;
mod identity;
mod recodes;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use chrono::NaiveDate;

pub use check::{cut_short, problems};
pub use doubts::{Doubt, doubts};
pub use identity::unusable_predecessors;

use super::{AreaKind, Level};
use identity::Identity;

/// A row of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    pub code: String,
    pub level: Level,
    /// The code of the area above; none for a province.
    pub parent: Option<String>,
    pub name: String,
    pub kind: AreaKind,
    /// What it came out of.
    pub origin: Origin,
    /// From when on it is so; the day of the whole update where it is not said.
    pub valid_from: Option<NaiveDate>,
}

/// What a row of the list came out of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origin {
    /// The codes, in the edition before, of the areas it came out of. They decide which area it is; its own code does where there are none.
    pub predecessors: Vec<String>,
    /// Whether it is said to be a new area, though its code was another one's.
    pub is_new: bool,
}

impl Origin {
    /// What a cell says: codes, however they are separated, or that the area is new.
    pub fn of(text: &str) -> Self {
        let words: Vec<String> = text
            .split(|sign: char| sign.is_whitespace() || ";；,，、".contains(sign))
            .filter(|word| !word.is_empty())
            .map(str::to_owned)
            .collect();
        match words.as_slice() {
            [word] if matches!(word.as_str(), "新设" | "NEW" | "new") => Self {
                predecessors: Vec::new(),
                is_new: true,
            },
            _ => Self {
                predecessors: words,
                is_new: false,
            },
        }
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
    /// An area that is going to end leaves its code to another one: see [`vacated`].
    Vacate { code: String },
    /// The list has an area that is not registered.
    Add { code: String, came_out_of: Vec<String> },
    /// The same area under another name, another code, or both.
    Rename {
        code: String,
        name: Option<String>,
        new_code: Option<String>,
    },
    /// Several areas whose codes go from one to the next, at once.
    Recode { changes: Vec<Recoded> },
    /// The same area, whose row stands for something else.
    Rekind { code: String, kind: AreaKind },
    /// The same area under another one.
    Move { code: String, parent: String },
    /// The list has one area where several were.
    Merge { code: String, into: String },
    /// The list has it no more, and nothing that came out of it.
    Close { code: String },
}

/// One of several areas that get new codes at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recoded {
    pub code: String,
    /// The name it is registered under.
    pub named: String,
    pub name: Option<String>,
    pub new_code: String,
}

impl Step {
    /// The code of the area the step is about, as it is registered when its turn comes; the first of several.
    pub fn code(&self) -> &str {
        match self {
            Self::Vacate { code }
            | Self::Add { code, .. }
            | Self::Rename { code, .. }
            | Self::Rekind { code, .. }
            | Self::Move { code, .. }
            | Self::Merge { code, .. }
            | Self::Close { code } => code,
            Self::Recode { changes } => changes.first().map_or("", |first| &first.code),
        }
    }
}

/// The code of an area that is going to end and whose code another one gets, between these two steps. No area is ever called so on a day.
pub fn vacated(code: &str) -> String {
    format!("{code}~")
}

/// The code that an area had before it left it to another one.
pub fn before_vacated(code: &str) -> &str {
    code.trim_end_matches('~')
}

/// A step, its day, and what it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatedStep {
    pub step: Step,
    /// The day of the whole update where the list says none.
    pub on: Option<NaiveDate>,
    /// The place of the row that asks for it.
    pub row: Option<usize>,
    /// The name the area is registered under.
    pub named: Option<String>,
}

/// The steps from `registered` to `listed`, in an order in which each can be taken. The list is complete for every province it names; parks
/// and units under a local code are not in it and stay.
pub fn steps(listed: &[Listed], registered: &[Registered]) -> Vec<DatedStep> {
    Update {
        listed,
        who: Identity::new(listed, registered),
    }
    .steps()
}

struct Update<'a> {
    listed: &'a [Listed],
    who: Identity<'a>,
}

impl Update<'_> {
    fn steps(&self) -> Vec<DatedStep> {
        let mut by_level: BTreeMap<Level, Vec<usize>> = BTreeMap::new();
        for (place, row) in self.listed.iter().enumerate() {
            by_level.entry(row.level).or_default().push(place);
        }
        let mut steps: Vec<DatedStep> = self.vacations().collect();
        for places in by_level.values_mut() {
            places.sort_by_key(|place| self.listed.get(*place).map(|row| &row.code));
            let rows = || {
                let row = |place: &usize| Some((*place, self.listed.get(*place)?));
                places.iter().filter_map(row)
            };
            // Whoever goes elsewhere has its new code there.
            for (place, row) in rows() {
                self.go(&mut steps, place, row);
            }
            steps.extend(recodes::recodes(
                rows().filter_map(|(place, row)| Some((place, row, self.who.of_row(place)?))),
            ));
            for (place, row) in rows() {
                self.place(&mut steps, place, row);
            }
        }
        steps.extend(self.mergers());
        steps.extend(self.closures());
        steps
    }

    /// Puts an area under the one it stands under, by the code it has.
    fn go(&self, steps: &mut Vec<DatedStep>, place: usize, row: &Listed) {
        if let Some(area) = self.who.of_row(place)
            && let Some(parent) = &row.parent
            && !self.who.is_now(area.parent.as_deref(), parent)
        {
            let step = Step::Move {
                code: area.code.clone(),
                parent: parent.clone(),
            };
            steps.push(about(row, place, Some(area), step));
        }
    }

    /// Adds what is new; makes the rest of its kind. Its place, code and name are there already.
    fn place(&self, steps: &mut Vec<DatedStep>, place: usize, row: &Listed) {
        let area = self.who.of_row(place);
        let step = match area {
            None => Step::Add {
                code: row.code.clone(),
                came_out_of: self.who.parted(row).map(|code| self.at_turn(code)).collect(),
            },
            Some(area) if area.kind != row.kind => Step::Rekind {
                code: row.code.clone(),
                kind: row.kind,
            },
            Some(_) => return,
        };
        steps.push(about(row, place, area, step));
    }

    /// What ends while its code goes to another area gives way first.
    fn vacations(&self) -> impl Iterator<Item = DatedStep> {
        self.who.giving_way().map(|area| {
            let row = self.who.merged_into(&area.code);
            DatedStep {
                step: Step::Vacate {
                    code: area.code.clone(),
                },
                on: row.and_then(|place| self.listed.get(place)?.valid_from),
                row,
                named: Some(area.name.clone()),
            }
        })
    }

    /// The code by which an area that is registered under `code` and goes nowhere else is found when its turn comes.
    fn at_turn(&self, code: &str) -> String {
        if self.who.gives_way(code) {
            vacated(code)
        } else {
            code.to_owned()
        }
    }

    /// From the villages up, so that what stands below goes first.
    fn mergers(&self) -> impl Iterator<Item = DatedStep> {
        let mut merged: Vec<_> = self
            .who
            .merged()
            .filter_map(|(area, place)| Some((area, place, self.listed.get(place)?)))
            .collect();
        merged.sort_by_key(|(area, _, row)| (std::cmp::Reverse(row.level), area.code.as_str()));
        merged.into_iter().map(|(area, place, row)| DatedStep {
            step: Step::Merge {
                code: self.at_turn(&area.code),
                into: row.code.clone(),
            },
            on: row.valid_from,
            row: Some(place),
            named: Some(area.name.clone()),
        })
    }

    fn closures(&self) -> impl Iterator<Item = DatedStep> {
        let mut gone: Vec<&Registered> = self.who.gone().collect();
        gone.sort_by_key(|area| (std::cmp::Reverse(area.level), area.code.as_str()));
        gone.into_iter().map(|area| DatedStep {
            step: Step::Close {
                code: self.at_turn(&area.code),
            },
            on: None,
            row: None,
            named: Some(area.name.clone()),
        })
    }
}

/// A step that a row asks for.
fn about(row: &Listed, place: usize, area: Option<&Registered>, step: Step) -> DatedStep {
    DatedStep {
        step,
        on: row.valid_from,
        row: Some(place),
        named: area.map(|area| area.name.clone()),
    }
}
