//! Histories at random. Short stories are put behind each other, because a merger of counted villages, say, takes several acts that fit; each act
//! may be left out or come too early when a counterexample is made smaller.

use chrono::{Days, NaiveDate};
use proptest::prelude::*;
use proptest::sample::select;
use qiaojian_domain::area::Level;
use qiaojian_domain::organization::{Kind, Status, Verb};
use qiaojian_domain::rule::CountedFrom;
use qiaojian_tests::fixtures::date;

use super::act::{Act, Area};
use super::numbered::{LATEST, NEW, numbered};

const PROVINCE: Area = Area(0);
const CITIES: [Area; 2] = [Area(1), Area(10)];
const COUNTIES: [Area; 3] = [Area(2), Area(8), Area(11)];
const STREETS: [Area; 6] = [Area(3), Area(6), Area(9), Area(12), Area(NEW), Area(NEW + 1)];
const VILLAGES: [Area; 11] = [
    Area(4),
    Area(5),
    Area(13),
    Area(14),
    Area(15),
    Area(16),
    Area(17),
    Area(18),
    Area(19),
    Area(NEW),
    Area(NEW + 1),
];
/// Areas of one level under one area, whose codes can be exchanged.
const SIBLINGS: [(Area, Area); 5] = [
    (Area(4), Area(5)),
    (Area(4), Area(14)),
    (Area(4), Area(5)),
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

/// What is prepared is established, as far as it goes.
fn a_preparation() -> Story {
    a_life(vec![
        (
            Status::Preparing,
            vec![Verb::Approve, Verb::Establish, Verb::Unveil],
        ),
        (Status::Approved, vec![Verb::Establish, Verb::Close, Verb::Reopen]),
        (Status::Preparing, vec![Verb::Approve]),
    ])
}

/// What is established is closed, and perhaps established again.
fn a_coming_and_going() -> Story {
    a_life(vec![
        (Status::Established, vec![Verb::Close, Verb::Reopen, Verb::Close]),
        (Status::Established, vec![Verb::Unveil, Verb::Close, Verb::Reopen]),
        (Status::Established, vec![Verb::Close, Verb::Reopen]),
        (Status::Established, vec![Verb::Unveil]),
        (Status::Established, vec![]),
    ])
}

/// One of these lives from a day on, as far as it goes; perhaps it moves, or becomes one of another kind, at its end.
fn a_life(lives: Vec<(Status, Vec<Verb>)>) -> Story {
    let far = select(vec![1, 2, 3, 3]);
    let turn = prop::option::weighted(0.7, (any_area(), any_kind(), any::<bool>()));
    (select(lives), any_kind(), any_area(), days::<5>(), far, turn)
        .prop_map(
            |((status, verbs), kind, area, [first, later @ .., last], far, turn)| {
                let begun = std::iter::once(recorded(status, kind, area, first));
                let steps = verbs.into_iter().zip(later).take(far);
                let turned = turn.map(|(to, kind, moves)| turned(to, kind, moves, last));
                begun
                    .chain(steps.map(|(verb, on)| step(verb, on)))
                    .chain(turned)
                    .collect()
            },
        )
        .boxed()
}

fn turned(to: Area, kind: Kind, moves: bool, on: NaiveDate) -> Act {
    let organization = LATEST;
    if moves {
        Act::Move { organization, to, on }
    } else {
        Act::Rekind {
            organization,
            kind,
            on,
        }
    }
}

fn one(act: impl Strategy<Value = Act> + 'static) -> Story {
    act.prop_map(|act| vec![act]).boxed()
}

/// An act of each kind on an organization that may be there.
fn acts_on_one() -> [Story; 6] {
    let which = || prop_oneof![1 => Just(LATEST), 2 => 0..6_u8];
    let verbs = select(vec![
        Verb::Approve,
        Verb::Establish,
        Verb::Unveil,
        Verb::Close,
        Verb::Reopen,
    ]);
    let step = (which(), verbs, day());
    let correction = (which(), day());
    let turn = || (which(), any_area(), any_kind(), day());
    [
        one(step.prop_map(|(organization, verb, on)| Act::Step {
            organization,
            verb,
            on,
        })),
        one(correction.prop_map(|(organization, established)| Act::Correct {
            organization,
            established,
        })),
        one(turn().prop_map(|(organization, to, _, on)| Act::Move { organization, to, on })),
        one(turn().prop_map(|(organization, _, kind, on)| Act::Rekind {
            organization,
            kind,
            on,
        })),
        one(
            (which(), which(), day()).prop_map(|(organization, into, on)| Act::Merge {
                organization,
                into,
                on,
            }),
        ),
        one(which().prop_map(|organization| Act::Void { organization })),
    ]
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

/// What may be counted. 10 persons and 3 households are the thresholds of the rules, mostly.
fn numbers() -> impl Strategy<Value = (Option<i32>, Option<i32>)> {
    let persons = prop::option::weighted(0.9, 0..16_i32);
    let households = prop::option::weighted(0.9, 0..6_i32);
    (persons, households).prop_map(|(persons, households)| {
        let least = households.is_none().then_some(4);
        (persons.or(least), households)
    })
}

fn counted(area: Area, (persons, households): (Option<i32>, Option<i32>), on: NaiveDate) -> Act {
    Act::Count {
        area,
        persons,
        households,
        on,
    }
}

fn a_count() -> Story {
    one((select(VILLAGES.to_vec()), numbers(), day())
        .prop_map(|(village, numbers, on)| counted(village, numbers, on)))
}

/// Villages that were counted, perhaps about a year apart, go into one, and perhaps that one into the next; sometimes it is counted anew.
fn a_counted_merger() -> Story {
    let order = Just(VILLAGES.to_vec()).prop_shuffle();
    let counts = select(vec![
        vec![0, 1, 2],
        vec![0, 1, 2],
        vec![0, 1],
        vec![0, 1],
        vec![0, 2_usize],
    ]);
    let apart = prop_oneof![0..60_u64, 364..370_u64, 380..400_u64];
    let before = (0..30_u64, apart).prop_map(|(first, apart)| {
        let first = date("2020-08-25") + Days::new(first);
        [first, first + Days::new(apart), first]
    });
    let mergers = (days::<2>(), 1..=2_usize);
    let anew = prop::option::weighted(0.3, (numbers(), day()));
    (
        order,
        counts,
        prop::collection::vec(numbers(), 3),
        before,
        mergers,
        anew,
    )
        .prop_map(|(villages, counts, numbers, before, (on, mergers), anew)| {
            let counts = counts.into_iter();
            let counts = counts.map(|which| counted(villages[which], numbers[which], before[which]));
            let merger = |from: usize| Act::MergeAreas {
                from: villages[from],
                into: villages[from + 1],
                on: on[from],
            };
            let anew = anew.map(|(numbers, on)| counted(villages[mergers], numbers, on));
            counts.chain((0..mergers).map(merger)).chain(anew).collect()
        })
        .boxed()
}

fn a_merger_of_streets() -> Story {
    (select(STREETS.to_vec()), select(STREETS.to_vec()), day())
        .prop_map(|(from, into, on)| vec![Act::MergeAreas { from, into, on }])
        .boxed()
}

/// An area that was counted is divided, and counted anew perhaps.
fn a_division() -> Story {
    let area = prop_oneof![3 => select(VILLAGES.to_vec()), 1 => select(STREETS.to_vec())];
    let anew = prop::option::of((any::<bool>(), numbers(), day()));
    (area, numbers(), day(), anew)
        .prop_map(|(area, numbers, on, anew)| {
            let before = counted(area, numbers, date("2021-07-01"));
            let part = Area(NEW);
            let anew =
                anew.map(|(of_part, numbers, on)| counted(if of_part { part } else { area }, numbers, on));
            let division = Act::SplitArea { area, part, on };
            [Some(before), Some(division), anew]
                .into_iter()
                .flatten()
                .collect()
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

/// Codes go to and fro between two areas.
fn an_exchange() -> Story {
    let exchange = (select(SIBLINGS.to_vec()), day());
    one(exchange.prop_map(|((one, other), on)| Act::ExchangeCodes { one, other, on }))
}

/// Codes go along, and what has become free goes to a new area.
fn a_chain() -> Story {
    (select(SIBLINGS.to_vec()), days::<2>())
        .prop_map(|((one, other), [on, later])| {
            let again = Act::ReuseCode {
                area: Area(NEW),
                code_of: one,
                on: later,
            };
            vec![Act::PassCode { one, other, on }, again]
        })
        .boxed()
}

fn rules() -> [(usize, Story); 3] {
    let dates = select(vec![
        CountedFrom::Approved,
        CountedFrom::Established,
        CountedFrom::Unveiled,
    ]);
    let levels = prop::sample::subsequence(vec![Level::County, Level::Township], 1..=2);
    let least = || select(vec![(10, 3), (10, 3), (5, 2), (14, 4)]);
    let provinces = (levels, prop::option::weighted(0.3, least()), day());
    let citys = (select(CITIES.to_vec()), least(), any::<bool>(), day());
    [
        (
            3,
            one((dates, day()).prop_map(|(date, on)| Act::CountFrom { date, on })),
        ),
        (
            1,
            one(provinces.prop_map(|(levels, villages, on)| Act::Ask {
                scope: PROVINCE,
                levels,
                villages,
                on,
            })),
        ),
        (
            2,
            one(citys.prop_map(|(scope, least, streets, on)| Act::Ask {
                scope,
                levels: streets.then_some(Level::Township).into_iter().collect(),
                villages: Some(least),
                on,
            })),
        ),
    ]
}

/// Some of each of the stories, in any order. Without codes, each area keeps the one it has.
pub fn histories(with_codes: bool) -> impl Strategy<Value = Vec<Act>> {
    let mut of_each = vec![
        (3, a_preparation()),
        (4, a_coming_and_going()),
        (4, one_of_two()),
        (1, a_count()),
        (5, a_counted_merger()),
        (1, a_merger_of_streets()),
        (2, a_division()),
        (2, an_end()),
        (2, a_move_of_an_area()),
    ];
    if with_codes {
        of_each.extend([(4, an_exchange()), (2, a_chain())]);
    }
    of_each.extend(acts_on_one().map(|story| (1, story)));
    of_each.extend(rules());
    let each = of_each
        .into_iter()
        .flat_map(|(often, story)| std::iter::repeat_n(story, often));
    let told: Vec<_> = each.map(|story| prop::option::weighted(0.7, story)).collect();
    // A rule at the beginning, so that most days have one.
    let first = Act::Ask {
        scope: CITIES[0],
        levels: Vec::new(),
        villages: Some((10, 3)),
        on: date("2021-11-01"),
    };
    told.prop_shuffle().prop_map(move |stories| {
        let stories = stories.into_iter().flatten().flatten();
        numbered(std::iter::once(first.clone()).chain(stories).collect())
    })
}
