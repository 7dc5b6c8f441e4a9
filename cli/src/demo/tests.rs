//! Tests of the facts given by the article, and of the rules of the register for every row.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Datelike as _, NaiveDate};
use qiaojian_domain::access::Post;
use qiaojian_domain::activity::ActivityKind;
use qiaojian_domain::area::{AreaKind, Level};
use qiaojian_domain::assignment::{AssignmentStatus, AssignmentVerb, Light, light};
use qiaojian_domain::clock::start_of_day_in_shanghai;
use qiaojian_domain::dates::Precision;
use qiaojian_domain::organization::{Basis, Host, Kind, PreciseDate, Status};
use qiaojian_domain::program::Cohort;
use qiaojian_domain::schedule::Verdict;

use super::days::{BASELINE, LAST_DAY, MONTHS, is_workday, ymd};
use super::organizations::{ANQING, BENGBU, FUYANG, MAANSHAN, PILOTS, TAICI, XUANCHENG, YUHUI, YUHUI_PARK};
use super::*;

/// The plan and its areas, with the queries of the tests.
struct Demo {
    areas: BTreeMap<String, AreaRow>,
    campaign: Campaign,
}

impl Demo {
    fn new() -> Self {
        let rows = anhui().unwrap();
        let campaign = campaign(&rows).unwrap();
        let areas = rows
            .into_iter()
            .chain(campaign.parks.clone())
            .map(|row| (row.code.clone(), row))
            .collect();
        Self { areas, campaign }
    }

    fn level(&self, organization: &OrganizationSpec) -> Level {
        self.areas[&organization.area].level
    }

    /// Returns the number of organizations established on or before the day.
    fn count(&self, day: NaiveDate) -> usize {
        self.established().filter(|(from, _)| *from <= day).count()
    }

    fn established(&self) -> impl Iterator<Item = (NaiveDate, &OrganizationSpec)> {
        self.campaign
            .organizations
            .iter()
            .filter_map(|organization| Some((organization.counts_from()?, organization)))
    }

    fn added(&self) -> impl Iterator<Item = (NaiveDate, &OrganizationSpec)> {
        self.established()
            .filter(|(from, _)| *from > BASELINE && *from <= LAST_DAY)
    }

    fn at(&self, area: &str) -> &OrganizationSpec {
        self.campaign
            .organizations
            .iter()
            .find(|organization| organization.area == area)
            .unwrap_or_else(|| panic!("nothing in {area}"))
    }

    /// Whether every administrative area of `level` below has an organization.
    fn covers(&self, county: &str, level: Level) -> bool {
        let has: BTreeSet<_> = self
            .established()
            .map(|(_, organization)| &organization.area)
            .collect();
        self.areas
            .values()
            .filter(|area| area.level == level && area.kind == AreaKind::Administrative)
            .filter(|area| area.code.starts_with(county))
            .all(|area| has.contains(&area.code))
    }
}

fn city_of(organization: &OrganizationSpec) -> &str {
    match &organization.area[..4] {
        "3403" => BENGBU,
        "3412" => FUYANG,
        "3405" => MAANSHAN,
        "3408" => ANQING,
        "3418" => XUANCHENG,
        _ => "other",
    }
}

#[test]
fn the_embedded_areas_are_anhuis() {
    let rows = anhui().unwrap();
    let count = |level| rows.iter().filter(|row| row.level == level).count();
    assert_eq!(
        Level::ALL.iter().map(|level| count(*level)).collect::<Vec<_>>(),
        [1, 16, 119, 1685, 18334, 0]
    );
    assert_eq!(rows[0].parent, None);
    assert!(
        rows.iter()
            .all(|row| Level::of_code(&row.code) == Some(row.level))
    );
}

#[test]
fn two_runs_give_the_same_plan() {
    let rows = anhui().unwrap();
    assert!(campaign(&rows).unwrap() == campaign(&rows).unwrap());
}

