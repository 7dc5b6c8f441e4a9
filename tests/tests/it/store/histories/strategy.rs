//! Histories at random. Short stories are put behind each other, because a merger of counted villages, say, takes several acts that fit; each act
//! may be left out or come too early when a counterexample is made smaller.

use chrono::{Days, NaiveDate};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::Union;
use qiaojian_shared::domain::area::Level;
use qiaojian_shared::domain::organization::{Kind, Status, Verb};
use qiaojian_shared::domain::rule::CountedFrom;
use qiaojian_tests::fixtures::date;

use super::act::{Act, Area};
use super::numbered::{LATEST, NEW, numbered};

const PROVINCE: Area = Area(0);
const CITIES: [Area; 2] = [Area(1), Area(10)];
const COUNTIES: [Area; 3] = [Area(2), Area(8), Area(11)];
const STREETS: [Area; 6] = [Area(3), Area(6), Area(9), Area(12), Area(NEW), Area(NEW + 1)];
const VILLAGES: [Area; 8] = [
    Area(4),
    Area(5),
    Area(13),
    Area(14),
    Area(15),
    Area(16),
    Area(NEW),
    Area(NEW + 1),
];
/// Areas of one level under one area, whose codes can be exchanged.
const SIBLINGS: [(Area, Area); 5] = [
    (Area(4), Area(5)),
    (Area(4), Area(14)),
    (Area(14), Area(5)),
    (Area(3), Area(6)),
    (Area(2), Area(8)),
];

/// A day between the baseline and the article.
pub fn some_day(number: u16) -> NaiveDate {
    date("2021-10-01") + Days::new(u64::from(number) % 260)
}

fn day() -> impl Strategy<Value = NaiveDate> {
    (0..260_u16).prop_map(some_day)
}

/// So many days, one after the other.
fn days<const N: usize>() -> impl Strategy<Value = [NaiveDate; N]> {
    prop::collection::vec(day(), N).prop_map(|mut days| {
        days.sort_unstable();
        days.try_into().unwrap()
    })
}

/// A day on which something may have been counted: mostly before the mergers, and sometimes too long before the others.
fn counted_day() -> impl Strategy<Value = NaiveDate> {
    let since = |day, length: u64| (0..length).prop_map(move |number| date(day) + Days::new(number));
    prop_oneof![3 => since("2021-03-01", 210), 1 => since("2020-05-01", 300), 1 => day()]
}

fn any_area() -> impl Strategy<Value = Area> {
    prop_oneof![
        4 => select(VILLAGES.to_vec()),
        3 => select(STREETS.to_vec()),
        1 => select(COUNTIES.to_vec()),
        1 => select(vec![PROVINCE, CITIES[0], CITIES[1], Area(7)]),
    ]
}

fn any_kind() -> impl Strategy<Value = Kind> {
    prop_oneof![3 => Just(Kind::Federation), 2 => Just(Kind::WorkStation), 1 => Just(Kind::LiaisonPost)]
}

fn recorded(status: Status, kind: Kind, area: Area, on: NaiveDate) -> Act {
    Act::Record {
        organization: LATEST,
        status,
        kind,
        area,
        on,
    }
}

fn step(verb: Verb, on: NaiveDate) -> Act {
    Act::Step {
        organization: LATEST,
        verb,
        on,
    }
}

type Story = BoxedStrategy<Vec<Act>>;

/// A life from a day on, as far as it goes.
fn a_life() -> Story {
    let lives = select(vec![
        (
            Status::Preparing,
            vec![Verb::Approve, Verb::Establish, Verb::Unveil],
        ),
        (Status::Approved, vec![Verb::Establish, Verb::Close, Verb::Reopen]),
        (Status::Established, vec![Verb::Unveil, Verb::Close, Verb::Reopen]),
        (Status::Established, vec![Verb::Close, Verb::Reopen, Verb::Close]),
        (Status::Established, vec![Verb::Unveil]),
        (Status::Established, vec![]),
    ]);
    (
        lives,
        any_kind(),
        any_area(),
        days::<4>(),
        select(vec![1, 2, 3, 3]),
    )
        .prop_map(|((status, verbs), kind, area, [first, later @ ..], far)| {
            let begun = std::iter::once(recorded(status, kind, area, first));
            let steps = verbs.into_iter().zip(later).take(far);
            begun.chain(steps.map(|(verb, on)| step(verb, on))).collect()
        })
        .boxed()
}

