//! Random histories: acts of an office, told to the register and kept by hand.

use std::collections::BTreeMap;

use chrono::{Days, NaiveDate};
use proptest::prelude::*;
use qiaojian_shared::domain::organization::{self as domain, Kind, PreciseDate, Status, Verb, Verification};
use qiaojian_shared::domain::rule::{CountedFrom, RuleKind};
use qiaojian_shared::ids::{ChangeId, CountId, OrganizationId, RuleId};
use qiaojian_shared::store::counts::{self, NewCount};
use qiaojian_shared::store::organizations::{
    self, Correction, Merging, NewOrganization, Splitting, Step, Turn, Turned,
};
use qiaojian_shared::store::rules::{self, NewRule};
use qiaojian_shared::store::{Subtree, areas};
use qiaojian_tests::fixtures::{AREAS, date};
use uuid::Uuid;

use super::organizations::{id, preparing, step};
use super::register::Register;

/// One act of somebody: what, on which organization, where and when. Acts that are refused change nothing.
pub type Act = (u8, u8, u8, u16);

pub const ORGANIZATIONS: u8 = 4;

/// Most often something is established, closed, established again or moved: a life needs several acts on one organization.
pub fn acts() -> impl Strategy<Value = Vec<Act>> {
    let what = prop_oneof![
        3 => Just(2_u8),
        3 => Just(6),
        2 => Just(12),
        2 => Just(8),
        2 => Just(9),
        2 => Just(19),
        8 => 0_u8..20,
    ];
    prop::collection::vec((what, 0..ORGANIZATIONS, any::<u8>(), any::<u16>()), 1..24)
}

/// A day between the baseline and the article.
pub fn some_day(number: u16) -> NaiveDate {
    date("2021-10-01") + Days::new(u64::from(number) % 260)
}

/// What the organizations are known to be now, and the versions of the counting rule with their days, kept by hand.
#[derive(Default)]
pub struct Known {
    pub organizations: BTreeMap<u8, (&'static str, domain::Facts)>,
    pub rules: Vec<(NaiveDate, CountedFrom)>,
}

impl Known {
    /// By which dates organizations count on a day: of the versions in force the one that came into force last, and of those of one day the
    /// newest.
    pub fn counted_from(&self, on: NaiveDate) -> CountedFrom {
        let in_force = self.rules.iter().filter(|(from, _)| *from <= on);
        in_force
            .max_by_key(|(from, _)| *from)
            .map_or(CountedFrom::Established, |(_, counted)| *counted)
    }
}

pub fn area(number: u8) -> &'static str {
    let townships_and_up: Vec<&str> = AREAS.iter().map(|(code, _)| *code).collect();
    townships_and_up[usize::from(number) % townships_and_up.len()]
}

pub fn facts_of(number: u8, status: Status, day: NaiveDate) -> domain::Facts {
    let mut facts = preparing();
    facts.name = format!("第{number}个");
    facts.kind = if number.is_multiple_of(3) {
        Kind::WorkStation
    } else {
        Kind::Federation
    };
    facts.life.status = status;
    let on = Some(PreciseDate::day(day));
    match status {
        Status::Approved => facts.life.approved = on,
        Status::Established => facts.life.established = on,
        _ => {}
    }
    facts
}

