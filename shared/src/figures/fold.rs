//! The folds. Each figure's members are chosen by the same function that counts them, so they cannot disagree.

use std::collections::BTreeMap;

use chrono::Datelike as _;

use super::{
    Answer, AreaFact, CohortChoice, Figure, GroupBy, GroupKey, MembersKind, Metric, OrganizationFact, Part,
    Question, Register,
};
use crate::documents::percent::percent;
use crate::domain::area::{AreaKind, Level};
use crate::domain::program::Cohort;
use crate::ids::{AreaId, OrganizationId};

/// One row behind a figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Member {
    /// An organization.
    Organization(OrganizationId),
    /// An area.
    Area(AreaId),
}

/// Answers a question from the facts of its subtree. Groups come in the order of their names, metrics in the order asked.
pub fn answer(question: &Question, register: &Register) -> Answer {
    let mut items = Vec::new();
    let mut totals = Vec::new();
    for metric in &question.metrics {
        if !question.group_by.is_empty() {
            items.extend(figures(question, register, *metric, &question.group_by));
        }
        // Without a cohort asked for, even the sum is one per cohort.
        let by_cohort: &[GroupBy] = if question.cohort == CohortChoice::Each {
            &[GroupBy::Cohort]
        } else {
            &[]
        };
        let sums = figures(question, register, *metric, by_cohort);
        totals.extend(sums);
    }
    Answer { items, totals }
}

/// The rows behind one number of a figure, by path.
pub fn members(
    question: &Question,
    register: &Register,
    metric: Metric,
    part: Part,
    group: &GroupKey,
) -> Vec<Member> {
    let keys: Vec<GroupBy> = group.keys().copied().collect();
    match metric.members_kind() {
        MembersKind::Organizations => organizations(question, register, metric, part)
            .filter(|fact| key_of_organization(&keys, fact) == *group)
            .map(|fact| Member::Organization(fact.id))
            .collect(),
        MembersKind::Areas => {
            let covered = covered_areas(question, register);
            areas(question, register, part, &covered)
                .filter(|fact| key_of_area(&keys, fact) == *group)
                .map(|fact| Member::Area(fact.id))
                .collect()
        }
    }
}

fn figures(question: &Question, register: &Register, metric: Metric, group_by: &[GroupBy]) -> Vec<Figure> {
    let mut counts: BTreeMap<GroupKey, (i64, i64)> = BTreeMap::new();
    if group_by.is_empty() {
        counts.insert(GroupKey::new(), (0, 0)); // a sum of nothing is shown as zero
    }
    let keys = with_cohort(question, group_by);
    match metric.members_kind() {
        MembersKind::Organizations => {
            for fact in organizations(question, register, metric, Part::Numerator) {
                counts.entry(key_of_organization(&keys, fact)).or_default().0 += 1;
            }
            if metric.is_ratio() {
                for fact in organizations(question, register, metric, Part::Denominator) {
                    counts.entry(key_of_organization(&keys, fact)).or_default().1 += 1;
                }
            }
        }
        MembersKind::Areas => {
            let covered = covered_areas(question, register);
            for fact in areas(question, register, Part::Numerator, &covered) {
                counts.entry(key_of_area(&keys, fact)).or_default().0 += 1;
            }
            for fact in areas(question, register, Part::Denominator, &covered) {
                counts.entry(key_of_area(&keys, fact)).or_default().1 += 1;
            }
        }
    }
    counts
        .into_iter()
        .map(|(group, (numerator, denominator))| {
            let denominator = metric.is_ratio().then_some(denominator);
            #[expect(
                clippy::cast_precision_loss,
                reason = "there are fewer than 2^53 organizations"
            )]
            let value = match denominator {
                Some(denominator) => percent(numerator, denominator),
                None => Some(numerator as f64),
            };
            Figure {
                metric,
                group,
                numerator,
                denominator,
                value,
                undetermined: 0,
            }
        })
        .collect()
}

