//! What an act that took effect makes of the world, and which acts are refused.

use chrono::NaiveDate;
use qiaojian_domain::area::Level;
use qiaojian_domain::organization::{Kind, Status, Verb};

use super::act::{Act, Area, Number};
use super::perform::{can_be_told, new_id, params};
use super::world::{Asked, Organization, World};

impl World {
    /// The world as it is known after an act, the `place`th of all.
    pub fn after(mut self, act: &Act, place: usize, today: NaiveDate) -> Self {
        match act {
            Act::Record {
                organization,
                status,
                kind,
                area,
                on,
            } => {
                let new = Organization::begun(*status, *on, today, *area, *kind);
                self.organizations.insert(*organization, new);
            }
            Act::Split { part, area, on, .. } => {
                let new = Organization::begun(Status::Established, *on, today, *area, Kind::Federation);
                self.organizations.insert(*part, new);
            }
            Act::Void { organization } => {
                self.organizations.remove(organization);
            }
            Act::Step { organization, .. }
            | Act::Correct { organization, .. }
            | Act::Move { organization, .. }
            | Act::Rekind { organization, .. }
            | Act::Merge { organization, .. } => {
                self.organizations.get_mut(organization).unwrap().live(act);
            }
            Act::Count {
                area,
                persons,
                households,
                on,
            } => {
                self.counts.insert((*on, *area), [*persons, *households]);
            }
            Act::CountFrom { date, on } => self.counting.push((*on, *date)),
            Act::Ask {
                scope,
                levels,
                villages,
                on,
            } => self.asked.push(Asked {
                scope: *scope,
                on: *on,
                params: params(levels, *villages),
            }),
            act => self.change_areas(act, place, today),
        }
        self
    }

    fn change_areas(&mut self, act: &Act, place: usize, today: NaiveDate) {
        match act {
            Act::MergeAreas { from, into, on } => self.merge_areas(*from, *into, *on),
            Act::CloseArea { area, on } => self.areas.get_mut(area).unwrap().ended = Some(*on),
            Act::MoveArea { area, under, on } => self.put(*area, *on, None, Some(*under)),
            Act::SplitArea { area, part, on } => {
                let code = self.new_code(*area, *part, *on);
                let above = self.under(*area, *on).unwrap();
                let children = self.below(*area, today);
                self.set_up(*part, new_id(*part), &code, above, *on);
                for child in children.into_iter().step_by(2) {
                    self.put(child, *on, None, Some(*part));
                }
                self.splits.push((*area, *part, *on));
            }
            Act::ReuseCode { area, code_of, on } => {
                let (code, above) = self.first_place(*code_of);
                self.set_up(*area, new_id(*area), &code, above.unwrap(), *on);
            }
            Act::ExchangeCodes { on, .. } | Act::PassCode { on, .. } => {
                for (area, code) in self.codes_after(act, u128::try_from(place).unwrap(), today) {
                    self.put(area, *on, Some(&code), None);
                }
            }
            other => panic!("{other:?}"),
        }
    }

    /// What stands directly below an area.
    fn below(&self, area: Area, today: NaiveDate) -> Vec<Area> {
        let standing = self.areas.iter().filter(|(_, life)| life.ended.is_none());
        standing
            .filter(|(_, life)| *life.under.on(today) == Some(area) && life.level != Level::Park)
            .map(|(below, _)| *below)
            .collect()
    }

    /// The codes of those below an area that a new one beside it gets: every second.
    pub fn given_away(&self, area: Area, today: NaiveDate) -> Vec<String> {
        let below = self.below(area, today).into_iter().step_by(2);
        below.map(|area| self.code(area, today)).collect()
    }

    /// A code that no area had, for one beside `area`.
    pub fn new_code(&self, area: Area, part: Area, on: NaiveDate) -> String {
        let above = self.under(area, on).map(|above| self.code(above, on));
        self.unused(&above.unwrap_or_default(), self.level(area), usize::from(part.0))
    }

    fn unused(&self, above: &str, level: Level, number: usize) -> String {
        match level {
            Level::County => format!("{}{:02}", &above[..4], 40 + number % 60),
            Level::Township => format!("{}{:03}", &above[..6], 500 + number),
            _ => format!("{}{:03}", &above[..9], 500 + number),
        }
    }

    /// The code that an area had at first, and what it stood under.
    pub fn first_place(&self, area: Area) -> (String, Option<Area>) {
        let began = self.areas[&area].began;
        (self.code(area, began), self.under(area, began))
    }

    /// The codes that an edition gives to areas.
    pub fn codes_after(&self, act: &Act, place: u128, today: NaiveDate) -> Vec<(Area, String)> {
        match act {
            Act::ExchangeCodes { one, other, .. } => {
                vec![(*one, self.code(*other, today)), (*other, self.code(*one, today))]
            }
            Act::PassCode { one, other, .. } => {
                let number = 60 + usize::try_from(place).unwrap();
                let code = self.code(*other, today);
                let new = self.unused(&code, self.level(*other), number);
                vec![(*one, code), (*other, new)]
            }
            _ => Vec::new(),
        }
    }

