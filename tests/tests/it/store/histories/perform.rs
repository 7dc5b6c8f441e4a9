//! Acts as they are told to the register, and what became of them.

use chrono::{Days, NaiveDate};
use qiaojian_domain::Conflict;
use qiaojian_domain::area::{AreaKind, Level};
use qiaojian_domain::establishment::{EstablishmentParams, Threshold};
use qiaojian_domain::ids::{AreaId, ChangeId, CountId, RuleId};
use qiaojian_domain::organization::{self as domain, Kind, PreciseDate, Status, Verification};
use qiaojian_domain::rule::RuleKind;
use qiaojian_store::areas::{self, AreaVersion, NewArea, NewPart};
use qiaojian_store::counts::{self, NewCount};
use qiaojian_store::organizations::{
    self, Correction, Created, Merging, NewOrganization, Splitting, Turn, Turned,
};
use qiaojian_store::rules::{self, NewRule};
use qiaojian_store::{Recording, StoreError, StoreResult, Subtree};
use qiaojian_tests::fixtures::beginning;
use uuid::Uuid;

use super::super::organizations::{id, preparing, step};
use super::super::register::Register;
use super::act::{Act, Area, MORE_VILLAGES, Number, first_areas};
use super::world::World;

/// What became of an act.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    TookEffect,
    /// By the register, which says why.
    Refused(String),
    /// There is nothing any more, or yet, that it could be told of.
    NotTold,
}

/// Puts what is there at first into the register and the world.
pub async fn begin(register: &Register) -> World {
    for (code, name) in MORE_VILLAGES {
        let parent = register.area(&code[..9]).await;
        let new = NewArea {
            id: AreaId(Uuid::from_u128(code.parse().unwrap())),
            code: (*code).to_owned(),
            name: (*name).to_owned(),
            level: Level::Village,
            kind: AreaKind::Administrative,
            parent: Some(parent),
            valid_from: beginning(),
        };
        register
            .write(move |recording| areas::create(recording, &new))
            .await
            .unwrap();
    }
    let mut world = World::default();
    for (area, code, _) in first_areas() {
        let found = register.area(code).await;
        let under = found.parent_id.map(|parent| world.by_id(parent).unwrap());
        world.found(area, found.area_id, code, under);
    }
    world
}

/// Tells the register, the `place`th of all acts, and says what became of it. The world is as before.
pub async fn perform(register: &Register, world: &World, place: usize, act: &Act) -> Outcome {
    if !can_be_told(world, act, register.today()) {
        return Outcome::NotTold;
    }
    if matches!(act, Act::Ask { .. }) {
        // One version a day.
        register.pass_a_day();
    }
    let told = Told {
        world: world.clone(),
        act: act.clone(),
        place: u128::try_from(place).unwrap(),
        today: register.today(),
    };
    match register.write(move |recording| told.tell(recording)).await {
        Ok(()) => Outcome::TookEffect,
        Err(error) => Outcome::Refused(reason(error)),
    }
}

/// Why an act was refused. That the database fails is no refusal.
fn reason(error: StoreError) -> String {
    match error {
        StoreError::NotFound(what) => format!("no {what}"),
        StoreError::Refused(refused) => format!("it is {}", refused.state),
        StoreError::Conflict(conflict) => conflict.code().to_owned(),
        StoreError::OrganizationExists { .. } => Conflict::OrganizationExists.code().to_owned(),
        StoreError::Invalid(violations) => violations[0].code.to_owned(),
        other => panic!("{other}"),
    }
}

/// Whether the areas it is told of go on: whoever wants to say something of one that has ended finds none under its code, or another.
pub fn can_be_told(world: &World, act: &Act, today: NaiveDate) -> bool {
    let stand = |areas: &[Area]| areas.iter().all(|area| world.goes_on(*area));
    let were_there = |areas: &[Area], on: NaiveDate| {
        stand(areas)
            && areas
                .iter()
                .all(|area| world.areas[area].stands_on(on - Days::new(1)))
    };
    let has_home = |number: &Number| {
        let organization = world.organizations.get(number);
        organization.is_some_and(|one| world.goes_on(*one.area.on(today)))
    };
    match act {
        Act::Record { area, .. }
        | Act::Split { area, .. }
        | Act::Move { to: area, .. }
        | Act::Count { area, .. }
        | Act::SplitArea { area, .. }
        | Act::CloseArea { area, .. } => stand(&[*area]),
        Act::Correct { organization, .. } => has_home(organization),
        Act::MergeAreas {
            from: one,
            into: other,
            ..
        }
        | Act::MoveArea {
            area: one,
            under: other,
            ..
        } => stand(&[*one, *other]),
        Act::ExchangeCodes { one, other, on } | Act::PassCode { one, other, on } => {
            one != other && were_there(&[*one, *other], *on)
        }
        Act::ReuseCode { code_of, on, .. } => {
            let above = world
                .areas
                .contains_key(code_of)
                .then(|| world.first_place(*code_of).1);
            above.flatten().is_some_and(|above| were_there(&[above], *on))
        }
        _ => true,
    }
}