pub async fn perform(register: &Register, known: &mut Known, (what, which, place, when): Act) {
    let (today, day) = (register.today(), some_day(when));
    let organization = id(u128::from(which) + 1);
    match what {
        0..=2 => {
            let status = [Status::Preparing, Status::Approved, Status::Established][usize::from(what)];
            let (code, facts) = (area(place), facts_of(which, status, day));
            let new = NewOrganization {
                id: organization,
                digest: format!("{what} {place} {when}"),
                area: match register.area_if_there(code).await {
                    Some(area) => area,
                    None => return,
                },
                parent: None,
                facts: facts.clone(),
                verification: Verification::Unverified,
            };
            let made = register
                .write(move |recording| organizations::create(recording, &Subtree::everything(), &new, today))
                .await;
            if matches!(made, Ok(organizations::Created::New(_))) {
                known.organizations.insert(which, (code, facts));
            }
        }
        3..=6 | 12 => {
            let verb = match what {
                3 => Verb::Approve,
                4 => Verb::Establish,
                5 => Verb::Unveil,
                6 => Verb::Close,
                _ => Verb::Reopen,
            };
            let step: Step = step(verb, &day.to_string());
            let done = register
                .write(move |recording| {
                    organizations::transition(
                        recording,
                        &Subtree::everything(),
                        organization,
                        None,
                        &step,
                        today,
                    )
                })
                .await;
            if let Ok(done) = done
                && let Some((_, facts)) = known.organizations.get_mut(&which)
            {
                facts.life = done.organization.life().unwrap();
            }
        }
        7 => {
            let Some((code, before)) = known.organizations.get(&which).cloned() else {
                return;
            };
            let facts = domain::Facts {
                kind: before.kind,
                ..facts_of(which, Status::Established, day)
            };
            let stands = register.area(code).await;
            let corrected = facts.clone();
            let done = register
                .write(move |recording| {
                    let correction = Correction {
                        facts: &corrected,
                        area: &stands,
                        parent: None,
                        reason: Some("误填"),
                        verification: Verification::Unverified,
                    };
                    organizations::correct(
                        recording,
                        &Subtree::everything(),
                        organization,
                        None,
                        &correction,
                        today,
                    )
                })
                .await;
            if done.is_ok() {
                known.organizations.insert(which, (code, facts));
            }
        }
        8 => {
            let code = area(place);
            let Some(to) = register.area_if_there(code).await else {
                return;
            };
            let turn = Turn::Move(Box::new(to));
            let done = turn_round(register, organization, turn, day).await;
            if done && let Some((stands, _)) = known.organizations.get_mut(&which) {
                *stands = code;
            }
        }
        9 => {
            let kind = if place % 2 == 0 {
                Kind::Federation
            } else {
                Kind::WorkStation
            };
            let done = turn_round(register, organization, Turn::Rekind { kind, name: None }, day).await;
            if done && let Some((_, facts)) = known.organizations.get_mut(&which) {
                facts.kind = kind;
            }
        }
        10 => {
            let Some(counted) = register.area_if_there(area(place)).await else {
                return;
            };
            let new = NewCount {
                id: CountId(Uuid::from_u128(
                    u128::from(when) << 16 | u128::from(place) << 8 | u128::from(which),
                )),
                area: counted.area_id,
                persons: (which % 2 == 0).then_some(i32::from(place) % 20),
                households: (place % 2 == 0).then_some(i32::from(which)),
                counted_on: day,
                source: "侨情普查".to_owned(),
            };
            // The same id twice is refused by the database, which changes nothing.
            let _ = register
                .write(move |recording| counts::record(recording, &new, today))
                .await;
        }
        15 => {
            let (from, into) = (street(which), street(place));
            if merge_streets(register, from, into, day).await {
                for (stands, _) in known
                    .organizations
                    .values_mut()
                    .filter(|(stands, _)| *stands == from)
                {
                    *stands = into;
                }
            }
        }
        // What stood in it counts at the county from then on, which changes no sum.
        19 => {
            let (code, turn) = (street(which), at(register, day));
            let _ = register
                .write(move |recording| areas::close(recording, &Subtree::everything(), code, &turn))
                .await;
        }
        16 => {
            let county = ["340304", "340322", "341802"][usize::from(place) % 3];
            move_area(register, street(which), county, day).await;
        }
        17 => {
            let city = ["340300", "341800"][usize::from(place) % 2];
            move_area(register, ["340304", "340322"][usize::from(which) % 2], city, day).await;
        }
        18 => {
            let counted = CountedFrom::ALL[usize::from(which) % CountedFrom::ALL.len()];
            let scope = register.area("340000").await.area_id;
            let new = NewRule {
                id: RuleId(Uuid::from_u128(u128::try_from(known.rules.len()).unwrap() + 1)),
                kind: RuleKind::Counting,
                name: "default".to_owned(),
                scope_area: scope,
                effective_from: day,
                params: serde_json::json!({"counted_from": counted}),
                source: "方案".to_owned(),
            };
            register
                .write(move |recording| rules::create(recording, &new))
                .await
                .unwrap();
            known.rules.push((day, counted));
        }
        13 => {
            let merging = Merging {
                change: ChangeId(Uuid::from_u128(u128::from(when) << 8 | u128::from(which))),
                into: id(u128::from(place % ORGANIZATIONS) + 1),
                on: PreciseDate::day(day),
                reason: Some("并入".to_owned()),
                doc_no: None,
                verification: Verification::Unverified,
            };
            let done = register
                .write(move |recording| {
                    let everything = Subtree::everything();
                    organizations::merge(recording, &everything, organization, None, &merging, today)
                })
                .await;
            if let Ok(done) = done
                && let Some((_, facts)) = known.organizations.get_mut(&which)
            {
                facts.life = done.organization.life().unwrap();
            }
        }
        14 => {
            let part = place % ORGANIZATIONS;
            let (code, facts) = (area(place), facts_of(part, Status::Established, day));
            let Some(stands) = register.area_if_there(code).await else {
                return;
            };
            let new = NewOrganization {
                id: id(u128::from(part) + 1),
                digest: format!("{what} {place} {when}"),
                area: stands,
                parent: None,
                facts: facts.clone(),
                verification: Verification::Unverified,
            };
            let change = ChangeId(Uuid::from_u128(u128::from(when) << 8 | 1 << 100));
            let made = register
                .write(move |recording| {
                    let splitting = Splitting {
                        change,
                        on: PreciseDate::day(day),
                        reason: Some("分设"),
                        doc_no: None,
                        into: &[Ok(new.clone())],
                    };
                    let everything = Subtree::everything();
                    organizations::split(recording, &everything, organization, None, &splitting, today)
                })
                .await;
            if let Ok((_, made)) = made
                && matches!(made.first(), Some(organizations::Created::New(_)))
            {
                known.organizations.insert(part, (code, facts));
            }
        }
        _ => {
            let done = register
                .write(move |recording| {
                    organizations::void(recording, &Subtree::everything(), organization, None, "重复")
                })
                .await;
            if done.is_ok() {
                known.organizations.remove(&which);
            }
        }
    }
}

