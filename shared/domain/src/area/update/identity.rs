//! Which registered area a row of the list is: the one its predecessors name, or that of its own code where it names none.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{Listed, Origin, Registered};
use crate::Violation;
use crate::area::Level;

pub(super) struct Identity<'a> {
    /// Every registered area of the list's provinces, by code.
    known: BTreeMap<&'a str, &'a Registered>,
    /// The place of each row, by its code.
    places: HashMap<&'a str, usize>,
    /// The registered area that each row is.
    rows: Vec<Option<&'a Registered>>,
    /// The rows that name a code as their predecessor.
    claims: HashMap<&'a str, Vec<usize>>,
    /// The row of each area that goes on, by its registered code.
    goes_on: HashMap<&'a str, usize>,
    /// The row of the area that each one goes into.
    merged: BTreeMap<&'a str, usize>,
    /// The provinces that the list names: of others it says nothing.
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

    /// The row with the code of a predecessor, if it says nothing of what it came out of.
    fn stays_unsaid(&self, listed: &[Listed], code: &str) -> Option<usize> {
        let place = *self.places.get(code)?;
        (listed.get(place)?.origin == Origin::default()).then_some(place)
    }

    /// The registered area that a row is.
    pub fn of_row(&self, place: usize) -> Option<&'a Registered> {
        self.rows.get(place).copied().flatten()
    }

    /// The row of an area that goes on, by its registered code.
    pub fn row_of(&self, code: &str) -> Option<usize> {
        self.goes_on.get(code).copied()
    }

    /// The code under which an area of the list is registered, by the list's.
    pub fn registered_code(&self, listed: &str) -> Option<&'a str> {
        self.of_row(*self.places.get(listed)?)
            .map(|area| area.code.as_str())
    }

    /// Whether the area registered under `code` is the one that the list has under `listed`.
    pub fn is_now(&self, code: Option<&str>, listed: &str) -> bool {
        match self.places.get(listed) {
            Some(place) => self.of_row(*place).map(|area| area.code.as_str()) == code && code.is_some(),
            None => code == Some(listed),
        }
    }

    /// The predecessors of a new area that do not end in it: it came out of them.
    pub fn parted<'b>(&'b self, row: &'b Listed) -> impl Iterator<Item = &'b str> {
        let codes = row.origin.predecessors.iter().map(String::as_str);
        codes.filter(|code| self.known.contains_key(code) && !self.merged.contains_key(code))
    }

    /// Every area that goes into another one, and that one's row.
    pub fn merged(&self) -> impl Iterator<Item = (&'a Registered, usize)> {
        let merged = self.merged.iter();
        merged.filter_map(|(code, place)| Some((*self.known.get(code)?, *place)))
    }

    pub fn merged_into(&self, code: &str) -> Option<usize> {
        self.merged.get(code).copied()
    }

    /// Every area that the list has no more, and nothing it went into.
    pub fn gone(&self) -> impl Iterator<Item = &'a Registered> {
        self.known.values().copied().filter(|area| {
            let code = area.code.as_str();
            !self.goes_on.contains_key(code)
                && !self.merged.contains_key(code)
                && !code.contains('-')
                && self.provinces.contains(self.province_of(area))
        })
    }

    /// Every area that ends while its code goes to another one.
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

    /// Whether an area is registered, in a province that the list is complete for.
    fn is_ours(&self, code: &str) -> bool {
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

/// The rows whose predecessors do not tell which area they are, each with its place.
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
    /// Whether a row names predecessors and not itself, though its code is registered under its very name: something goes into it, or the
    /// list was taken already.
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

    /// A predecessor of the row at `place` that another row is as well, so that it cannot be or go into this one: where one stays and the
    /// other is new, that one came out of it.
    fn shared(&self, listed: &[Listed], place: usize, code: &str) -> Option<Violation> {
        let area = self.known.get(code)?;
        let (row, own) = (listed.get(place)?, self.of_row(place));
        let stands = own.is_some_and(|own| own.code != area.code);
        let others = self.claims.get(code)?.iter().filter(|other| **other != place);
        let other = match self.stays_unsaid(listed, code) {
            // It stays as it was, unless the names tell that this row is it and its code another one's.
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
            "The predecessor {code} also belongs to the row of {other}. If it was divided and goes on, write {code} as predecessor of its own row \
             too; if it went into one area, name it in that row only; if another area has the code {code} now, write that one's former code in \
             its row, or `new` if it is a new one."
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
            "{code} {name} is registered already. If {others} went into it, write `{code};{others}`; if this list was taken before, give \
             that day."
        ),
    )
}