/// An act, and what it has to know.
pub struct Told {
    pub world: World,
    pub act: Act,
    pub place: u128,
    pub today: NaiveDate,
}

impl Told {
    fn tell(&self, recording: &mut Recording<'_, '_>) -> StoreResult<()> {
        match &self.act {
            Act::Record {
                organization,
                status,
                kind,
                area,
                on,
            } => {
                let facts = facts_of(*organization, *status, *kind, *on);
                let new = self.recorded(recording, *organization, *area, facts)?;
                let made = organizations::create(recording, &Subtree::everything(), &new, self.today)?;
                assert!(matches!(made, Created::New(_)), "each is recorded once");
                Ok(())
            }
            Act::CountFrom { date, on } => {
                let params = serde_json::json!({"counted_from": date});
                self.rule(recording, RuleKind::Counting, Area(0), *on, params)
            }
            Act::Ask {
                scope,
                levels,
                villages,
                on,
            } => {
                let params = serde_json::to_value(params(levels, *villages))?;
                self.rule(recording, RuleKind::Establishment, *scope, *on, params)
            }
            Act::Count {
                area,
                persons,
                households,
                on,
            } => {
                let new = NewCount {
                    id: CountId(Uuid::from_u128(self.place)),
                    area: self.area(recording, *area)?.area_id,
                    persons: *persons,
                    households: *households,
                    counted_on: *on,
                    source: "侨情普查".to_owned(),
                };
                counts::record(recording, &new, self.today).map(drop)
            }
            Act::ExchangeCodes { .. } | Act::PassCode { .. } => self.edition(recording),
            act if act.is_of_areas() => self.tell_of_areas(recording),
            _ => self.tell_of_organizations(recording),
        }
    }

    fn tell_of_organizations(&self, recording: &mut Recording<'_, '_>) -> StoreResult<()> {
        let everything = Subtree::everything();
        let of = |number: Number| id(u128::from(number) + 1);
        let today = self.today;
        match &self.act {
            Act::Step {
                organization,
                verb,
                on,
            } => {
                let step = step(*verb, &on.to_string());
                organizations::transition(recording, &everything, of(*organization), None, &step, today)
                    .map(drop)
            }
            Act::Correct {
                organization,
                established,
            } => {
                let known = &self.world.organizations[organization];
                let kind = *known.kind.on(today);
                let facts = facts_of(*organization, Status::Established, kind, *established);
                let area = self.area(recording, *known.area.on(today))?;
                let correction = Correction {
                    facts: &facts,
                    area: &area,
                    parent: None,
                    reason: Some("误填"),
                    verification: Verification::Unverified,
                };
                organizations::correct(
                    recording,
                    &everything,
                    of(*organization),
                    None,
                    &correction,
                    today,
                )
                .map(drop)
            }
            Act::Move { organization, to, on } => {
                let to = Turn::Move(Box::new(self.area(recording, *to)?));
                organizations::turn(
                    recording,
                    &everything,
                    of(*organization),
                    None,
                    (&to, &turned(*on)),
                    today,
                )
                .map(drop)
            }
            Act::Rekind {
                organization,
                kind,
                on,
            } => {
                let to = Turn::Rekind {
                    kind: *kind,
                    name: None,
                };
                organizations::turn(
                    recording,
                    &everything,
                    of(*organization),
                    None,
                    (&to, &turned(*on)),
                    today,
                )
                .map(drop)
            }
            Act::Merge {
                organization,
                into,
                on,
            } => {
                let merging = Merging {
                    change: ChangeId(Uuid::from_u128(self.place)),
                    into: of(*into),
                    on: PreciseDate::day(*on),
                    reason: Some("并入".to_owned()),
                    doc_no: None,
                    verification: Verification::Unverified,
                };
                organizations::merge(recording, &everything, of(*organization), None, &merging, today)
                    .map(drop)
            }
            Act::Split {
                organization,
                part,
                area,
                on,
            } => {
                let facts = facts_of(*part, Status::Established, Kind::Federation, *on);
                let new = self.recorded(recording, *part, *area, facts)?;
                let splitting = Splitting {
                    change: ChangeId(Uuid::from_u128(self.place)),
                    on: PreciseDate::day(*on),
                    reason: Some("分设"),
                    doc_no: None,
                    into: &[Ok(new)],
                };
                organizations::split(recording, &everything, of(*organization), None, &splitting, today)
                    .map(drop)
            }
            Act::Void { organization } => {
                organizations::void(recording, &everything, of(*organization), None, "重复")
            }
            other => panic!("{other:?}"),
        }
    }

