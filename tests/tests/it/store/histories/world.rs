//! What is known of areas, organizations and rules, kept by hand: for each day what was so on it.

use std::collections::BTreeMap;

use chrono::{Days, NaiveDate};
use qiaojian_domain::area::Level;
use qiaojian_domain::establishment::EstablishmentParams;
use qiaojian_domain::ids::AreaId;
use qiaojian_domain::organization::{Kind, Status};
use qiaojian_domain::rule::CountedFrom;
use qiaojian_tests::fixtures::{beginning, date};

use super::act::{Area, Number};

/// Nothing changes on this day or before it, but what was counted.
fn first_day() -> NaiveDate {
    date("2021-09-20")
}

/// No day behind it is asked for.
fn last_day() -> NaiveDate {
    date("2022-12-31")
}

/// All days on which something may change, in order.
pub fn all_days() -> impl Iterator<Item = NaiveDate> {
    first_day().iter_days().take_while(|day| *day <= last_day())
}

/// What is so on each single day.
#[derive(Debug, Clone)]
pub struct ByDay<T>(BTreeMap<NaiveDate, T>);

impl<T: Clone> ByDay<T> {
    pub fn always(value: &T) -> Self {
        Self(all_days().map(|day| (day, value.clone())).collect())
    }

    pub fn on(&self, day: NaiveDate) -> &T {
        &self.0[&day.clamp(first_day(), last_day())]
    }

    /// From a day on, up to and without another.
    pub fn set(&mut self, from: NaiveDate, until: Option<NaiveDate>, value: &T) {
        for (day, known) in &mut self.0 {
            if *day >= from && until.is_none_or(|until| *day < until) {
                *known = value.clone();
            }
        }
    }

    /// Wherever it is `from`, it is `to`, from a day on.
    pub fn replace(&mut self, from: &T, to: &T, since: NaiveDate)
    where
        T: PartialEq,
    {
        for (day, known) in &mut self.0 {
            if *day >= since && known == from {
                *known = to.clone();
            }
        }
    }
}

#[derive(Debug, Clone)]
pub struct AreaLife {
    pub id: AreaId,
    pub level: Level,
    pub began: NaiveDate,
    pub ended: Option<NaiveDate>,
    pub code: ByDay<String>,
    pub under: ByDay<Option<Area>>,
}

impl AreaLife {
    pub fn stands_on(&self, day: NaiveDate) -> bool {
        self.began <= day && self.ended.is_none_or(|ended| day < ended)
    }
}

/// A life, by the dates that were told.
#[derive(Debug, Clone)]
pub struct Organization {
    pub status: Status,
    /// The first day of which anything is known.
    pub since: NaiveDate,
    pub approved: Option<NaiveDate>,
    pub established: Option<NaiveDate>,
    pub unveiled: Option<NaiveDate>,
    pub closed: Option<NaiveDate>,
    /// Closed on the one day, established again on the other.
    pub breaks: Vec<(NaiveDate, NaiveDate)>,
    pub area: ByDay<Area>,
    pub kind: ByDay<Kind>,
}

impl Organization {
    pub fn begun(status: Status, on: NaiveDate, today: NaiveDate, area: Area, kind: Kind) -> Self {
        Self {
            status,
            since: if status == Status::Preparing { today } else { on },
            approved: (status == Status::Approved).then_some(on),
            established: (status == Status::Established).then_some(on),
            unveiled: None,
            closed: None,
            breaks: Vec::new(),
            area: ByDay::always(&area),
            kind: ByDay::always(&kind),
        }
    }

    /// From which day on it counts.
    pub fn counts_since(&self, date: CountedFrom) -> Option<NaiveDate> {
        match date {
            CountedFrom::Approved => self.approved.or(self.established),
            CountedFrom::Established => self.established,
            CountedFrom::Unveiled => self.unveiled,
        }
    }

    pub fn counts_on(&self, date: CountedFrom, day: NaiveDate) -> bool {
        let began = self.counts_since(date).is_some_and(|began| began <= day);
        let ended = self.closed.is_some_and(|closed| closed <= day);
        let is_closed = self
            .breaks
            .iter()
            .any(|(closed, again)| *closed <= day && day < *again);
        began && !ended && !is_closed
    }

    /// Of days before the first that is known it is held that all was as on that one.
    pub fn known_since(&mut self, since: NaiveDate) {
        self.since = since;
        let (area, kind) = (*self.area.on(since), *self.kind.on(since));
        self.area.set(first_day(), Some(since), &area);
        self.kind.set(first_day(), Some(since), &kind);
    }
}

/// The establishment rule of an area, from a day on.
#[derive(Debug, Clone)]
pub struct Asked {
    pub scope: Area,
    pub on: NaiveDate,
    pub params: EstablishmentParams,
}

#[derive(Debug, Clone, Default)]
pub struct World {
    pub areas: BTreeMap<Area, AreaLife>,
    /// Which went into which, and when.
    pub mergers: Vec<(Area, Area, NaiveDate)>,
    /// Out of which came which, and when.
    pub splits: Vec<(Area, Area, NaiveDate)>,
    /// Persons and households.
    pub counts: BTreeMap<(NaiveDate, Area), [Option<i32>; 2]>,
    pub organizations: BTreeMap<Number, Organization>,
    pub counting: Vec<(NaiveDate, CountedFrom)>,
    pub asked: Vec<Asked>,
}

