//! Milestones of two counties.

use chrono::NaiveDate;
use qiaojian_domain::organization::{FiveHave, Kind, PreciseDate, Status, Verification};
use uuid::Uuid;

use super::*;
use crate::figures::{Organizations, TreeRow, VersionFacts};

const PATHS: [&str; 8] = [
    "340000/",
    "340000/340300/",
    "340000/340300/340304/",
    "340000/340300/340304/340304001/",
    "340000/340300/340304/340304001/340304001001/",
    "340000/340300/340304/340304002/",
    "340000/340300/340322/",
    "340000/340300/340322/340322100/",
];

fn date(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

/// An organization: place, kind, host, first day, and first day after the end.
type Spec = (&'static str, Kind, Host, &'static str, Option<&'static str>);

fn own(code: &'static str, from: &'static str, to: Option<&'static str>) -> Spec {
    (code, Kind::Federation, Host::Area, from, to)
}

fn facts(specs: &[Spec]) -> Facts {
    let tree = Tree::build(PATHS.iter().zip(1_u128..).map(|(path, number)| {
        let code = path.trim_end_matches('/').rsplit('/').next().unwrap();
        TreeRow {
            id: AreaId(Uuid::from_u128(number)),
            path: (*path).to_owned(),
            level: Level::of_code(code).unwrap(),
            kind: AreaKind::Administrative,
        }
    }));
    let mut organizations = Organizations::default();
    for ((code, kind, host, from, to), number) in specs.iter().zip(1_u128..) {
        let place = tree.all().find(|place| tree.code(*place) == *code).unwrap();
        let version = VersionFacts {
            valid_from: date(from),
            valid_to: None,
            status: Status::Established,
            kind: *kind,
            host: *host,
            verification: Verification::Unverified,
            approved: None,
            established: Some(PreciseDate::day(date(from))),
            unveiled: None,
            closed: to.map(|to| PreciseDate::day(date(to))),
            five_have: FiveHave::default(),
            reopenings: Vec::new(),
        };
        organizations.add(OrganizationId(Uuid::from_u128(number)), &[(place, version)]);
    }
    Facts {
        tree,
        organizations,
        ..Facts::default()
    }
}

const ERA: (&str, &str) = ("2020-01-01", "2022-06-24");

/// Formats each as `kind code level: day by numbers`, sorted by text.
fn told(facts: &Facts, within: &str, (from, to): (&str, &str)) -> Vec<String> {
    let era = Era {
        from: date(from),
        to: date(to),
    };
    let found = reached(facts, &Basis::default(), &Subtree::rooted_at(within), era);
    let mut told: Vec<String> = found
        .iter()
        .map(|one| {
            let (kind, area, level) = one.goal;
            let code = facts.tree.code(facts.tree.place_of(area).unwrap());
            let level = level.map_or("-", Level::as_str);
            let by: Vec<u128> = one.by.iter().map(|id| id.0.as_u128()).collect();
            format!("{kind} {code} {level}: {} {by:?}", one.day().unwrap())
        })
        .collect();
    told.sort();
    told
}

#[test]
fn the_first_is_the_first_for_ever_and_several_may_be_on_one_day() {
    let facts = facts(&[
        own("340304001", "2022-03-31", Some("2022-04-10")),
        own("340304002", "2022-03-31", None),
        own("340322100", "2022-05-24", None),
        ("340304", Kind::LiaisonPost, Host::Area, "2021-01-01", None),
        ("340322", Kind::WorkStation, Host::University, "2022-02-01", None),
    ]);
    let told = told(&facts, "340000/", ERA);
    assert_eq!(
        told,
        [
            "first_at_level 340300 county: 2022-02-01 [5]",
            "first_at_level 340300 township: 2022-03-31 [1, 2]",
            "first_at_level 340304 township: 2022-03-31 [1, 2]",
            "first_at_level 340322 township: 2022-05-24 [3]",
            "full_coverage 340304 township: 2022-03-31 [1, 2]",
            "full_coverage 340322 township: 2022-05-24 [3]",
        ]
    );
}

#[test]
fn a_level_is_covered_on_the_first_day_on_which_all_are_at_once() {
    // One closes before the other begins; a third begins later.
    let apart = [
        own("340304001", "2021-03-01", Some("2021-05-01")),
        own("340304002", "2021-05-01", None),
    ];
    let never = told(&facts(&apart), "340000/", ERA);
    assert!(never.iter().all(|one| !one.starts_with("full")), "{never:?}");
    let again = [apart.as_slice(), &[own("340304001", "2022-01-05", None)]].concat();
    let later = told(&facts(&again), "340000/", ERA);
    assert!(
        later.contains(&"full_coverage 340304 township: 2022-01-05 [3]".to_owned()),
        "{later:?}"
    );
    // One day earlier it was not reached.
    let before = told(&facts(&again), "340000/", (ERA.0, "2022-01-04"));
    assert!(before.iter().all(|one| !one.starts_with("full")), "{before:?}");
}

#[test]
fn three_tiers_are_the_county_its_townships_and_its_villages() {
    let all = [
        own("340304", "2022-03-01", None),
        own("340304001", "2022-03-10", None),
        own("340304002", "2022-03-20", None),
        own("340304001001", "2022-03-31", None),
    ];
    let told_all = told(&facts(&all), "340000/", ERA);
    assert!(
        told_all.contains(&"three_tier_full_coverage 340304 -: 2022-03-31 [4]".to_owned()),
        "{told_all:?}"
    );
    for missing in 0..all.len() {
        let mut some = all.to_vec();
        some.remove(missing);
        let told = told(&facts(&some), "340000/", ERA);
        assert!(told.iter().all(|one| !one.starts_with("three")), "{told:?}");
    }
    // A county without villages has no three-tier coverage.
    let two = [
        own("340322", "2022-03-01", None),
        own("340322100", "2022-03-01", None),
    ];
    let told_two = told(&facts(&two), "340000/", ERA);
    assert!(
        told_two.iter().all(|one| !one.starts_with("three")),
        "{told_two:?}"
    );
    // A liaison post, or an organization hosted by an enterprise, does not cover the village.
    for (kind, host) in [
        (Kind::LiaisonPost, Host::Area),
        (Kind::WorkStation, Host::Enterprise),
    ] {
        let mut some = all.to_vec();
        some[3] = ("340304001001", kind, host, "2022-03-31", None);
        let told = told(&facts(&some), "340000/", ERA);
        assert!(told.iter().all(|one| !one.starts_with("three")), "{told:?}");
    }
}

#[test]
fn a_later_era_begins_with_what_stands_and_a_subtree_tells_its_own() {
    let facts = facts(&[
        own("340304001", "2021-03-01", None),
        own("340304002", "2022-03-01", None),
    ]);
    let told_later = told(&facts, "340000/340300/340304/", ("2022-01-01", "2022-06-24"));
    assert_eq!(
        told_later,
        [
            "first_at_level 340304 township: 2022-01-01 [1]",
            "full_coverage 340304 township: 2022-03-01 [2]",
        ]
    );
}
