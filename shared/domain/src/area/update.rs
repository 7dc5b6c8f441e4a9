//! Computes the steps from the registered tree to the tree of a new edition of the national list.

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
    /// The code of the parent; `None` for a province.
    pub parent: Option<String>,
    pub name: String,
    pub kind: AreaKind,
    /// The areas that it emerged from.
    pub origin: Origin,
    /// The first day of validity; the date of the whole update if omitted.
    pub valid_from: Option<NaiveDate>,
}

/// The origin of an area in the list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origin {
    /// The codes that its predecessors had in the previous edition. They determine which registered area the row is; if
    /// there are none, its own code does.
    pub predecessors: Vec<String>,
    /// Whether the row is declared to be a new area, although its code belonged to another one.
    pub is_new: bool,
}

impl Origin {
    /// Parses a cell: a list of codes with any separator, or the word for a new area.
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

/// A registered area.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registered {
    pub code: String,
    pub level: Level,
    pub parent: Option<String>,
    pub name: String,
    pub kind: AreaKind,
}

/// One step of an update. Codes are those in effect when the step is carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// An area that is about to end gives up its code to another area; see [`vacated`].
    Vacate { code: String },
    /// The list contains an area that is not registered.
    Add { code: String, came_out_of: Vec<String> },
    /// The area gets another name, another code, or both.
    Rename {
        code: String,
        name: Option<String>,
        new_code: Option<String>,
    },
    /// Several areas exchange their codes at once.
    Recode { changes: Vec<Recoded> },
    /// The area gets another kind.
    Rekind { code: String, kind: AreaKind },
    /// The area gets another parent.
    Move { code: String, parent: String },
    /// The area is merged into another area of the list.
    Merge { code: String, into: String },
    /// The area is no longer in the list and has no successor.
    Close { code: String },
}

/// One of several areas that get new codes at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recoded {
    pub code: String,
    /// The registered name.
    pub named: String,
    pub name: Option<String>,
    pub new_code: String,
}

impl Step {
    /// Returns the code of the area that the step is about, as in effect when the step is carried out; for several
    /// areas, the first.
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

/// Returns the temporary code of an area that is about to end and whose code goes to another area. It is only used
/// between these two steps; on no day does an area have it.
pub fn vacated(code: &str) -> String {
    format!("{code}~")
}

/// Returns the code that an area had before it was vacated.
pub fn before_vacated(code: &str) -> &str {
    code.trim_end_matches('~')
}

/// A step with its date and origin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatedStep {
    pub step: Step,
    /// The date of the step; `None` for the date of the whole update.
    pub on: Option<NaiveDate>,
    /// The index of the row that requires the step.
    pub row: Option<usize>,
    /// The registered name of the area.
    pub named: Option<String>,
}

/// Returns the steps from `registered` to `listed`, in an order in which they can be carried out. The list is complete
/// for every province it names, but contains no parks and no units with a local code; those are left unchanged.
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
            // An area that moves gets its new code at its new place, so moves come first.
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

    /// Moves an area under its new parent if the parent changes. The area still has its old code.
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

    /// Adds a new area, or changes the kind of an existing one, whose parent, code and name are already updated.
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

    /// Areas that end and whose code goes to another area give up the code first.
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

    /// Returns the code that an area registered under `code` has when its merger or closure is carried out.
    fn at_turn(&self, code: &str) -> String {
        if self.who.gives_way(code) {
            vacated(code)
        } else {
            code.to_owned()
        }
    }

    /// Returns the mergers from the villages up, so that children are merged before their parents.
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

/// Creates a step that a row requires.
fn about(row: &Listed, place: usize, area: Option<&Registered>, step: Step) -> DatedStep {
    DatedStep {
        step,
        on: row.valid_from,
        row: Some(place),
        named: area.map(|area| area.name.clone()),
    }
}