/// A step, a correction or a turn of an organization that may be there.
fn one_act() -> Story {
    let which = || 0..6_u8;
    let verbs = select(vec![
        Verb::Approve,
        Verb::Establish,
        Verb::Unveil,
        Verb::Close,
        Verb::Reopen,
    ]);
    prop_oneof![
        3 => (which(), verbs, day()).prop_map(|(organization, verb, on)| Act::Step { organization, verb, on }),
        1 => (which(), day()).prop_map(|(organization, established)| Act::Correct { organization, established }),
        2 => (which(), any_area(), day()).prop_map(|(organization, to, on)| Act::Move { organization, to, on }),
        2 => (which(), any_kind(), day()).prop_map(|(organization, kind, on)| Act::Rekind { organization, kind, on }),
        1 => (which(), which(), day()).prop_map(|(organization, into, on)| Act::Merge { organization, into, on }),
        1 => which().prop_map(|organization| Act::Void { organization }),
    ]
    .prop_map(|act| vec![act])
    .boxed()
}

/// Two organizations of a kind, one of which goes into the other, or part of it out of it.
fn one_of_two() -> Story {
    (any_area(), any_area(), any_area(), days::<3>(), any::<bool>())
        .prop_map(|(area, other, third, [first, second, last], merges)| {
            let established = |area, on| recorded(Status::Established, Kind::Federation, area, on);
            let change = if merges {
                Act::Merge {
                    organization: LATEST,
                    into: LATEST - 1,
                    on: last,
                }
            } else {
                Act::Split {
                    organization: LATEST,
                    part: LATEST,
                    area: third,
                    on: last,
                }
            };
            vec![established(area, first), established(other, second), change]
        })
        .boxed()
}

fn counted(area: Area) -> impl Strategy<Value = Act> {
    // 10 persons and 3 households are the thresholds of the rules, mostly.
    let persons = prop::option::weighted(0.9, 0..16_i32);
    let households = prop::option::weighted(0.9, 0..6_i32);
    (persons, households, counted_day()).prop_map(move |(persons, households, on)| Act::Count {
        area,
        persons: persons.or(households.is_none().then_some(4)),
        households,
        on,
    })
}

fn a_count() -> Story {
    select(VILLAGES.to_vec())
        .prop_flat_map(|village| counted(village).prop_map(|count| vec![count]))
        .boxed()
}

/// Villages that are counted go into one, and perhaps that one into the next; sometimes it is counted anew.
fn a_counted_merger() -> Story {
    let order = Just(VILLAGES.to_vec()).prop_shuffle();
    (order, days::<2>(), select(vec![1, 2, 3, 3]), any::<bool>())
        .prop_flat_map(|(villages, [first, last], counts, again)| {
            let counts: Vec<_> = villages
                .iter()
                .take(counts)
                .map(|village| counted(*village))
                .collect();
            let anew: Vec<_> = again.then(|| counted(villages[1])).into_iter().collect();
            let merger = |from: usize, on| Act::MergeAreas {
                from: villages[from],
                into: villages[from + 1],
                on,
            };
            let mergers = vec![merger(0, first), merger(1, last)];
            (counts, prop::sample::subsequence(mergers, 1..=2), anew)
        })
        .prop_map(|(counts, mergers, anew)| [counts, mergers, anew].concat())
        .boxed()
}

fn a_merger_of_streets() -> Story {
    (select(STREETS.to_vec()), select(STREETS.to_vec()), day())
        .prop_map(|(from, into, on)| vec![Act::MergeAreas { from, into, on }])
        .boxed()
}

/// An area is divided, and counted anew perhaps.
fn a_division() -> Story {
    let area = prop_oneof![3 => select(VILLAGES.to_vec()), 1 => select(STREETS.to_vec())];
    (area, day(), prop::option::of((any::<bool>(), 0..16_i32, day())))
        .prop_map(|(area, on, anew)| {
            let division = Act::SplitArea {
                area,
                part: Area(NEW),
                on,
            };
            let anew = anew.map(|(part, persons, on)| Act::Count {
                area: if part { Area(NEW) } else { area },
                persons: Some(persons),
                households: Some(0),
                on,
            });
            [Some(division), anew].into_iter().flatten().collect()
        })
        .boxed()
}