#[test]
fn another_provinces_areas_are_refused() {
    let mut rows = anhui().unwrap();
    rows.retain(|row| row.code != YUHUI);
    assert!(campaign(&rows).unwrap_err().to_string().contains(YUHUI));
}

#[test]
fn the_totals_are_the_articles() {
    let demo = Demo::new();
    assert_eq!(demo.count(BASELINE), 158);
    assert_eq!(demo.count(LAST_DAY), 483);
    let added = demo.added().count();
    assert_eq!(added, 325);
    // Rounded half up to one decimal: 325 / 158 = 205.696 %.
    assert_eq!((added * 10_000 / 158 + 5) / 10, 2057);
    let pilots = demo
        .added()
        .filter(|(_, organization)| PILOTS.contains(&city_of(organization)));
    assert_eq!(pilots.count(), 324);
    let yuhui = demo
        .added()
        .filter(|(_, organization)| organization.area.starts_with(YUHUI));
    assert_eq!(yuhui.count(), 77);
    assert_eq!(
        demo.established().map(|(from, _)| from).max(),
        Some(LAST_DAY.min(ymd(2022, 6, 24)))
    );
}

#[test]
fn what_was_added_by_level_and_kind() {
    let demo = Demo::new();
    let mut counts = BTreeMap::new();
    for (_, organization) in demo.added() {
        *counts
            .entry((demo.level(organization), organization.facts.kind))
            .or_insert(0) += 1;
    }
    let expected = [
        ((Level::City, Kind::Federation), 1),
        ((Level::County, Kind::Federation), 15),
        ((Level::Township, Kind::Federation), 31),
        ((Level::Village, Kind::WorkStation), 277),
        ((Level::Park, Kind::Federation), 1),
    ];
    assert_eq!(counts, BTreeMap::from(expected));
}

#[test]
fn what_there_was_before() {
    let demo = Demo::new();
    let before: Vec<_> = demo.established().filter(|(from, _)| *from <= BASELINE).collect();
    let count = |level| before.iter().filter(|(_, o)| demo.level(o) == level).count();
    assert_eq!(count(Level::Province), 1);
    assert_eq!(count(Level::City), 15);
    assert!(!before.iter().any(|(_, o)| city_of(o) == XUANCHENG));
    assert!(
        before
            .iter()
            .filter(|(_, o)| city_of(o) == FUYANG)
            .all(|(_, o)| demo.level(o) == Level::City),
        "阜阳 starts from zero below the city"
    );
    assert!(!before.iter().any(|(_, o)| o.area.starts_with(YUHUI)));
}

#[test]
fn every_month_shows_something_for_most_pilot_cities() {
    let demo = Demo::new();
    let mut months: BTreeMap<_, BTreeMap<_, usize>> = BTreeMap::new();
    for (from, organization) in demo.added() {
        let cities = months.entry((from.year(), from.month())).or_default();
        *cities.entry(city_of(organization)).or_default() += 1;
    }
    assert!(
        months.keys().copied().eq(MONTHS),
        "nothing outside the bulletins' months: {:?}",
        months.keys()
    );
    for (month, cities) in months {
        let pilots = PILOTS.iter().filter(|city| cities.contains_key(**city)).count();
        assert!(pilots >= 3, "{month:?}: {cities:?}");
    }
}

