//! Determines which registered area each row of the list is: the one its predecessors name, or else the one with its
//! own code.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{Listed, Origin, Registered};
use crate::Violation;
use crate::area::Level;

pub(super) struct Identity<'a> {
    /// All registered areas, by code.
    known: BTreeMap<&'a str, &'a Registered>,
    /// The index of each row, by its code.
    places: HashMap<&'a str, usize>,
    /// The registered area of each row.
    rows: Vec<Option<&'a Registered>>,
    /// The rows that name a code as a predecessor.
    claims: HashMap<&'a str, Vec<usize>>,
    /// The row of each continuing area, by its registered code.
    goes_on: HashMap<&'a str, usize>,
    /// The row of the area that each merged area is merged into.
    merged: BTreeMap<&'a str, usize>,
    /// The provinces in the list. The list says nothing about other provinces.
    provinces: BTreeSet<&'a str>,
}

impl<'a> Identity<'a> {
    pub fn new(listed: &'a [Listed], registered: &'a [Registered]) -> Self {
        let mut claims: HashMap<&str, Vec<usize>> = HashMap::new();
        for (place, row) in listed.iter().enumerate() {
            for code in &row.origin.predecessors {
                let rows = claims.entry(code).or_default();
                if rows.last() != Some(&place) {
                    rows.push(place);
                }
            }
        }
        let mut who = Self {
            known: registered.iter().map(|area| (area.code.as_str(), area)).collect(),
            places: listed
                .iter()
                .enumerate()
                .map(|(place, row)| (row.code.as_str(), place))
                .collect(),
            rows: Vec::with_capacity(listed.len()),
            claims,
            goes_on: HashMap::new(),
            merged: BTreeMap::new(),
            provinces: listed
                .iter()
                .filter(|row| row.level == Level::Province)
                .map(|row| row.code.as_str())
                .collect(),
        };
        for (place, row) in listed.iter().enumerate() {
            let area = who.told_by(listed, place, row);
            if let Some(area) = area {
                who.goes_on.insert(&area.code, place);
            }
            who.rows.push(area);
        }
        for (place, row) in listed.iter().enumerate() {
            for code in &row.origin.predecessors {
                if who.is_ours(code) && who.claimed_by_one(code) && !who.goes_on.contains_key(code.as_str()) {
                    who.merged.insert(code, place);
                }
            }
        }
        who
    }

    fn told_by(&self, listed: &[Listed], place: usize, row: &'a Listed) -> Option<&'a Registered> {
        let own = self.known.get(row.code.as_str()).copied();
        let named = &row.origin.predecessors;
        match named.as_slice() {
            [] if row.origin.is_new => None,
            [] => own,
            _ if own.is_some() && named.contains(&row.code) => own,
            [code]
                if self.is_ours(code)
                    && self.claims.get(code.as_str())? == &[place]
                    && self.stays_unsaid(listed, code).is_none() =>
            {
                self.known.get(code.as_str()).copied()
            }
            _ => None,
        }
    }

    /// Returns the row that has the code of a predecessor, if that row does not state its own origin.
    fn stays_unsaid(&self, listed: &[Listed], code: &str) -> Option<usize> {
        let place = *self.places.get(code)?;
        (listed.get(place)?.origin == Origin::default()).then_some(place)
    }

    /// Returns the registered area of a row.
    pub fn of_row(&self, place: usize) -> Option<&'a Registered> {
        self.rows.get(place).copied().flatten()
    }

    /// Returns the row of a continuing area, by its registered code.
    pub fn row_of(&self, code: &str) -> Option<usize> {
        self.goes_on.get(code).copied()
    }

