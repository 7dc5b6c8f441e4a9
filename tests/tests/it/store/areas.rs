//! Areas in time: the tree of any day is what was told of that day, and what was known before stays.

use std::collections::BTreeMap;

use chrono::{Days, NaiveDate};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use qiaojian_domain::Conflict;
use qiaojian_domain::area::{AreaKind, Level, Wanted};
use qiaojian_store::areas::{self, AreaVersion, Filter, Turn};
use qiaojian_store::{Moment, Recorded, StoreError, Subtree, ledger};
use qiaojian_tests::Backend;
use qiaojian_tests::fixtures::{AREAS, beginning, date};
use rstest_reuse::apply;

use super::register::{Register, with_register};
use crate::both_databases;

/// Which area, under which, from which day on.
type Move = (u8, u8, u16);

fn moves() -> impl Strategy<Value = Vec<Move>> {
    prop::collection::vec((any::<u8>(), any::<u8>(), any::<u16>()), 1..20)
}

fn some_day(number: u16) -> NaiveDate {
    date("2021-10-01") + Days::new(u64::from(number) % 260)
}

fn pick(number: u8) -> &'static str {
    AREAS[usize::from(number) % AREAS.len()].0
}

fn turn(register: &Register, on: NaiveDate) -> Turn {
    Turn {
        on,
        reason: "区划调整".to_owned(),
        expected: None,
        today: register.today(),
    }
}

/// The areas above each area, by the day from which on they stand above it.
type ByHand = BTreeMap<String, BTreeMap<NaiveDate, Option<String>>>;

fn parent_on(by_hand: &ByHand, code: &str, day: NaiveDate) -> Option<String> {
    by_hand[code].range(..=day).next_back().unwrap().1.clone()
}

/// From `day` on it stands under `parent`, until it is known to have stood elsewhere than it did on that day.
fn stands_from(stood: &mut BTreeMap<NaiveDate, Option<String>>, day: NaiveDate, parent: &str) {
    let was = stood.range(..=day).next_back().unwrap().1.clone();
    let later: Vec<NaiveDate> = stood
        .range(day..)
        .take_while(|(_, above)| **above == was)
        .map(|(day, _)| *day)
        .collect();
    for day in later {
        stood.remove(&day);
    }
    stood.insert(day, Some(parent.to_owned()));
}

fn path_on(by_hand: &ByHand, code: &str, day: NaiveDate) -> String {
    let above = parent_on(by_hand, code, day).map(|parent| path_on(by_hand, &parent, day));
    format!("{}{code}/", above.unwrap_or_default())
}

async fn tree(register: &Register, as_of: NaiveDate, known: Option<Recorded>) -> Vec<AreaVersion> {
    register
        .read(move |conn| {
            let known = match known {
                Some(known) => known,
                None => ledger::known(conn)?,
            };
            let moment = Moment { as_of, known };
            let everything = Subtree::everything();
            Ok(areas::list_on(
                conn,
                &everything,
                moment,
                &Filter::default(),
                None,
                i64::MAX,
            )?)
        })
        .await
        .unwrap()
}

fn paths(tree: &[AreaVersion]) -> BTreeMap<String, String> {
    tree.iter()
        .map(|area| (area.code.clone(), area.path.clone()))
        .collect()
}