/// Cohorts that are not to be summed are always a group of their own.
fn with_cohort(question: &Question, group_by: &[GroupBy]) -> Vec<GroupBy> {
    let mut keys = group_by.to_vec();
    if question.cohort == CohortChoice::Each && !keys.contains(&GroupBy::Cohort) {
        keys.push(GroupBy::Cohort);
    }
    keys
}

fn organizations<'a>(
    question: &'a Question,
    register: &'a Register,
    metric: Metric,
    part: Part,
) -> impl Iterator<Item = &'a OrganizationFact> {
    register.organizations.iter().filter(move |fact| {
        fact.kind.is_organization()
            && chosen(question, fact.cohort)
            && match (metric, part) {
                (Metric::Organizations, Part::Numerator) => fact.counts_on(question.as_of),
                (Metric::Added | Metric::Growth, Part::Numerator) => {
                    fact.began_in(question.from, question.to)
                }
                (Metric::Growth, Part::Denominator) => {
                    question.baseline_on.is_some_and(|date| fact.counts_on(date))
                }
                _ => false,
            }
    })
}

/// The paths of the areas that have a counted organization of their own, sorted.
fn covered_areas<'a>(question: &'a Question, register: &'a Register) -> Vec<&'a str> {
    let mut paths: Vec<&str> = organizations(question, register, Metric::Organizations, Part::Numerator)
        .filter(|fact| fact.covers_on(question.as_of))
        .map(|fact| fact.path.as_str())
        .collect();
    paths.dedup(); // facts are sorted by path
    paths
}

fn areas<'a>(
    question: &'a Question,
    register: &'a Register,
    part: Part,
    covered: &'a [&'a str],
) -> impl Iterator<Item = &'a AreaFact> {
    register.areas.iter().filter(move |fact| {
        // Statistical and placeholder areas are never eligible, and a park is not a division to be covered.
        fact.kind == AreaKind::Administrative
            && fact.level != Level::Park
            && chosen(question, fact.cohort)
            && (part == Part::Denominator || covered.binary_search(&fact.path.as_str()).is_ok())
    })
}

fn chosen(question: &Question, cohort: Option<Cohort>) -> bool {
    match question.cohort {
        CohortChoice::Each | CohortChoice::All => true,
        CohortChoice::Only(only) => cohort == Some(only),
    }
}

fn key_of_organization(keys: &[GroupBy], fact: &OrganizationFact) -> GroupKey {
    keys.iter()
        .map(|key| {
            let value = match key {
                GroupBy::Kind => Some(fact.kind.to_string()),
                GroupBy::Month => fact
                    .counted_from
                    .map(|date| format!("{:04}-{:02}", date.year(), date.month())),
                _ => key_of_place(*key, &fact.path, fact.level, fact.cohort),
            };
            (*key, value)
        })
        .collect()
}

fn key_of_area(keys: &[GroupBy], fact: &AreaFact) -> GroupKey {
    keys.iter()
        .map(|key| (*key, key_of_place(*key, &fact.path, fact.level, fact.cohort)))
        .collect()
}

fn key_of_place(key: GroupBy, path: &str, level: Level, cohort: Option<Cohort>) -> Option<String> {
    let ancestor = |wanted: Level| {
        path.split('/')
            .find(|code| Level::of_code(code) == Some(wanted))
            .map(str::to_owned)
    };
    match key {
        GroupBy::City => ancestor(Level::City),
        GroupBy::County => ancestor(Level::County),
        GroupBy::Township => ancestor(Level::Township),
        GroupBy::Level => Some(level.to_string()),
        GroupBy::Cohort => cohort.map(|cohort| cohort.to_string()),
        GroupBy::Kind | GroupBy::Month => None,
    }
}

#[cfg(test)]
mod tests {
    use chrono::NaiveDate;
    use uuid::Uuid;

    use super::*;
    use crate::domain::organization::{Host, Kind};
    use crate::store::Subtree;