#[test]
fn every_row_would_be_accepted_by_the_register() {
    let demo = Demo::new();
    let mut active = BTreeSet::new();
    let mut names = BTreeSet::new();
    let mut documents = BTreeSet::new();
    for organization in &demo.campaign.organizations {
        let area = &demo.areas[&organization.area];
        let facts = &organization.facts;
        let name = &facts.name;
        assert_eq!(facts.violations(area.level, LAST_DAY), [], "{name}");
        assert_eq!(area.kind, AreaKind::Administrative, "{name}");
        assert!(facts.kind.is_organization(), "{name}");
        assert_eq!(facts.host, Host::Area, "{name}");
        assert!(active.insert((&organization.area, facts.kind)), "{name}");
        assert!(names.insert(name.as_str()), "{name} twice");
        let approved = facts.life.approved.map(PreciseDate::earliest);
        let established = facts.life.established.map(PreciseDate::earliest);
        let unveiled = facts.life.unveiled.map(PreciseDate::earliest);
        assert!(
            approved.is_none() || approved <= established,
            "{name}: approved after it was founded"
        );
        assert!(
            unveiled.is_none() || established <= unveiled,
            "{name}: unveiled before it was founded"
        );
        assert!(
            facts.posts_filled <= facts.quota_posts.or(Some(3)),
            "{name}: more posts filled than there are"
        );
        assert!(facts.note.as_ref().unwrap().starts_with("示例数据"), "{name}");
        assert_eq!(
            facts.approval_doc_no.is_some(),
            facts.life.approved.is_some(),
            "{name}"
        );
        if let Some(doc_no) = &facts.approval_doc_no {
            assert!(doc_no.contains("（示例）〔"), "{doc_no}");
            assert!(documents.insert(doc_no), "{doc_no} twice");
        }
    }
}

#[test]
fn parents_stand_above_and_were_there_first() {
    let demo = Demo::new();
    let mut seen = BTreeSet::new();
    for organization in &demo.campaign.organizations {
        match &organization.parent {
            Some(parent) => {
                assert!(
                    seen.contains(parent),
                    "{} before its parent",
                    organization.facts.name
                );
                assert!(
                    demo.areas[parent].level < demo.level(organization),
                    "{}",
                    organization.facts.name
                );
            }
            None => assert_eq!(demo.level(organization), Level::Province),
        }
        seen.insert(organization.area.clone());
    }
    assert_eq!(demo.at(TAICI).parent.as_deref(), Some("340827"));
}

#[test]
fn yuhui_is_the_one_county_with_three_tier_full_coverage() {
    let demo = Demo::new();
    let full: Vec<_> = demo
        .areas
        .values()
        .filter(|area| area.level == Level::County)
        .filter(|area| {
            [Level::County, Level::Township, Level::Village]
                .iter()
                .all(|level| demo.covers(&area.code, *level))
        })
        .filter(|area| area.kind == AreaKind::Administrative)
        .map(|area| area.code.as_str())
        .collect();
    assert_eq!(full, [YUHUI]);
    for (_, organization) in demo
        .added()
        .filter(|(_, organization)| organization.area.starts_with(YUHUI))
    {
        let (established, unveiled) = (
            organization.facts.life.established.unwrap(),
            organization.facts.life.unveiled.unwrap(),
        );
        assert_eq!(established, unveiled, "一同挂牌");
        assert_eq!(established.precision, Precision::TenDay);
        assert_eq!(
            (established.earliest(), established.counts_from()),
            (ymd(2022, 3, 21), ymd(2022, 3, 31))
        );
    }
    assert_eq!(demo.level(demo.at(YUHUI_PARK)), Level::Park);
}