#[apply(both_databases)]
fn the_tree_of_any_day_is_as_it_was_told(#[case] backend: Backend) {
    let mut runner = TestRunner::new(Config {
        cases: 6,
        failure_persistence: None,
        ..Config::default()
    });
    runner
        .run(&moves(), |moves| {
            with_register(backend, async |register| {
                let mut by_hand: ByHand = tree(register, beginning(), None)
                    .await
                    .iter()
                    .map(|area| {
                        let above = area.ancestor_codes().last().map(|code| (*code).to_owned());
                        (area.code.clone(), BTreeMap::from([(beginning(), above)]))
                    })
                    .collect();
                let mut told = Vec::new();
                for (which, under, when) in &moves {
                    let (code, parent, day) = (pick(*which), pick(*under), some_day(*when));
                    let (to, turn) = (register.area(parent).await, turn(register, day));
                    let moved = register
                        .write(move |recording| {
                            areas::move_under(recording, &Subtree::everything(), code, (&to, None), &turn)
                        })
                        .await;
                    match moved {
                        Ok(_) => stands_from(by_hand.get_mut(code).unwrap(), day, parent),
                        Err(StoreError::Invalid(_)) => {}
                        Err(error) => panic!("{error}"),
                    }
                    for day in [day, day - Days::new(1), register.today()] {
                        let now = paths(&tree(register, day, None).await);
                        let expected: BTreeMap<String, String> = by_hand
                            .keys()
                            .map(|code| (code.clone(), path_on(&by_hand, code, day)))
                            .collect();
                        assert_eq!(now, expected, "on {day}, after {which} {under} {when}");
                        let at = register.read(|conn| Ok(ledger::known(conn)?)).await.unwrap();
                        told.push((day, at, now));
                    }
                }
                for (day, at, before) in told {
                    assert_eq!(
                        paths(&tree(register, day, Some(at)).await),
                        before,
                        "as known at {at:?}"
                    );
                }
            });
            Ok(())
        })
        .unwrap();
}

#[apply(both_databases)]
fn a_late_renaming_lasts_until_the_next_one(#[case] backend: Backend) {
    with_register(backend, async |register| {
        for (on, name) in [("2022-05-01", "大庆镇"), ("2022-03-01", "大庆乡")] {
            let turn = turn(register, date(on));
            register
                .write(move |recording| {
                    let wanted = Wanted {
                        name: Some(name),
                        code: None,
                    };
                    areas::rename(recording, &Subtree::everything(), "340304001", wanted, &turn)
                })
                .await
                .unwrap();
        }
        for (on, name) in [
            ("2022-02-28", "大庆街道"),
            ("2022-03-01", "大庆乡"),
            ("2022-04-30", "大庆乡"),
            ("2022-05-01", "大庆镇"),
        ] {
            let tree = tree(register, date(on), None).await;
            let street = tree.iter().find(|area| area.code == "340304001").unwrap();
            assert_eq!(street.name, name, "{on}");
        }
    });
}

/// A code that goes to another area belongs to each in its time.
#[apply(both_databases)]
fn a_new_code_leads_to_the_area_and_the_old_one_to_who_had_it(#[case] backend: Backend) {
    with_register(backend, async |register| {
        let recode = turn(register, date("2022-03-01"));
        register
            .write(move |recording| {
                let wanted = Wanted {
                    name: None,
                    code: Some("340305"),
                };
                areas::rename(recording, &Subtree::everything(), "340304", wanted, &recode)
            })
            .await
            .unwrap();
        let anew = areas::NewArea {
            id: qiaojian_domain::ids::AreaId(uuid::Uuid::from_u128(99)),
            code: "340304".to_owned(),
            name: "新区".to_owned(),
            level: Level::County,
            kind: AreaKind::Administrative,
            parent: Some(register.area("340300").await),
            valid_from: date("2022-02-01"),
        };
        let today = register.today();
        let (too_early, in_time) = (
            anew.clone(),
            areas::NewArea {
                valid_from: date("2022-03-01"),
                ..anew
            },
        );
        let refused = register
            .write(move |recording| areas::set_up(recording, &too_early, today))
            .await;
        assert!(matches!(
            refused,
            Err(StoreError::Conflict(Conflict::AreaCodeTaken))
        ));
        register
            .write(move |recording| areas::set_up(recording, &in_time, today))
            .await
            .unwrap();
        let (before, after) = (
            tree(register, date("2022-02-28"), None).await,
            tree(register, date("2022-03-01"), None).await,
        );
        let name = |tree: &[AreaVersion], code: &str| {
            tree.iter()
                .find(|area| area.code == code)
                .map(|area| area.name.clone())
        };
        assert_eq!(name(&before, "340304").as_deref(), Some("禹会区"));
        assert_eq!(name(&before, "340305"), None);
        assert_eq!(name(&after, "340304").as_deref(), Some("新区"));
        assert_eq!(name(&after, "340305").as_deref(), Some("禹会区"));
        let street = after.iter().find(|area| area.code == "340304001").unwrap();
        assert_eq!(street.path, "340000/340300/340305/340304001/");
    });
}
