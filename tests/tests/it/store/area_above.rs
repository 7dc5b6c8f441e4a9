//! What becomes of an area above is no change of the areas below: they can still be closed, merged, moved and added for days before it.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Days, NaiveDate};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use qiaojian_domain::Noun;
use qiaojian_domain::area::{AreaKind, Level, Wanted, path_under};
use qiaojian_domain::ids::AreaId;
use qiaojian_store::areas::{self, AreaVersion, Filter, NewArea, Turn};
use qiaojian_store::{Moment, StoreError, StoreResult, Subtree, ledger};
use qiaojian_tests::Backend;
use qiaojian_tests::fixtures::{AREAS, beginning, date};
use rstest_reuse::apply;
use uuid::Uuid;

use super::register::{Register, with_register};
use crate::both_databases;

fn turn(register: &Register, on: NaiveDate) -> Turn {
    Turn {
        on,
        reason: "区划调整".to_owned(),
        expected: None,
        today: register.today(),
    }
}

/// One change of an area.
#[derive(Debug, Clone, Copy)]
enum Act {
    Recode(&'static str),
    Move(&'static str),
    Merge(&'static str),
    Close,
    /// A new area beside it.
    Add(&'static str, u128),
}

async fn act(register: &Register, code: &'static str, act: Act, on: &str) -> StoreResult<()> {
    act_on(register, code, act, date(on)).await
}

async fn act_on(register: &Register, code: &'static str, act: Act, on: NaiveDate) -> StoreResult<()> {
    let turn = turn(register, on);
    let all = Subtree::everything();
    register
        .write(move |recording| {
            let find = |recording: &mut qiaojian_store::Recording<'_, '_>, code: &str| {
                areas::find_anywhere(recording.conn(), code)?.ok_or(StoreError::NotFound(Noun::Area))
            };
            match act {
                Act::Recode(to) => {
                    let wanted = Wanted {
                        name: None,
                        code: Some(to),
                    };
                    areas::rename(recording, &all, code, wanted, &turn).map(drop)
                }
                Act::Move(to) => {
                    let to = find(recording, to)?;
                    areas::move_under(recording, &all, code, (&to, None), &turn).map(drop)
                }
                Act::Merge(into) => {
                    let into = find(recording, into)?;
                    areas::merge(recording, &all, code, &into, &turn).map(drop)
                }
                Act::Close => areas::close(recording, &all, code, &turn).map(drop),
                Act::Add(new, id) => {
                    let beside = find(recording, code)?;
                    let new = NewArea {
                        id: AreaId(Uuid::from_u128(id)),
                        code: new.to_owned(),
                        name: "新设".to_owned(),
                        level: beside.level,
                        kind: AreaKind::Administrative,
                        parent: match beside.parent_id {
                            Some(parent) => Some(areas::by_id(recording.conn(), parent)?),
                            None => None,
                        },
                        valid_from: turn.on,
                    };
                    areas::set_up(recording, &new, turn.today).map(drop)
                }
            }
        })
        .await
}

/// The tree of a day: each area's path and what it stands under.
type Tree = BTreeMap<AreaId, AreaVersion>;

async fn tree(register: &Register, as_of: NaiveDate) -> Tree {
    let rows = register.read(move |conn| {
        let known = ledger::known(conn)?;
        let moment = Moment { as_of, known };
        let filter = Filter::every_kind();
        Ok(areas::list_on(
            conn,
            &Subtree::everything(),
            moment,
            &filter,
            None,
            i64::MAX,
        )?)
    });
    let rows = rows.await.unwrap();
    let count = rows.len();
    let tree: Tree = rows.into_iter().map(|row| (row.area_id, row)).collect();
    assert_eq!(tree.len(), count, "an area stands once on a day");
    let codes: BTreeSet<&str> = tree.values().map(|row| row.code.as_str()).collect();
    assert_eq!(codes.len(), count, "a code belongs to one area on a day");
    for row in tree.values() {
        let above = row.parent_id.map_or("", |parent| tree[&parent].path.as_str());
        assert_eq!(row.path, path_under(above, &row.code), "on {as_of}");
    }
    tree
}

async fn path_on(register: &Register, id: AreaId, day: &str) -> Option<String> {
    tree(register, date(day))
        .await
        .get(&id)
        .map(|row| row.path.clone())
}

fn refused(result: StoreResult<()>) -> String {
    match result {
        Err(StoreError::Invalid(violations)) => violations[0].code.to_owned(),
        other => format!("{other:?}"),
    }
}

#[apply(both_databases)]
fn a_village_is_closed_or_merged_on_a_day_before_its_county_was_recoded_or_that_day(
    #[case] backend: Backend,
) {
    with_register(backend, async |register| {
        let (one, other) = (
            register.area("340304001001").await.area_id,
            register.area("340304001002").await.area_id,
        );
        act(register, "340304", Act::Recode("340305"), "2022-05-01")
            .await
            .unwrap();
        act(register, "340305", Act::Recode("340306"), "2022-06-01")
            .await
            .unwrap();
        act(register, "340304001001", Act::Merge("340304001002"), "2022-04-15")
            .await
            .unwrap();
        act(register, "340304001002", Act::Close, "2022-05-01")
            .await
            .unwrap();
        let path = "340000/340300/340304/340304001/";
        let before = |code: &str| Some(path_under(path, code));
        for (day, expected) in [
            ("2022-04-14", [before("340304001001"), before("340304001002")]),
            ("2022-04-15", [None, before("340304001002")]),
            ("2022-04-30", [None, before("340304001002")]),
            ("2022-05-01", [None, None]),
            ("2022-06-02", [None, None]),
        ] {
            let stood = [
                path_on(register, one, day).await,
                path_on(register, other, day).await,
            ];
            assert_eq!(stood, expected, "{day}");
        }
        for (id, until) in [(one, "2022-04-15"), (other, "2022-05-01")] {
            let last = register.read(move |conn| areas::by_id(conn, id)).await.unwrap();
            assert_eq!((last.valid_to, last.ended), (Some(date(until)), true));
        }
    });
}

#[apply(both_databases)]
fn a_merger_above_is_no_change_of_a_village_and_lasts_beyond_a_late_move(#[case] backend: Backend) {
    with_register(backend, async |register| {
        let (moved, closed) = (
            register.area("340304001001").await.area_id,
            register.area("340304001002").await.area_id,
        );
        act(register, "340304001", Act::Merge("340304002"), "2022-05-01")
            .await
            .unwrap();
        act(register, "340304001001", Act::Move("340322100"), "2022-04-01")
            .await
            .unwrap();
        act(register, "340304001002", Act::Close, "2022-05-01")
            .await
            .unwrap();
        for (day, under) in [
            ("2022-03-31", "340304/340304001"),
            ("2022-04-01", "340322/340322100"),
            ("2022-05-01", "340322/340322100"),
        ] {
            let expected = format!("340000/340300/{under}/340304001001/");
            assert_eq!(path_on(register, moved, day).await, Some(expected), "{day}");
        }
        assert!(path_on(register, closed, "2022-04-30").await.is_some());
        assert!(path_on(register, closed, "2022-05-01").await.is_none());
    });
}

#[apply(both_databases)]
fn a_township_is_divided_on_a_day_before_its_county_went_to_another_city(#[case] backend: Backend) {
    with_register(backend, async |register| {
        let village = register.area("340304001001").await.area_id;
        act(register, "340304", Act::Move("341800"), "2022-05-01")
            .await
            .unwrap();
        let turn = turn(register, date("2022-03-01"));
        register
            .write(move |recording| {
                let part = areas::NewPart {
                    id: AreaId(Uuid::from_u128(1)),
                    code: "340304003".to_owned(),
                    name: "燕山街道".to_owned(),
                    children: vec!["340304001001".to_owned()],
                };
                areas::split(recording, &Subtree::everything(), "340304001", &[part], &turn).map(drop)
            })
            .await
            .unwrap();
        for (day, path) in [
            ("2022-02-28", "340000/340300/340304/340304001/340304001001/"),
            ("2022-03-01", "340000/340300/340304/340304003/340304001001/"),
            ("2022-05-01", "340000/341800/340304/340304003/340304001001/"),
        ] {
            assert_eq!(
                path_on(register, village, day).await.as_deref(),
                Some(path),
                "{day}"
            );
        }
    });
}

#[apply(both_databases)]
fn what_is_told_late_stands_where_the_area_above_stood_on_each_day(#[case] backend: Backend) {
    with_register(backend, async |register| {
        act(register, "340304", Act::Recode("340305"), "2022-05-01")
            .await
            .unwrap();
        let new = AreaId(Uuid::from_u128(77));
        act(register, "340304002", Act::Add("340304009", 77), "2022-04-01")
            .await
            .unwrap();
        let village = register.area("341802001001").await.area_id;
        act(register, "341802001001", Act::Move("340304001"), "2022-04-15")
            .await
            .unwrap();
        act(register, "340322100", Act::Merge("340304002"), "2022-04-20")
            .await
            .unwrap();
        for (day, county) in [("2022-04-20", "340304"), ("2022-05-01", "340305")] {
            assert_eq!(
                path_on(register, new, day).await,
                Some(format!("340000/340300/{county}/340304009/"))
            );
            assert_eq!(
                path_on(register, village, day).await,
                Some(format!("340000/340300/{county}/340304001/341802001001/"))
            );
        }
        assert_eq!(path_on(register, new, "2022-03-31").await, None);
    });
}

/// What an area has become itself stands: it does not end on a day before that.
#[apply(both_databases)]
fn a_change_of_its_own_is_still_in_the_way(#[case] backend: Backend) {
    with_register(backend, async |register| {
        // A code that it had from its last day on is none.
        act(
            register,
            "340304001001",
            Act::Recode("340304001009"),
            "2022-05-01",
        )
        .await
        .unwrap();
        let told = act(register, "340304001009", Act::Close, "2022-04-15").await;
        assert_eq!(refused(told), "before_last_change");
        act(register, "340304001009", Act::Close, "2022-05-01")
            .await
            .unwrap();
        act(register, "340304001002", Act::Move("340304002"), "2022-05-01")
            .await
            .unwrap();
        for day in ["2022-04-15", "2022-05-01"] {
            let told = act(register, "340304001002", Act::Close, day).await;
            assert_eq!(refused(told), "before_last_change", "{day}");
        }
        act(register, "340304001002", Act::Close, "2022-05-02")
            .await
            .unwrap();
    });
}

const NEW_CODES: [(&str, Level); 4] = [
    ("340305", Level::County),
    ("340306", Level::County),
    ("340304007", Level::Township),
    ("340304001007", Level::Village),
];

fn random_act((what, to): (u8, u8), number: u128) -> Act {
    let code = AREAS[usize::from(to) % AREAS.len()].0;
    let new = NEW_CODES[usize::from(to) % NEW_CODES.len()].0;
    match what % 5 {
        0 => Act::Recode(new),
        1 => Act::Move(code),
        2 => Act::Merge(code),
        3 => Act::Close,
        _ => Act::Add(new, number),
    }
}

/// Whatever is told of a day, the trees of earlier days stay, and every day's tree holds together.
#[apply(both_databases)]
fn trees_of_earlier_days_stay_and_every_day_holds_together(#[case] backend: Backend) {
    let mut runner = TestRunner::new(Config {
        cases: 5,
        failure_persistence: None,
        ..Config::default()
    });
    let acts = prop::collection::vec((any::<u8>(), (any::<u8>(), any::<u8>()), 0_u64..260), 1..24);
    runner
        .run(&acts, |acts| {
            with_register(backend, async |register| {
                let first = date("2021-10-01");
                for (number, (which, what, day)) in acts.iter().enumerate() {
                    let code = AREAS[usize::from(*which) % AREAS.len()].0;
                    let on = first + Days::new(*day);
                    let samples = [beginning(), on - Days::new(9), on - Days::new(1)];
                    let mut before = Vec::new();
                    for sample in samples {
                        before.push(tree(register, sample).await.into_values());
                    }
                    let act = random_act(*what, 1000 + number as u128);
                    let done = act_on(register, code, act, on).await;
                    if let Err(error) = &done {
                        assert!(
                            matches!(
                                error,
                                StoreError::Invalid(_) | StoreError::Conflict(_) | StoreError::NotFound(_)
                            ),
                            "{error}"
                        );
                    }
                    for (sample, before) in samples.into_iter().zip(before) {
                        let own = |row: AreaVersion| (row.area_id, row.path, row.name);
                        let before: Vec<_> = before.map(own).collect();
                        let now: Vec<_> = tree(register, sample).await.into_values().map(own).collect();
                        assert_eq!(now, before, "on {sample}, after {act:?} of {code} on {on}");
                    }
                    for later in [on, on + Days::new(30), register.today()] {
                        tree(register, later).await;
                    }
                }
            });
            Ok(())
        })
        .unwrap();
}