    /// Returns the registered code of an area by its code in the list.
    pub fn registered_code(&self, listed: &str) -> Option<&'a str> {
        self.of_row(*self.places.get(listed)?)
            .map(|area| area.code.as_str())
    }

    /// Returns whether the area registered under `code` has the code `listed` in the list.
    pub fn is_now(&self, code: Option<&str>, listed: &str) -> bool {
        match self.places.get(listed) {
            Some(place) => self.of_row(*place).map(|area| area.code.as_str()) == code && code.is_some(),
            None => code == Some(listed),
        }
    }

    /// Returns the predecessors of a new area that are not merged into it, that is, from which it was split off.
    pub fn parted<'b>(&'b self, row: &'b Listed) -> impl Iterator<Item = &'b str> {
        let codes = row.origin.predecessors.iter().map(String::as_str);
        codes.filter(|code| self.known.contains_key(code) && !self.merged.contains_key(code))
    }

    /// Returns each merged area with the row of the area that it is merged into.
    pub fn merged(&self) -> impl Iterator<Item = (&'a Registered, usize)> {
        let merged = self.merged.iter();
        merged.filter_map(|(code, place)| Some((*self.known.get(code)?, *place)))
    }

    pub fn merged_into(&self, code: &str) -> Option<usize> {
        self.merged.get(code).copied()
    }

    /// Returns the areas that are no longer in the list and were not merged into another area.
    pub fn gone(&self) -> impl Iterator<Item = &'a Registered> {
        self.known.values().copied().filter(|area| {
            let code = area.code.as_str();
            !self.goes_on.contains_key(code)
                && !self.merged.contains_key(code)
                && !code.contains('-')
                && self.provinces.contains(self.province_of(area))
        })
    }

    /// Returns the areas that end and whose code goes to another area.
    pub fn giving_way(&self) -> impl Iterator<Item = &'a Registered> {
        let known = self.known.values().copied();
        known.filter(|area| self.gives_way(&area.code))
    }

    pub fn gives_way(&self, code: &str) -> bool {
        self.known.contains_key(code) && self.places.contains_key(code) && !self.goes_on.contains_key(code)
    }

    fn claimed_by_one(&self, code: &str) -> bool {
        self.claims.get(code).is_some_and(|rows| rows.len() == 1)
    }

    /// Returns whether an area is registered in a province for which the list is complete.
    fn is_ours(&self, code: &str) -> bool {
        let area = self.known.get(code);
        area.is_some_and(|area| self.provinces.contains(self.province_of(area)))
    }

    fn province_of<'b>(&'b self, area: &'b Registered) -> &'b str {
        let mut at = area;
        // The tree has at most six levels.
        for _ in 0..Level::ALL.len() {
            match at.parent.as_deref().and_then(|parent| self.known.get(parent)) {
                Some(above) => at = above,
                None => break,
            }
        }
        &at.code
    }
}

/// Returns the rows whose predecessors do not determine which area they are, each with its index.
pub fn unusable_predecessors(listed: &[Listed], registered: &[Registered]) -> Vec<(usize, Violation)> {
    let who = Identity::new(listed, registered);
    let mut found = Vec::new();
    for (place, row) in listed.iter().enumerate() {
        let named = &row.origin.predecessors;
        found.extend(named.iter().filter_map(|code| {
            let wrong = who.shared(listed, place, code)?;
            Some((place, wrong))
        }));
        if who.is_itself_all_the_same(row) {
            found.push((place, own_code_missing(row)));
        }
    }
    found
}

impl Identity<'_> {
    /// Returns whether a row names predecessors but not itself, although its code is registered under the same name.
    /// Either another area is merged into it, or the list was already imported.
    fn is_itself_all_the_same(&self, row: &Listed) -> bool {
        let named = &row.origin.predecessors;
        let is_called_so = |code: &String| {
            self.known
                .get(code.as_str())
                .is_some_and(|area| area.name == row.name)
        };
        let names_others = !named.is_empty() && !named.contains(&row.code);
        let is_given_up = self.claims.contains_key(row.code.as_str()) && named.iter().any(is_called_so);
        names_others && is_called_so(&row.code) && !is_given_up
    }

    /// Returns a violation if a predecessor of the row at `place` also belongs to another row, so that it can neither
    /// be this area nor be merged into it. If one of the areas continues the predecessor and the other is new, the new
    /// one was split off, which is no violation.
    fn shared(&self, listed: &[Listed], place: usize, code: &str) -> Option<Violation> {
        let area = self.known.get(code)?;
        let (row, own) = (listed.get(place)?, self.of_row(place));
        let stands = own.is_some_and(|own| own.code != area.code);
        let others = self.claims.get(code)?.iter().filter(|other| **other != place);
        let other = match self.stays_unsaid(listed, code) {
            // The predecessor continues unchanged, unless the names show that it is this row and that another area took
            // over its code.
            Some(itself) => {
                (stands || row.name == area.name || listed.get(itself)?.name != area.name).then_some(itself)
            }
            None => others.filter(|_| stands).copied().next(),
        };
        Some(shared(code, &listed.get(other?)?.code))
    }
}

fn shared(code: &str, other: &str) -> Violation {
    Violation::new(
        "/predecessors",
        "predecessor_shared",
        format!(
            "来源代码 {code} 也是 {other} 一行的：若该地区被拆分而保留，请在其自身一行的来源代码中也写 {code}；若并入一处，请只在接收的一行写 {code}；\
             若代码 {code} 现归另一地区，请在该行写明它原来的代码，新设的写“新设”。"
        ),
        format!(
            "The predecessor {code} is also given in the row of {other}. If the area was divided and still exists, also give {code} as \
             predecessor in its own row; if it was merged into one area, give it in that row only; if another area now has the code \
             {code}, give the former code of that area in its row, or `new` if the area is new."
        ),
    )
}

fn own_code_missing(row: &Listed) -> Violation {
    let (code, name, others) = (&row.code, &row.name, row.origin.predecessors.join(";"));
    Violation::new(
        "/predecessors",
        "own_code_missing",
        format!(
            "{code}“{name}”已在册：若 {others} 并入该地区，请写“{code};{others}”；若本表已导入过，请用当时的日期。"
        ),
        format!(
            "{code} {name} is already registered. If {others} merged into it, write `{code};{others}`; if this list was imported before, \
             give the date of that import."
        ),
    )
}