    fn tell_of_areas(&self, recording: &mut Recording<'_, '_>) -> StoreResult<()> {
        let everything = Subtree::everything();
        let turn = |on: NaiveDate| areas::Turn {
            on,
            reason: "区划调整".to_owned(),
            expected: None,
            today: self.today,
        };
        match &self.act {
            Act::MergeAreas { from, into, on } => {
                let (from, into) = (self.area(recording, *from)?, self.area(recording, *into)?);
                areas::merge(recording, &everything, &from.code, &into, &turn(*on)).map(drop)
            }
            Act::SplitArea { area, part, on } => {
                let divided = self.area(recording, *area)?;
                let part = NewPart {
                    id: new_id(*part),
                    code: self.world.new_code(*area, *part, *on),
                    name: part.name(),
                    children: self.world.given_away(*area, self.today),
                };
                areas::split(recording, &everything, &divided.code, &[part], &turn(*on)).map(drop)
            }
            Act::ReuseCode { area, code_of, on } => {
                let (code, above) = self.world.first_place(*code_of);
                let new = NewArea {
                    id: new_id(*area),
                    level: self.world.level(*code_of),
                    kind: AreaKind::Administrative,
                    name: area.name(),
                    code,
                    parent: Some(self.area(recording, above.unwrap())?),
                    valid_from: *on,
                };
                areas::set_up(recording, &new, self.today).map(drop)
            }
            Act::CloseArea { area, on } => {
                let area = self.area(recording, *area)?;
                areas::close(recording, &everything, &area.code, &turn(*on)).map(drop)
            }
            Act::MoveArea { area, under, on } => {
                let (area, under) = (self.area(recording, *area)?, self.area(recording, *under)?);
                areas::move_under(recording, &everything, &area.code, (&under, None), &turn(*on)).map(drop)
            }
            other => panic!("{other:?}"),
        }
    }

    /// The area as it is now. The code by which the world knows it leads to it and to no other.
    fn area(&self, recording: &mut Recording<'_, '_>, area: Area) -> StoreResult<AreaVersion> {
        let code = self.world.code(area, self.today);
        let found = areas::find(recording.conn(), &Subtree::everything(), &code)?;
        assert_eq!(
            self.world.by_id(found.area_id),
            Some(area),
            "who has the code {code}"
        );
        Ok(found)
    }

    fn recorded(
        &self,
        recording: &mut Recording<'_, '_>,
        number: Number,
        area: Area,
        facts: domain::Facts,
    ) -> StoreResult<NewOrganization> {
        Ok(NewOrganization {
            id: id(u128::from(number) + 1),
            digest: number.to_string(),
            area: self.area(recording, area)?,
            parent: None,
            facts,
            verification: Verification::Unverified,
        })
    }

    fn rule(
        &self,
        recording: &mut Recording<'_, '_>,
        kind: RuleKind,
        scope: Area,
        on: NaiveDate,
        params: serde_json::Value,
    ) -> StoreResult<()> {
        let new = NewRule {
            id: RuleId(Uuid::from_u128(self.place)),
            kind,
            name: rules::DEFAULT.to_owned(),
            scope_area: self.area(recording, scope)?.area_id,
            effective_from: on,
            params,
            source: "方案".to_owned(),
        };
        rules::create(recording, &new).map(drop)
    }
}

pub fn new_id(area: Area) -> AreaId {
    AreaId(Uuid::from_u128(u128::from(area.0)))
}

pub fn params(levels: &[Level], villages: Option<(i32, i32)>) -> EstablishmentParams {
    EstablishmentParams {
        levels: levels.to_vec(),
        village: villages.map(|(persons, households)| Threshold { persons, households }),
    }
}

fn facts_of(number: Number, status: Status, kind: Kind, on: NaiveDate) -> domain::Facts {
    let mut facts = preparing();
    facts.name = format!("第{number}个");
    facts.kind = kind;
    facts.life.status = status;
    let on = Some(PreciseDate::day(on));
    match status {
        Status::Approved => facts.life.approved = on,
        Status::Established => facts.life.established = on,
        _ => {}
    }
    facts
}

fn turned(on: NaiveDate) -> Turned {
    Turned {
        on: PreciseDate::day(on),
        reason: None,
        verification: Verification::Unverified,
    }
}