pub fn street(number: u8) -> &'static str {
    ["340304001", "340304002", "340322100", "341802001"][usize::from(number) % 4]
}

pub fn at(register: &Register, day: NaiveDate) -> areas::Turn {
    areas::Turn {
        on: day,
        reason: "区划调整".to_owned(),
        expected: None,
        today: register.today(),
    }
}

pub async fn merge_streets(
    register: &Register,
    from: &'static str,
    into: &'static str,
    day: NaiveDate,
) -> bool {
    let Some(into) = register.area_if_there(into).await else {
        return false;
    };
    let turn = at(register, day);
    register
        .write(move |recording| areas::merge(recording, &Subtree::everything(), from, &into, &turn))
        .await
        .is_ok()
}

pub async fn move_area(register: &Register, code: &'static str, parent: &'static str, day: NaiveDate) {
    let (parent, turn) = (register.area(parent).await, at(register, day));
    // What is refused changes nothing.
    let _ = register
        .write(move |recording| {
            areas::move_under(recording, &Subtree::everything(), code, (&parent, None), &turn)
        })
        .await;
}

pub async fn turn_round(register: &Register, id: OrganizationId, turn: Turn, day: NaiveDate) -> bool {
    let today = register.today();
    let turned = Turned {
        on: PreciseDate::day(day),
        reason: None,
        verification: Verification::Unverified,
    };
    register
        .write(move |recording| {
            let how = (&turn, &turned);
            organizations::turn(recording, &Subtree::everything(), id, None, how, today)
        })
        .await
        .is_ok()
}