/// An organization is closed, then its area.
fn an_end() -> Story {
    let area = prop_oneof![3 => select(VILLAGES.to_vec()), 1 => select(STREETS.to_vec())];
    (area, any_kind(), days::<3>(), any::<bool>())
        .prop_map(|(area, kind, [first, second, last], was_there)| {
            let life = [
                recorded(Status::Established, kind, area, first),
                step(Verb::Close, second),
            ];
            let life = life.into_iter().filter(|_| was_there);
            life.chain([Act::CloseArea { area, on: last }]).collect()
        })
        .boxed()
}

fn a_move_of_an_area() -> Story {
    prop_oneof![
        (select(VILLAGES.to_vec()), select(STREETS.to_vec()), day()),
        (select(STREETS.to_vec()), select(COUNTIES.to_vec()), day()),
        (select(COUNTIES.to_vec()), select(CITIES.to_vec()), day()),
    ]
    .prop_map(|(area, under, on)| vec![Act::MoveArea { area, under, on }])
    .boxed()
}

/// Codes go from one area to another: to and fro, or along, and what has become free to a new one.
fn an_edition() -> Story {
    let exchange = (select(SIBLINGS.to_vec()), day())
        .prop_map(|((one, other), on)| vec![Act::ExchangeCodes { one, other, on }]);
    let chain = (select(SIBLINGS.to_vec()), days::<2>()).prop_map(|((one, other), [on, later])| {
        let again = Act::ReuseCode {
            area: Area(NEW),
            code_of: one,
            on: later,
        };
        vec![Act::PassCode { one, other, on }, again]
    });
    prop_oneof![exchange, chain].boxed()
}

fn a_rule() -> Story {
    let dates = [
        CountedFrom::Approved,
        CountedFrom::Established,
        CountedFrom::Unveiled,
    ];
    let counting = (select(dates.to_vec()), day()).prop_map(|(date, on)| Act::CountFrom { date, on });
    let levels = prop::sample::subsequence(vec![Level::County, Level::Township], 1..=2);
    let least = || select(vec![(10, 3), (10, 3), (5, 2), (14, 4)]);
    let provinces =
        (levels, prop::option::weighted(0.3, least()), day()).prop_map(|(levels, villages, on)| Act::Ask {
            scope: PROVINCE,
            levels,
            villages,
            on,
        });
    let citys =
        (select(CITIES.to_vec()), least(), any::<bool>(), day()).prop_map(|(scope, least, streets, on)| {
            Act::Ask {
                scope,
                levels: if streets {
                    vec![Level::Township]
                } else {
                    Vec::new()
                },
                villages: Some(least),
                on,
            }
        });
    prop_oneof![1 => counting, 1 => provinces, 2 => citys]
        .prop_map(|act| vec![act])
        .boxed()
}

fn stories(with_codes: bool) -> Story {
    let mut stories = vec![
        (6, a_life()),
        (5, one_act()),
        (2, one_of_two()),
        (2, a_count()),
        (4, a_counted_merger()),
        (1, a_merger_of_streets()),
        (2, a_division()),
        (2, an_end()),
        (2, a_move_of_an_area()),
        (3, a_rule()),
    ];
    if with_codes {
        stories.push((3, an_edition()));
    }
    Union::new_weighted(stories).boxed()
}

/// Histories of so many stories. Without codes, each area keeps the one it has.
pub fn histories(with_codes: bool, stories_told: std::ops::Range<usize>) -> impl Strategy<Value = Vec<Act>> {
    // A rule at the beginning, so that most days have one.
    let first = Act::Ask {
        scope: CITIES[0],
        levels: Vec::new(),
        villages: Some((10, 3)),
        on: date("2021-11-01"),
    };
    let told = prop::collection::vec(stories(with_codes), stories_told);
    told.prop_map(move |stories| numbered([vec![vec![first.clone()]], stories].concat().concat()))
}