    fn date(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn organization(
        number: u128,
        path: &str,
        kind: Kind,
        began: &str,
        ended: Option<&str>,
    ) -> OrganizationFact {
        OrganizationFact {
            id: OrganizationId(Uuid::from_u128(number)),
            area: AreaId(Uuid::from_u128(1000 + number)),
            path: path.to_owned(),
            level: path
                .split('/')
                .rfind(|code| !code.is_empty())
                .and_then(Level::of_code)
                .unwrap(),
            area_kind: AreaKind::Administrative,
            kind,
            host: Host::Area,
            cohort: if path.contains("340300") {
                Some(Cohort::Pilot)
            } else {
                path.contains("341800").then_some(Cohort::NonPilot)
            },
            counted_from: (!began.is_empty()).then(|| date(began)),
            counted_to: ended.map(date),
        }
    }

    fn area(number: u128, path: &str, kind: AreaKind) -> AreaFact {
        let code = path.split('/').rfind(|code| !code.is_empty()).unwrap().to_owned();
        AreaFact {
            id: AreaId(Uuid::from_u128(number)),
            level: Level::of_code(&code).unwrap(),
            name: code.clone(),
            code,
            cohort: path.contains("340300").then_some(Cohort::Pilot),
            path: path.to_owned(),
            kind,
        }
    }

    fn register() -> Register {
        Register {
            organizations: vec![
                organization(1, "340000/", Kind::Federation, "2000-01-01", None),
                organization(2, "340000/340300/", Kind::Federation, "2000-01-01", None),
                organization(3, "340000/340300/340304/", Kind::Federation, "2022-03-31", None),
                organization(
                    4,
                    "340000/340300/340304/340304001/",
                    Kind::Federation,
                    "2022-03-31",
                    Some("2022-05-01"),
                ),
                organization(
                    5,
                    "340000/340300/340304/340304001/340304001001/",
                    Kind::WorkStation,
                    "2022-04-01",
                    None,
                ),
                organization(
                    6,
                    "340000/340300/340304/340304001/340304001002/",
                    Kind::LiaisonPost,
                    "2022-04-01",
                    None,
                ),
                organization(7, "340000/340300/340304/340304002/", Kind::Federation, "", None),
                organization(8, "340000/341800/", Kind::Federation, "2022-06-01", None),
            ],
            areas: vec![
                area(1, "340000/", AreaKind::Administrative),
                area(2, "340000/340300/", AreaKind::Administrative),
                area(3, "340000/340300/340304/", AreaKind::Administrative),
                area(9, "340000/340300/340304-P01/", AreaKind::Administrative),
                area(4, "340000/340300/340304/340304001/", AreaKind::Administrative),
                area(7, "340000/340300/340304/340304002/", AreaKind::Administrative),
                area(8, "340000/340300/340371/", AreaKind::Statistical),
            ],
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

    #[test]
    fn what_counts_and_what_was_added() {
        let answer = answer(
            &question(
                &[Metric::Organizations, Metric::Added, Metric::Growth],
                CohortChoice::All,
                &[],
            ),
            &register(),
        );
        // Closed before as_of: added, but no longer there. A liaison post and a preparation are neither.
        assert_eq!(
            parts(&answer.totals),
            [
                (String::new(), 5, None),
                (String::new(), 4, None),
                (String::new(), 4, Some(2))
            ]
        );
        assert_eq!(answer.totals[2].value, Some(200.0));
        assert!(answer.items.is_empty());
    }

    #[test]
    fn the_interval_is_open_at_its_start_and_closed_at_its_end() {
        let mut asked = question(&[Metric::Added], CohortChoice::All, &[]);
        (asked.from, asked.to) = (date("2022-03-30"), date("2022-03-31"));
        assert_eq!(answer(&asked, &register()).totals[0].numerator, 2);
        (asked.from, asked.to) = (date("2022-03-31"), date("2022-03-31"));
        assert_eq!(answer(&asked, &register()).totals[0].numerator, 0);
    }

    #[test]
    fn cohorts_are_never_summed_unless_asked() {
        let each = answer(&question(&[Metric::Added], CohortChoice::Each, &[]), &register());
        assert_eq!(
            parts(&each.totals),
            [("non_pilot".to_owned(), 1, None), ("pilot".to_owned(), 3, None)]
        );
        let grouped = answer(
            &question(&[Metric::Organizations], CohortChoice::Each, &[GroupBy::Level]),
            &register(),
        );
        assert!(
            grouped
                .items
                .iter()
                .all(|figure| figure.group.contains_key(&GroupBy::Cohort))
        );
        let only = answer(
            &question(&[Metric::Added], CohortChoice::Only(Cohort::Pilot), &[]),
            &register(),
        );
        assert_eq!(parts(&only.totals), [(String::new(), 3, None)]);
    }

    #[test]
    fn coverage_leaves_out_what_is_never_eligible() {
        let answer = answer(
            &question(
                &[Metric::OrganizationCoverage],
                CohortChoice::All,
                &[GroupBy::Level],
            ),
            &register(),
        );
        assert_eq!(
            parts(&answer.items),
            [
                ("city".to_owned(), 1, Some(1)),
                ("county".to_owned(), 1, Some(1)),
                ("province".to_owned(), 1, Some(1)),
                ("township".to_owned(), 0, Some(2)),
            ]
        );
        assert_eq!(parts(&answer.totals), [(String::new(), 3, Some(5))]);
    }

    #[test]
    fn what_an_enterprise_carries_is_counted_but_covers_nothing() {
        let mut facts = register();
        for fact in &mut facts.organizations {
            if fact.path == "340000/340300/340304/" {
                fact.host = Host::Enterprise;
            }
        }
        let answer = answer(
            &question(
                &[Metric::Organizations, Metric::OrganizationCoverage],
                CohortChoice::All,
                &[],
            ),
            &facts,
        );
        assert_eq!(
            parts(&answer.totals),
            [(String::new(), 5, None), (String::new(), 2, Some(5))]
        );
    }

    #[test]
    fn the_members_of_every_figure_are_as_many_as_it_says() {
        let register = register();
        for cohort in [
            CohortChoice::All,
            CohortChoice::Each,
            CohortChoice::Only(Cohort::Pilot),
        ] {
            for groups in [
                vec![],
                vec![GroupBy::Level],
                vec![GroupBy::City, GroupBy::Level],
                vec![GroupBy::County, GroupBy::Township],
            ] {
                let question = question(Metric::ALL, cohort, &groups);
                let answer = answer(&question, &register);
                for figure in answer.items.iter().chain(&answer.totals) {
                    let count =
                        |part| members(&question, &register, figure.metric, part, &figure.group).len() as i64;
                    assert_eq!(count(Part::Numerator), figure.numerator, "{figure:?}");
                    if let Some(denominator) = figure.denominator {
                        assert_eq!(count(Part::Denominator), denominator, "{figure:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn months_are_those_in_which_organizations_began_to_count() {
        let answer = answer(
            &question(&[Metric::Added], CohortChoice::All, &[GroupBy::Month]),
            &register(),
        );
        assert_eq!(
            parts(&answer.items),
            [
                ("2022-03".to_owned(), 2, None),
                ("2022-04".to_owned(), 1, None),
                ("2022-06".to_owned(), 1, None)
            ]
        );
    }

    #[test]
    fn questions_that_make_no_sense_are_refused() {
        let today = date("2022-06-24");
        let codes = |question: &Question| {
            question
                .violations(today)
                .iter()
                .map(|found| found.code)
                .collect::<Vec<_>>()
        };
        let mut asked = question(&[Metric::Growth], CohortChoice::All, &[]);
        assert!(codes(&asked).is_empty());
        asked.from = date("2022-06-25");
        assert_eq!(codes(&asked), ["from_after_to"]);
        asked = question(&[Metric::Growth], CohortChoice::All, &[GroupBy::Month]);
        asked.baseline_on = None;
        assert_eq!(codes(&asked), ["program_needed", "group_not_possible"]);
        asked = question(&[], CohortChoice::All, &[]);
        asked.as_of = date("2022-06-25");
        assert_eq!(codes(&asked), ["date_in_future", "metric_missing"]);
    }
}