#[test]
fn what_the_article_says_of_single_organizations() {
    let demo = Demo::new();
    let first = |city: &str, level| {
        let mut of_city: Vec<_> = demo
            .added()
            .filter(|(_, organization)| city_of(organization) == city && demo.level(organization) == level)
            .collect();
        of_city.sort_by_key(|(_, organization)| organization.facts.life.established.unwrap().earliest());
        of_city[0].1
    };
    let yingzhou = first(FUYANG, Level::County);
    assert_eq!(
        (yingzhou.area.as_str(), yingzhou.facts.basis),
        ("341202", Basis::ReplaceOne)
    );
    assert_eq!(yingzhou.facts.approval_post, Some(Post::StaffingOffice));
    let taici = first(ANQING, Level::Township);
    assert_eq!((taici.area.as_str(), taici.facts.basis), (TAICI, Basis::Congress));
    assert_eq!(taici.counts_from(), Some(ymd(2022, 5, 24)));
    let others = demo
        .established()
        .filter(|(_, o)| city_of(o) == ANQING && demo.level(o) == Level::Township && o.area != TAICI);
    assert!(
        others
            .map(|(_, o)| o.facts.life.established.unwrap().earliest())
            .all(|from| from > ymd(2022, 5, 24))
    );
    let xuancheng = demo.at(XUANCHENG);
    let note = xuancheng.facts.note.as_deref().unwrap();
    assert_eq!(
        (xuancheng.facts.life.status, xuancheng.facts.has_office),
        (Status::Established, true)
    );
    assert!(note.contains("同意设立市级侨联机关") && note.contains("established_only_pilots"));
    let preparing: Vec<_> = demo
        .campaign
        .organizations
        .iter()
        .filter(|organization| organization.facts.life.status == Status::Preparing)
        .map(|organization| organization.area.as_str())
        .collect();
    assert_eq!(preparing, ["340802", "340803", "340811"]);
    assert_eq!(demo.campaign.organizations.len(), 483 + 3);
}

#[test]
fn names_read_as_an_office_writes_them() {
    let demo = Demo::new();
    for (area, name) in [
        ("340000", "安徽省归国华侨联合会"),
        (BENGBU, "安徽省蚌埠市归国华侨联合会"),
        (YUHUI, "蚌埠市禹会区归国华侨联合会"),
        (TAICI, "望江县太慈镇侨联"),
        ("340304001001", "大庆街道大庆社区侨联工作站"),
        ("340304101200", "马城镇马城村侨联工作站"),
        (YUHUI_PARK, "禹会区侨创产业园区（示例）侨联"),
    ] {
        assert_eq!(demo.at(area).facts.name, name);
    }
}

#[test]
fn the_programme_has_four_pilot_cities_and_twelve_others() {
    let demo = Demo::new();
    let cohorts = &demo.campaign.program.cohorts;
    let pilots: BTreeSet<_> = cohorts
        .iter()
        .filter(|cohort| cohort.cohort == Cohort::Pilot)
        .map(|cohort| cohort.area.as_str())
        .collect();
    assert_eq!(pilots, BTreeSet::from(PILOTS));
    assert_eq!(cohorts.len(), 16);
    let reached: BTreeSet<_> = demo
        .campaign
        .endpoints
        .iter()
        .map(|endpoint| endpoint.area)
        .collect();
    assert_eq!(reached, pilots);
    assert_eq!(demo.campaign.endpoints.len(), 8);
}

#[test]
fn the_schedule_is_due_once_for_each_month_of_the_campaign() {
    let timing = super::program::schedule().timing;
    let plan = timing.read().unwrap();
    plan.check().unwrap();
    let years_later = start_of_day_in_shanghai(ymd(2026, 11, 23));
    let due = plan.due(plan.initial_cursor(), years_later, &|_| Some(true), 100);
    let periods: Vec<_> = due
        .occurrences
        .iter()
        .map(|occurrence| (occurrence.period.to_string(), occurrence.verdict))
        .collect();
    let months = [
        "2021-12", "2022-01", "2022-02", "2022-03", "2022-04", "2022-05", "2022-06",
    ];
    assert_eq!(periods, months.map(|month| (month.to_owned(), Verdict::Open)));
    assert_eq!(due.next_due_at, None);
}

