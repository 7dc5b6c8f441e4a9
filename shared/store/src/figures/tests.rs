//! The folds, on a small province.

use chrono::NaiveDate;
use qiaojian_domain::area::{AreaKind, Level};
use qiaojian_domain::establishment::{Asking, EstablishmentParams, Threshold};
use qiaojian_domain::ids::{AreaId, AssignmentId, OrganizationId};
use qiaojian_domain::organization::{FiveHave, Host, Kind, PreciseDate, Status, Verification};
use uuid::Uuid;

use super::lineage::Lineage;
use super::*;

fn date(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

const AREAS: [(&str, AreaKind); 9] = [
    ("340000/", AreaKind::Administrative),
    ("340000/340300/", AreaKind::Administrative),
    ("340000/340300/340304-P01/", AreaKind::Administrative),
    ("340000/340300/340304/", AreaKind::Administrative),
    ("340000/340300/340304/340304001/", AreaKind::Administrative),
    (
        "340000/340300/340304/340304001/340304001001/",
        AreaKind::Administrative,
    ),
    ("340000/340300/340304/340304002/", AreaKind::Administrative),
    ("340000/340300/340371/", AreaKind::Statistical),
    ("340000/341800/", AreaKind::Administrative),
];

/// An organization: place, kind, host, first day, and first day after the end.
type Spec = (
    &'static str,
    Kind,
    Host,
    Option<&'static str>,
    Option<&'static str>,
);

const ORGANIZATIONS: [Spec; 8] = [
    ("340000/", Kind::Federation, Host::Area, Some("2000-01-01"), None),
    (
        "340000/340300/",
        Kind::Federation,
        Host::Area,
        Some("2000-01-01"),
        None,
    ),
    (
        "340000/340300/340304/",
        Kind::Federation,
        Host::Area,
        Some("2022-03-31"),
        None,
    ),
    (
        "340000/340300/340304/340304001/",
        Kind::Federation,
        Host::Area,
        Some("2022-03-31"),
        Some("2022-05-01"),
    ),
    (
        "340000/340300/340304/340304001/340304001001/",
        Kind::LiaisonPost,
        Host::Area,
        Some("2022-04-01"),
        None,
    ),
    (
        "340000/340300/340304/340304001/340304001001/",
        Kind::WorkStation,
        Host::Enterprise,
        Some("2022-04-01"),
        None,
    ),
    (
        "340000/340300/340304/340304002/",
        Kind::Federation,
        Host::Area,
        None,
        None,
    ),
    (
        "340000/341800/",
        Kind::Federation,
        Host::Area,
        Some("2022-06-01"),
        None,
    ),
];

fn version(kind: Kind, host: Host, began: Option<&str>, ended: Option<&str>) -> VersionFacts {
    let on = |text: &str| PreciseDate::day(date(text));
    VersionFacts {
        valid_from: began.map_or(date("2022-01-01"), date),
        valid_to: None,
        status: if ended.is_some() {
            Status::Closed
        } else {
            Status::Established
        },
        kind,
        host,
        verification: Verification::Unverified,
        approved: None,
        established: began.map(on),
        unveiled: None,
        closed: ended.map(on),
        five_have: FiveHave::default(),
        reopenings: Vec::new(),
    }
}

fn facts() -> Facts {
    let tree = Tree::build(AREAS.iter().zip(1_u128..).map(|((path, kind), number)| {
        TreeRow {
            id: AreaId(Uuid::from_u128(number)),
            path: (*path).to_owned(),
            level: path
                .split('/')
                .rfind(|code| !code.is_empty())
                .and_then(Level::of_code)
                .unwrap(),
            kind: *kind,
        }
    }));
    let mut organizations = Organizations::default();
    for ((path, kind, host, began, ended), number) in ORGANIZATIONS.into_iter().zip(1_u128..) {
        let place = tree.range(&Subtree::rooted_at(path)).start;
        let id = OrganizationId(Uuid::from_u128(number));
        organizations.add(id, &[(place, version(kind, host, began, ended))]);
    }
    Facts {
        lineage: Lineage::default(),
        tree,
        organizations,
        counts: Counts::default(),
    }
}

fn basis() -> Basis {
    Basis {
        cohorts: vec![
            (Subtree::rooted_at("340000/340300/"), Cohort::Pilot),
            (Subtree::rooted_at("340000/341800/"), Cohort::NonPilot),
        ],
        visited: (1..=5).map(|number| AreaId(Uuid::from_u128(number))).collect(),
        due: (1..=6)
            .map(|number| Due {
                id: AssignmentId(Uuid::from_u128(number)),
                area: AreaId(Uuid::from_u128(7 - number)),
                due_on: date("2022-05-01"),
                submitted_on: None,
                on_time: number % 2 == 0,
            })
            .collect(),
        ..Basis::default()
    }
}

fn question(metrics: &[Metric], cohort: CohortChoice, group_by: &[GroupBy]) -> Question {
    Question {
        metrics: metrics.to_vec(),
        within: Subtree::everything(),
        from: date("2021-10-31"),
        to: date("2022-06-24"),
        as_of: date("2022-06-24"),
        baseline_on: Some(date("2021-10-31")),
        cohort,
        group_by: group_by.to_vec(),
    }
}

fn parts(figures: &[Figure]) -> Vec<(String, i64, Option<i64>)> {
    let words = |group: &GroupKey| {
        group
            .values()
            .map(|value| value.clone().unwrap_or_else(|| "-".to_owned()))
            .collect::<Vec<_>>()
            .join(",")
    };
    figures
        .iter()
        .map(|figure| (words(&figure.group), figure.numerator, figure.denominator))
        .collect()
}

fn named(expected: &[(&str, i64, Option<i64>)]) -> Vec<(String, i64, Option<i64>)> {
    expected
        .iter()
        .map(|(name, numerator, denominator)| ((*name).to_owned(), *numerator, *denominator))
        .collect()
}

fn answered(question: &Question) -> Answer {
    answer(question, &basis(), &facts())
}

#[test]
fn what_counts_what_was_added_and_what_ceased() {
    let metrics = [
        Metric::Organizations,
        Metric::Added,
        Metric::Closed,
        Metric::Growth,
    ];
    let answer = answered(&question(&metrics, CohortChoice::All, &[]));
    // Closed before `as_of`: added, but no longer counted. A liaison post and an organization in preparation are
    // neither.
    assert_eq!(
        parts(&answer.totals),
        named(&[("", 5, None), ("", 4, None), ("", 1, None), ("", 4, Some(2))])
    );
    assert_eq!(answer.totals[3].value, Some(200.0));
    assert!(answer.items.is_empty());
}

#[test]
fn the_interval_is_open_at_its_start_and_closed_at_its_end() {
    let mut asked = question(&[Metric::Added, Metric::Closed], CohortChoice::All, &[]);
    let numerators = |asked: &Question| {
        let totals = answered(asked).totals;
        (totals[0].numerator, totals[1].numerator)
    };
    (asked.from, asked.to) = (date("2022-03-30"), date("2022-03-31"));
    assert_eq!(numerators(&asked), (2, 0));
    (asked.from, asked.to) = (date("2022-03-31"), date("2022-03-31"));
    assert_eq!(numerators(&asked), (0, 0));
    (asked.from, asked.to) = (date("2022-04-30"), date("2022-05-01"));
    assert_eq!(numerators(&asked), (0, 1));
    (asked.from, asked.to) = (date("2022-05-01"), date("2022-06-24"));
    assert_eq!(numerators(&asked), (1, 0));
}

#[test]
fn cohorts_are_never_summed_unless_asked() {
    let each = answered(&question(&[Metric::Added], CohortChoice::Each, &[]));
    assert_eq!(
        parts(&each.totals),
        named(&[("non_pilot", 1, None), ("pilot", 3, None)])
    );
    let grouped = answered(&question(
        &[Metric::Organizations],
        CohortChoice::Each,
        &[GroupBy::Level],
    ));
    assert!(
        grouped
            .items
            .iter()
            .all(|figure| figure.group.contains_key(&GroupBy::Cohort))
    );
    let only = answered(&question(
        &[Metric::Added],
        CohortChoice::Only(Cohort::Pilot),
        &[],
    ));
    assert_eq!(parts(&only.totals), named(&[("", 3, None)]));
}

#[test]
fn coverage_leaves_out_what_is_never_eligible_and_what_others_carry() {
    let metrics = [Metric::OrganizationCoverage, Metric::WorkCoverage];
    let answer = answered(&question(&metrics, CohortChoice::All, &[GroupBy::Level]));
    let expected = [
        ("city", 2, Some(2)),
        ("county", 1, Some(1)),
        ("province", 1, Some(1)),
        ("township", 0, Some(2)),
        ("village", 0, Some(1)),
    ];
    let (organizations, work) = answer.items.split_at(5);
    assert_eq!(parts(organizations), named(&expected));
    let mut with_liaison = expected;
    with_liaison[4].1 = 1;
    assert_eq!(parts(work), named(&with_liaison));
    assert_eq!(
        parts(&answer.totals),
        named(&[("", 4, Some(7)), ("", 5, Some(7))])
    );
}

#[test]
fn a_year_comes_month_by_month_in_one_answer() {
    let mut asked = question(
        &[Metric::Organizations, Metric::Added, Metric::Closed],
        CohortChoice::All,
        &[GroupBy::Month],
    );
    (asked.from, asked.to) = (date("2022-02-28"), date("2022-06-24"));
    let items = answered(&asked).items;
    let of = |metric| {
        let figures: Vec<Figure> = items
            .iter()
            .filter(|figure| figure.metric == metric)
            .cloned()
            .collect();
        parts(&figures)
    };
    assert_eq!(
        of(Metric::Organizations),
        named(&[
            ("2022-03", 4, None),
            ("2022-04", 5, None),
            ("2022-05", 4, None),
            ("2022-06", 5, None)
        ])
    );
    assert_eq!(
        of(Metric::Added),
        named(&[("2022-03", 2, None), ("2022-04", 1, None), ("2022-06", 1, None)])
    );
    assert_eq!(of(Metric::Closed), named(&[("2022-05", 1, None)]));
}

#[test]
fn the_members_of_every_figure_are_as_many_as_it_says() {
    let (basis, facts) = (basis(), facts());
    for cohort in [
        CohortChoice::Each,
        CohortChoice::All,
        CohortChoice::Only(Cohort::Pilot),
    ] {
        for metric in Metric::ALL {
            for group_by in [
                &[][..],
                &[GroupBy::City],
                &[GroupBy::County, GroupBy::Township, GroupBy::Level],
                &[GroupBy::Level, GroupBy::Kind, GroupBy::Cohort],
                &[GroupBy::Month, GroupBy::City],
            ] {
                if !group_by.iter().all(|group| metric.can_be_grouped_by(*group)) {
                    continue;
                }
                let asked = question(&[*metric], cohort, group_by);
                let answer = answer(&asked, &basis, &facts);
                for figure in answer.items.iter().chain(&answer.totals) {
                    let count = |part| {
                        let rows = members(&asked, &basis, &facts, (*metric, part), &figure.group);
                        i64::try_from(rows.len()).unwrap()
                    };
                    assert_eq!(count(Part::Numerator), figure.numerator, "{figure:?}");
                    if let Some(denominator) = figure.denominator {
                        assert_eq!(count(Part::Denominator), denominator, "{figure:?}");
                    }
                }
            }
        }
    }
}

#[test]
fn what_is_closed_on_the_day_of_its_founding_is_not_added_and_the_sum_holds() {
    use qiaojian_domain::organization::Reopening;
    let numbers = |facts: &Facts| {
        let metrics = [
            Metric::Organizations,
            Metric::Added,
            Metric::Closed,
            Metric::Reopened,
        ];
        let answer = answer(&question(&metrics, CohortChoice::All, &[]), &basis(), facts);
        [0, 1, 2, 3].map(|index: usize| answer.totals[index].numerator)
    };
    let mut facts = facts();
    let [there, added, closed, reopened] = numbers(&facts);
    let place = facts.tree.range(&Subtree::rooted_at("340000/341800/")).start;
    let id = OrganizationId(Uuid::from_u128(99));
    let day = "2022-04-10";
    let gone = version(Kind::WorkStation, Host::Area, Some(day), Some(day));
    facts.organizations.add(id, &[(place, gone.clone())]);
    assert_eq!(numbers(&facts), [there, added, closed, reopened]);
    facts.organizations.remove(id, [place]);
    let on = |text: &str| PreciseDate::day(date(text));
    let back = VersionFacts {
        status: Status::Established,
        closed: None,
        reopenings: vec![Reopening::between(on(day), on("2022-05-01"))],
        ..gone
    };
    facts.organizations.add(id, &[(place, back)]);
    assert_eq!(numbers(&facts), [there + 1, added, closed, reopened + 1]);
}

#[test]
fn what_was_rejected_counts_by_no_rule_and_what_was_not_verified_by_some() {
    let mut facts = facts();
    let judge = |facts: &mut Facts, path: &str, number: u128, verification| {
        let place = facts.tree.range(&Subtree::rooted_at(path)).start;
        let id = OrganizationId(Uuid::from_u128(number));
        let judged = VersionFacts {
            verification,
            ..version(Kind::Federation, Host::Area, Some("2000-01-01"), None)
        };
        facts.organizations.remove(id, [place]);
        facts.organizations.add(id, &[(place, judged)]);
    };
    judge(&mut facts, "340000/", 1, Verification::Verified);
    judge(&mut facts, "340000/340300/", 2, Verification::Rejected);
    let asked = question(&[Metric::Organizations], CohortChoice::All, &[]);
    let total = |basis: &Basis| answer(&asked, basis, &facts).totals[0].numerator;
    assert_eq!(total(&basis()), 4);
    let mut strict = basis();
    strict.counting.verified_only = true;
    assert_eq!(total(&strict), 1);
}

#[test]
fn fulfilment_counts_what_is_asked_and_tells_what_cannot_be_told() {
    let mut facts = facts();
    let place = |facts: &Facts, path: &str| facts.tree.range(&Subtree::rooted_at(path)).start;
    let mut basis = basis();
    let rule = EstablishmentParams {
        levels: vec![Level::Township],
        village: Some(Threshold {
            persons: 10,
            households: 3,
        }),
    };
    let asking = Asking::default().with(&rule, date("2021-11-01"));
    basis.establishment = vec![(Subtree::rooted_at("340000/340300/340304/"), asking)];
    let asked = question(&[Metric::Fulfilment], CohortChoice::All, &[]);
    let numbers = |facts: &Facts| {
        let total = answer(&asked, &basis, facts).totals[0].clone();
        (total.numerator, total.denominator.unwrap(), total.undetermined)
    };
    assert_eq!(
        numbers(&facts),
        (0, 2, 1),
        "two townships without, and a village nobody counted"
    );
    let village = place(&facts, "340000/340300/340304/340304001/340304001001/");
    let counted = |persons, households| Counted {
        persons: Some(persons),
        households: Some(households),
    };
    facts
        .counts
        .add(village, rows::number_of(date("2022-02-01")), counted(9, 2));
    assert_eq!(
        numbers(&facts),
        (1, 3, 0),
        "a liaison post is enough, and there is one"
    );
    facts
        .counts
        .add(village, rows::number_of(date("2022-06-24")), counted(10, 2));
    assert_eq!(
        numbers(&facts),
        (0, 3, 0),
        "now it should have an organization of its own"
    );
    facts
        .counts
        .add(village, rows::number_of(date("2022-06-25")), counted(0, 0));
    assert_eq!(
        numbers(&facts),
        (0, 3, 0),
        "what is counted later is not known on the day"
    );
    let undetermined = |facts: &Facts| {
        let part = (Metric::Fulfilment, Part::Undetermined);
        members(&asked, &basis, facts, part, &GroupKey::new()).len()
    };
    assert_eq!(undetermined(&facts), 0);
    facts.counts.remove(village);
    assert_eq!(undetermined(&facts), 1);
    // The counties and the city, to which the rule does not apply, and everything outside the county that it binds.
    let total = &answer(&asked, &basis, &facts).totals[0];
    let opened = |part| {
        members(
            &asked,
            &basis,
            &facts,
            (Metric::Fulfilment, part),
            &GroupKey::new(),
        )
        .len()
    };
    assert_eq!(i64::try_from(opened(Part::Unruled)).unwrap(), total.unruled);
    assert!(total.unruled > 3);
    assert_eq!(opened(Part::Missing), 2);
}

#[test]
fn a_group_nobody_is_in_has_no_members() {
    let asked = question(&[Metric::Organizations], CohortChoice::All, &[GroupBy::City]);
    let key = GroupKey::from([(GroupBy::City, Some("349900".to_owned()))]);
    let rows = members(
        &asked,
        &basis(),
        &facts(),
        (Metric::Organizations, Part::Numerator),
        &key,
    );
    assert!(rows.is_empty());
}

#[test]
fn what_a_past_day_did_not_know_is_not_shown_by_its_members() {
    let mut asked = question(&[Metric::Organizations], CohortChoice::All, &[]);
    (asked.to, asked.as_of) = (date("2022-04-15"), date("2022-04-15"));
    let rows = members(
        &asked,
        &basis(),
        &facts(),
        (Metric::Organizations, Part::Numerator),
        &GroupKey::new(),
    );
    let closed_later = rows.iter().find(|row| row.id() == Uuid::from_u128(4)).unwrap();
    assert!(matches!(
        closed_later,
        Member::Organization { counted_to: None, .. }
    ));
}
