//! What an office does, with names for everything, so that a counterexample can be read.

use std::fmt;

use chrono::NaiveDate;
use qiaojian_domain::area::Level;
use qiaojian_domain::organization::{Kind, Status, Verb};
use qiaojian_domain::rule::CountedFrom;
use qiaojian_tests::fixtures::AREAS;

/// Villages beside those of the fixture, so that more than one can go into another.
pub const MORE_VILLAGES: &[(&str, &str)] = &[
    ("340304001003", "新村社区居委会"),
    ("340304002001", "张公山社区居委会"),
    ("340322100001", "城南村委会"),
    ("340304001004", "长青社区居委会"),
    ("340304002002", "龙湖社区居委会"),
    ("341802001002", "锦城社区居委会"),
];

/// An area, whatever its code is on a day: by its number in [`AREAS`], then [`MORE_VILLAGES`], then those that acts set up.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Area(pub u8);

/// The areas that are there from the beginning: code and name.
pub fn first_areas() -> impl Iterator<Item = (Area, &'static str, &'static str)> {
    let listed = AREAS.iter().chain(MORE_VILLAGES);
    (0..)
        .zip(listed)
        .map(|(number, (code, name))| (Area(number), *code, *name))
}

/// The first number of an area that an act sets up.
pub fn first_new() -> u8 {
    u8::try_from(AREAS.len() + MORE_VILLAGES.len()).unwrap()
}

impl Area {
    /// What it is called; names do not change here.
    pub fn name(self) -> String {
        let first = first_areas().find(|(area, ..)| *area == self);
        first.map_or_else(
            || format!("新设{}", self.0 + 1 - first_new()),
            |(_, _, name)| name.to_owned(),
        )
    }
}

impl fmt::Debug for Area {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name())
    }
}

/// The number of an organization: the first that is recorded is 0.
pub type Number = u8;

/// From how many persons or households on a village should have an organization.
pub type Least = (i32, i32);

/// One act. What it refers to may not be there; then it is refused, or does not come to pass.
#[derive(Debug, Clone, PartialEq)]
pub enum Act {
    Record {
        organization: Number,
        status: Status,
        kind: Kind,
        area: Area,
        on: NaiveDate,
    },
    /// A step of its own life.
    Step {
        organization: Number,
        verb: Verb,
        on: NaiveDate,
    },
    /// It was established on that day, and nothing else ever happened to it.
    Correct {
        organization: Number,
        established: NaiveDate,
    },
    Move {
        organization: Number,
        to: Area,
        on: NaiveDate,
    },
    Rekind {
        organization: Number,
        kind: Kind,
        on: NaiveDate,
    },
    Merge {
        organization: Number,
        into: Number,
        on: NaiveDate,
    },
    Split {
        organization: Number,
        part: Number,
        area: Area,
        on: NaiveDate,
    },
    Void {
        organization: Number,
    },
    Count {
        area: Area,
        persons: Option<i32>,
        households: Option<i32>,
        on: NaiveDate,
    },
    MergeAreas {
        from: Area,
        into: Area,
        on: NaiveDate,
    },
    /// A new area beside it, with every second one of those that stand below it.
    SplitArea {
        area: Area,
        part: Area,
        on: NaiveDate,
    },
    /// A new area, where `code_of` was at first, under the code that it had.
    ReuseCode {
        area: Area,
        code_of: Area,
        on: NaiveDate,
    },
    CloseArea {
        area: Area,
        on: NaiveDate,
    },
    MoveArea {
        area: Area,
        under: Area,
        on: NaiveDate,
    },
    /// An edition in which each has the code of the other.
    ExchangeCodes {
        one: Area,
        other: Area,
        on: NaiveDate,
    },
    /// An edition in which the one has the code of the other, and that one a new code.
    PassCode {
        one: Area,
        other: Area,
        on: NaiveDate,
    },
    CountFrom {
        date: CountedFrom,
        on: NaiveDate,
    },
    /// The establishment rule of an area and all below it.
    Ask {
        scope: Area,
        levels: Vec<Level>,
        villages: Option<Least>,
        on: NaiveDate,
    },
}

impl Act {
    /// What kind of act it is, for the tally.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Record { .. } => "record",
            Self::Step { verb, .. } => verb.as_str(),
            Self::Correct { .. } => "correct",
            Self::Move { .. } => "move",
            Self::Rekind { .. } => "rekind",
            Self::Merge { .. } => "merge",
            Self::Split { .. } => "split",
            Self::Void { .. } => "void",
            Self::Count { .. } => "count",
            Self::MergeAreas { .. } => "merge areas",
            Self::SplitArea { .. } => "split an area",
            Self::ReuseCode { .. } => "reuse a code",
            Self::CloseArea { .. } => "close an area",
            Self::MoveArea { .. } => "move an area",
            Self::ExchangeCodes { .. } => "exchange codes",
            Self::PassCode { .. } => "pass a code on",
            Self::CountFrom { .. } => "counting rule",
            Self::Ask { scope: Area(0), .. } => "establishment rule of the province",
            Self::Ask { .. } => "establishment rule of a city",
        }
    }

    /// The day from which on it changes something; none where it says that something never was otherwise.
    pub fn day(&self) -> Option<NaiveDate> {
        match self {
            Self::Correct { .. } | Self::Void { .. } => None,
            Self::Record { on, .. }
            | Self::Step { on, .. }
            | Self::Move { on, .. }
            | Self::Rekind { on, .. }
            | Self::Merge { on, .. }
            | Self::Split { on, .. }
            | Self::Count { on, .. }
            | Self::MergeAreas { on, .. }
            | Self::SplitArea { on, .. }
            | Self::ReuseCode { on, .. }
            | Self::CloseArea { on, .. }
            | Self::MoveArea { on, .. }
            | Self::ExchangeCodes { on, .. }
            | Self::PassCode { on, .. }
            | Self::CountFrom { on, .. }
            | Self::Ask { on, .. } => Some(*on),
        }
    }

    /// The day it speaks of.
    pub fn about(&self, today: NaiveDate) -> NaiveDate {
        match self {
            Self::Correct { established, .. } => *established,
            Self::Void { .. } => today,
            dated => dated.day().unwrap_or(today),
        }
    }

    /// Whether it changes the tree.
    pub fn is_of_areas(&self) -> bool {
        matches!(
            self,
            Self::MergeAreas { .. }
                | Self::SplitArea { .. }
                | Self::ReuseCode { .. }
                | Self::CloseArea { .. }
                | Self::MoveArea { .. }
                | Self::ExchangeCodes { .. }
                | Self::PassCode { .. }
        )
    }
}