#[test]
fn activities_name_real_areas_and_each_pilot_city_has_a_chaired_group() {
    let demo = Demo::new();
    for activity in &demo.campaign.activities {
        for code in activity.areas.iter().chain([&activity.area]) {
            assert!(demo.areas.contains_key(*code), "{code}");
        }
        assert!(
            !activity.posts.is_empty() && activity.on.counts_from() <= LAST_DAY,
            "{}",
            activity.note
        );
        let open = activity.on.precision != Precision::Day;
        assert_eq!(activity.note.contains("日期为示例"), open, "{}", activity.note);
    }
    for city in PILOTS {
        let groups: Vec<_> = demo
            .campaign
            .activities
            .iter()
            .filter(|activity| activity.area == city && activity.kind == ActivityKind::LeadingGroupFormed)
            .collect();
        assert_eq!(groups.len(), 1, "{city}");
        assert_eq!(
            (groups[0].chair_post, groups[0].posts.len()),
            (Some(Post::PartyCommittee), 5)
        );
    }
    let days: BTreeSet<_> = demo
        .campaign
        .activities
        .iter()
        .filter(|activity| activity.on.precision == Precision::Day)
        .map(|activity| activity.on.on)
        .collect();
    assert_eq!(
        days,
        BTreeSet::from([ymd(2021, 9, 7), ymd(2022, 2, 24), ymd(2022, 5, 17)])
    );
}

#[test]
fn tasks_are_due_on_working_days_and_worked_in_order() {
    let demo = Demo::new();
    let tasks = &demo.campaign.tasks;
    assert!(tasks.len() >= 20);
    assert!(tasks.iter().map(|task| task.no).eq(1..=21));
    for task in tasks {
        assert!(
            is_workday(task.issued_on) && is_workday(task.due_on) && task.issued_on < task.due_on,
            "{}",
            task.no
        );
        assert!(!task.supporting_posts.contains(&task.lead_post), "{}", task.no);
        assert!(!task.assignments.is_empty());
        for assignment in &task.assignments {
            let what = format!("task {} in {}", task.no, assignment.area);
            assert!(PILOTS.contains(&assignment.area), "{what}");
            assert!(assignment.status().is_some(), "{what}: {:?}", assignment.steps);
            let days: Vec<_> = [task.issued_on]
                .into_iter()
                .chain(assignment.steps.iter().map(|step| step.on))
                .collect();
            assert!(
                days.is_sorted() && days.iter().all(|day| *day <= LAST_DAY),
                "{what}: {days:?}"
            );
            for step in &assignment.steps {
                let speaks = matches!(step.verb, AssignmentVerb::Report | AssignmentVerb::Return);
                assert_eq!(step.text.is_some(), speaks, "{what}");
            }
        }
    }
}

#[test]
fn tasks_stand_everywhere_they_can_stand() {
    let demo = Demo::new();
    let mut statuses = BTreeSet::new();
    let mut lights = BTreeSet::new();
    for task in &demo.campaign.tasks {
        for assignment in &task.assignments {
            let status = assignment.status().unwrap();
            statuses.insert(status);
            lights.insert(light(
                status,
                task.due_on,
                assignment.last(AssignmentVerb::Submit),
                LAST_DAY,
            ));
        }
    }
    use AssignmentStatus as S;
    assert_eq!(
        statuses,
        BTreeSet::from([
            S::Issued,
            S::Acknowledged,
            S::InProgress,
            S::Submitted,
            S::Accepted
        ])
    );
    assert_eq!(lights, BTreeSet::from([Light::Green, Light::Yellow, Light::Red]));
}

#[test]
fn every_bulletin_has_tasks_done_and_tasks_due_next() {
    let tasks = super::tasks::tasks();
    let in_month = |day: NaiveDate, (year, month): (i32, u32)| (day.year(), day.month()) == (year, month);
    for (year, month) in MONTHS {
        let next = if month == 12 {
            (year + 1, 1)
        } else {
            (year, month + 1)
        };
        let accepted = tasks
            .iter()
            .flat_map(|task| &task.assignments)
            .filter_map(|assignment| assignment.last(AssignmentVerb::Accept))
            .filter(|day| in_month(*day, (year, month)))
            .count();
        assert!(accepted > 0, "{year}-{month}");
        assert!(
            tasks.iter().any(|task| in_month(task.due_on, next)),
            "nothing due in {next:?}"
        );
    }
}