    /// Whether an act that can be told will be refused, where that is easily said.
    pub fn foresees(&self, act: &Act, today: NaiveDate) -> Option<bool> {
        if !can_be_told(self, act, today) {
            return None;
        }
        match act {
            Act::Record {
                status,
                kind,
                area,
                on,
                ..
            } => {
                let too_early = *status != Status::Preparing && *on < self.areas[area].began;
                let fits = kind.may_stand_at(self.level(*area));
                Some(too_early || !fits || self.is_taken(*area, *kind, None, today))
            }
            Act::Step {
                organization,
                verb,
                on,
            } => Some(match self.present(*organization, today) {
                None => true,
                Some(one) => {
                    let (area, kind) = (*one.area.on(today), *one.kind.on(today));
                    let taken =
                        *verb == Verb::Reopen && self.is_taken(area, kind, Some(*organization), today);
                    let too_early = *on < self.areas[one.area.on(*on)].began;
                    !one.may(*verb, *on) || taken || too_early
                }
            }),
            Act::Void { organization } => Some(self.present(*organization, today).is_none()),
            Act::Count { .. } | Act::CountFrom { .. } => Some(false),
            Act::Ask { scope, on, .. } => {
                let mut versions = self.asked.iter().filter(|asked| asked.scope == *scope);
                Some(versions.any(|asked| *on < asked.on))
            }
            _ => None,
        }
    }

    /// An organization whose area is still there.
    fn present(&self, organization: Number, today: NaiveDate) -> Option<&Organization> {
        let known = self.organizations.get(&organization)?;
        self.goes_on(*known.area.on(today)).then_some(known)
    }

    /// Whether another organization of this kind stands in an area.
    fn is_taken(&self, area: Area, kind: Kind, but: Option<Number>, today: NaiveDate) -> bool {
        let others = self
            .organizations
            .iter()
            .filter(|(number, _)| Some(**number) != but);
        let stands = |one: &Organization| (*one.area.on(today), *one.kind.on(today)) == (area, kind);
        others
            .into_iter()
            .any(|(_, one)| one.status.is_active() && stands(one))
    }
}

impl Organization {
    /// What an act makes of it.
    fn live(&mut self, act: &Act) {
        match act {
            Act::Step { verb, on, .. } => self.step(*verb, *on),
            Act::Merge { on, .. } => (self.status, self.closed) = (Status::Merged, Some(*on)),
            Act::Move { to, on, .. } => self.area.set(*on, None, to),
            Act::Rekind { kind, on, .. } => self.kind.set(*on, None, kind),
            Act::Correct { established, .. } => {
                (self.status, self.since) = (Status::Established, *established);
                (self.approved, self.unveiled, self.closed) = (None, None, None);
                self.established = Some(*established);
                self.breaks.clear();
            }
            other => panic!("{other:?}"),
        }
        let first = self.approved.or(self.established).unwrap_or(self.since);
        self.known_since(first);
    }

    fn step(&mut self, verb: Verb, on: NaiveDate) {
        match verb {
            Verb::Approve => (self.status, self.approved) = (Status::Approved, Some(on)),
            Verb::Establish => (self.status, self.established) = (Status::Established, Some(on)),
            Verb::Unveil => self.unveiled = Some(on),
            Verb::Close => (self.status, self.closed) = (Status::Closed, Some(on)),
            Verb::Reopen => {
                self.status = Status::Established;
                self.breaks.extend(self.closed.take().map(|closed| (closed, on)));
            }
            other => panic!("{other}"),
        }
    }

    /// Whether a step on a day is the next of its life, and no date of it comes before an earlier one's.
    fn may(&self, verb: Verb, on: NaiveDate) -> bool {
        let not_before = |dates: &[Option<NaiveDate>]| dates.iter().flatten().all(|date| *date <= on);
        let last_reopened = self.breaks.last().map(|(_, again)| *again);
        match (self.status, verb) {
            (Status::Preparing, Verb::Approve) => true,
            (Status::Approved, Verb::Establish) => not_before(&[self.approved]),
            (Status::Established, Verb::Unveil) => {
                let was_closed = self
                    .breaks
                    .iter()
                    .any(|(closed, again)| *closed <= on && on < *again);
                self.unveiled.is_none() && !was_closed && not_before(&[self.approved, self.established])
            }
            (Status::Established, Verb::Close) => {
                not_before(&[self.approved, self.established, self.unveiled, last_reopened])
            }
            (Status::Closed, Verb::Reopen) => {
                let unveiled_meanwhile = self
                    .unveiled
                    .is_some_and(|unveiled| self.closed <= Some(unveiled) && unveiled < on);
                self.closed < Some(on) && !unveiled_meanwhile
            }
            _ => false,
        }
    }
}
