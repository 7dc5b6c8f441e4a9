//! Which organization and which area an act is about: those that acts before it made.

use super::act::{Act, Area, Number, first_new};

/// The organization that was recorded last.
pub const LATEST: Number = Number::MAX;

/// One of the areas that were set up before, if there are any.
pub const NEW: u8 = 100;

/// Gives organizations and new areas their numbers, in the order in which they come. An act on an organization before there is any is left out.
pub fn numbered(acts: Vec<Act>) -> Vec<Act> {
    let (mut organizations, mut areas) = (0_u8, 0_u8);
    let mut numbered = Vec::with_capacity(acts.len());
    for mut act in acts {
        let mut is_of_any = true;
        for number in act.organizations() {
            is_of_any = organizations > 0;
            *number = match *number {
                latest if latest > LATEST - 2 => organizations.saturating_sub(LATEST - latest + 1),
                number => number.checked_rem(organizations).unwrap_or_default(),
            };
        }
        if !is_of_any {
            continue;
        }
        for area in act.areas() {
            if area.0 >= NEW {
                *area = match areas {
                    0 => Area(4 + area.0 % 2),
                    _ => Area(first_new() + (area.0 - NEW) % areas),
                };
            }
        }
        match &mut act {
            Act::Record {
                organization: new, ..
            }
            | Act::Split { part: new, .. } => {
                *new = organizations;
                organizations += 1;
            }
            Act::SplitArea { part: new, .. } | Act::ReuseCode { area: new, .. } => {
                *new = Area(first_new() + areas);
                areas += 1;
            }
            _ => {}
        }
        numbered.push(act);
    }
    numbered
}

impl Act {
    /// The organizations it is about, but for one that it makes.
    fn organizations(&mut self) -> Vec<&mut Number> {
        match self {
            Self::Step { organization, .. }
            | Self::Correct { organization, .. }
            | Self::Move { organization, .. }
            | Self::Rekind { organization, .. }
            | Self::Split { organization, .. }
            | Self::Void { organization } => vec![organization],
            Self::Merge {
                organization, into, ..
            } => vec![organization, into],
            _ => Vec::new(),
        }
    }

    /// The areas it is about, but for one that it makes.
    fn areas(&mut self) -> Vec<&mut Area> {
        match self {
            Self::Record { area, .. }
            | Self::Move { to: area, .. }
            | Self::Split { area, .. }
            | Self::Count { area, .. }
            | Self::SplitArea { area, .. }
            | Self::ReuseCode { code_of: area, .. }
            | Self::CloseArea { area, .. } => vec![area],
            Self::MergeAreas {
                from: one,
                into: other,
                ..
            }
            | Self::MoveArea {
                area: one,
                under: other,
                ..
            }
            | Self::ExchangeCodes { one, other, .. }
            | Self::PassCode { one, other, .. } => vec![one, other],
            _ => Vec::new(),
        }
    }
}