impl World {
    /// An area that is there since long before.
    pub fn found(&mut self, area: Area, id: AreaId, code: &str, under: Option<Area>) {
        let life = AreaLife {
            id,
            level: Level::of_code(code).unwrap(),
            began: beginning(),
            ended: None,
            code: ByDay::always(&code.to_owned()),
            under: ByDay::always(&under),
        };
        self.areas.insert(area, life);
    }

    pub fn by_id(&self, id: AreaId) -> Option<Area> {
        let mut areas = self.areas.iter();
        areas.find(|(_, life)| life.id == id).map(|(area, _)| *area)
    }

    pub fn level(&self, area: Area) -> Level {
        self.areas[&area].level
    }

    pub fn code(&self, area: Area, day: NaiveDate) -> String {
        self.areas[&area].code.on(day).clone()
    }

    pub fn under(&self, area: Area, day: NaiveDate) -> Option<Area> {
        *self.areas[&area].under.on(day)
    }

    /// Whether an act has set it up, and nothing ended it.
    pub fn goes_on(&self, area: Area) -> bool {
        self.areas.get(&area).is_some_and(|life| life.ended.is_none())
    }

    /// What an area had become by a day: what it was merged into, and that one, and so on.
    pub fn heir(&self, area: Area, day: NaiveDate) -> Area {
        let merged = |(from, _, on): &&(Area, Area, NaiveDate)| *from == area && *on <= day;
        self.mergers
            .iter()
            .find(merged)
            .map_or(area, |(_, into, _)| self.heir(*into, day))
    }

    /// Where what stands in an area counts on a day: there, or where it went, or in the area above.
    pub fn home(&self, area: Area, day: NaiveDate) -> Option<Area> {
        let heir = self.heir(area, day);
        let life = &self.areas[&heir];
        match life.ended.filter(|ended| *ended <= day) {
            None => life.stands_on(day).then_some(heir),
            Some(ended) => self.home((*life.under.on(ended - Days::new(1)))?, day),
        }
    }

    /// The area and those above it on a day, nearest first.
    pub fn upwards(&self, area: Area, day: NaiveDate) -> Vec<Area> {
        let above = self.under(area, day).map(|above| self.upwards(above, day));
        [vec![area], above.unwrap_or_default()].concat()
    }

    /// Whether the area itself has another code or stands elsewhere from this day on; that the one above it went into another is no change
    /// of its own.
    fn changes_on(&self, area: Area, day: NaiveDate) -> bool {
        let before = day - Days::new(1);
        let (was, is) = (self.under(area, before), self.under(area, day));
        self.code(area, before) != self.code(area, day) || was.map(|was| self.heir(was, day)) != is
    }

    /// From a day on an area has another code, or stands under another, until it is known to have changed itself.
    pub fn put(&mut self, area: Area, on: NaiveDate, code: Option<&str>, under: Option<Area>) {
        let until = all_days().find(|day| *day > on && self.changes_on(area, *day));
        let life = self.areas.get_mut(&area).unwrap();
        if let Some(code) = code {
            life.code.set(on, until, &code.to_owned());
        }
        if under.is_some() {
            life.under.set(on, until, &under);
        }
    }

    /// A new area from a day on. Where the one above it goes, it goes too.
    pub fn set_up(&mut self, area: Area, id: AreaId, code: &str, above: Area, on: NaiveDate) {
        let mut under = ByDay::always(&Some(above));
        for day in all_days().filter(|day| *day > on) {
            under.set(day, None, &Some(self.heir(above, day)));
        }
        let life = AreaLife {
            id,
            level: Level::of_code(code).unwrap(),
            began: on,
            ended: None,
            code: ByDay::always(&code.to_owned()),
            under,
        };
        self.areas.insert(area, life);
    }

    /// From a day on an area is part of another, with all that is below it and in it.
    pub fn merge_areas(&mut self, from: Area, into: Area, on: NaiveDate) {
        self.areas.get_mut(&from).unwrap().ended = Some(on);
        for life in self.areas.values_mut() {
            life.under.replace(&Some(from), &Some(into), on);
        }
        for organization in self.organizations.values_mut() {
            organization.area.replace(&from, &into, on);
            organization.known_since(organization.since);
        }
        self.mergers.push((from, into, on));
    }

    /// Of the versions in force on a day the one that came into force last, and of those of one day the newest.
    pub fn counted_from(&self, day: NaiveDate) -> CountedFrom {
        let in_force = self.counting.iter().filter(|(from, _)| *from <= day);
        in_force
            .max_by_key(|(from, _)| *from)
            .map_or(CountedFrom::Established, |(_, date)| *date)
    }

    /// What is asked of an area on a day, and since when: by the rule of the nearest area that speaks of its level.
    pub fn asked_of(&self, area: Area, day: NaiveDate) -> Option<(Least, NaiveDate)> {
        let level = self.level(area);
        self.upwards(area, day).into_iter().find_map(|scope| {
            let versions = self
                .asked
                .iter()
                .filter(|asked| asked.scope == scope && asked.on <= day);
            let rule = versions.max_by_key(|asked| asked.on)?;
            if rule.params.levels.contains(&level) {
                return Some((Least::Anything, rule.on));
            }
            let threshold = rule.params.village.filter(|_| level == Level::Village)?;
            Some((Least::Counted(threshold.persons, threshold.households), rule.on))
        })
    }
}

/// From what on an area should have an organization.
#[derive(Debug, Clone, Copy)]
pub enum Least {
    /// Whatever is counted there.
    Anything,
    /// From so many persons or households on.
    Counted(i32, i32),
}
