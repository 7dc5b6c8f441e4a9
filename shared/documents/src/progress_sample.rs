//! A realistic bulletin for tests, with the article's totals and illustrative figures below them.

use chrono::NaiveDate;
use qiaojian_domain::area::Level;
use qiaojian_domain::assignment::AssignmentStatus;
use qiaojian_domain::clock::UtcTime;
use qiaojian_domain::organization::Kind;
use qiaojian_domain::program::Cohort;
use qiaojian_domain::rule::RuleKind;

use super::progress::*;

pub fn date(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

pub fn area(code: &str, name: &str) -> AreaName {
    AreaName {
        code: code.to_owned(),
        name: name.to_owned(),
    }
}

pub fn added(groups: &[(Level, Kind, i64)]) -> Added {
    Added {
        total: groups.iter().map(|group| group.2).sum(),
        groups: groups
            .iter()
            .map(|&(level, kind, count)| AddedGroup { level, kind, count })
            .collect(),
    }
}

fn period(name: &str, label: &str, first: &str, last: &str) -> PeriodSpan {
    PeriodSpan {
        name: name.to_owned(),
        label: label.to_owned(),
        first_day: date(first),
        last_day: date(last),
    }
}

fn city(code: &str, name: &str, numbers: [i64; 4], covered: [(i64, i64); 3]) -> CityFigures {
    let [organizations, added_in_period, added_since_baseline, baseline] = numbers;
    let [counties, townships, villages] = covered.map(|(part, of)| Ratio::of(part, of));
    CityFigures {
        city: area(code, name),
        organizations,
        added_in_period,
        added_since_baseline,
        growth: Ratio::of(added_since_baseline, baseline),
        counties,
        townships,
        villages,
    }
}

pub fn common() -> Common {
    let since = added(&[
        (Level::City, Kind::Federation, 1),
        (Level::County, Kind::Federation, 15),
        (Level::Township, Kind::Federation, 31),
        (Level::Village, Kind::WorkStation, 277),
        (Level::Park, Kind::Federation, 1),
    ]);
    Common {
        format: FORMAT,
        illustrative: true,
        program: "党建带侨建、侨建促党建".to_owned(),
        issuer: "安徽省侨联".to_owned(),
        scope: area("340000", "安徽省"),
        period: period("2022-06", "2022年6月", "2022-06-01", "2022-06-30"),
        next_period: period("2022-07", "2022年7月", "2022-07-01", "2022-07-31"),
        as_of: date("2022-06-24"),
        known_at: "2022-06-27T00:00:00.000000Z".parse::<UtcTime>().unwrap(),
        baseline_on: date("2021-10-31"),
        totals: Totals {
            organizations: 483,
            baseline: Some(158),
            closed_since_baseline: 0,
            reopened_since_baseline: Some(0),
            growth: Ratio::of(325, 158),
        },
        added_in_period: added(&[
            (Level::Township, Kind::Federation, 6),
            (Level::Village, Kind::WorkStation, 41),
        ]),
        added_since_baseline: since,
        coverage: [
            (Level::City, Some(16), Some(16)),
            (Level::County, Some(57), Some(104)),
            (Level::Township, Some(96), Some(1522)),
            (Level::Village, Some(310), None),
        ]
        .map(|(level, part, of)| Coverage {
            level,
            ratio: Ratio::of(part, of),
        })
        .to_vec(),
        cohorts: [
            (Some(Cohort::Pilot), 356, 324),
            (Some(Cohort::NonPilot), 126, 1),
            (None, 1, 0),
        ]
        .map(|(cohort, organizations, added_since_baseline)| CohortFigures {
            cohort,
            organizations,
            added_since_baseline,
        })
        .to_vec(),
        cities: vec![
            city(
                "340300",
                "蚌埠市",
                [124, 14, 101, 23],
                [(6, 7), (15, 78), (96, 1180)],
            ),
            city(
                "340500",
                "马鞍山市",
                [96, 12, 78, 18],
                [(6, 6), (18, 48), (69, 563)],
            ),
            city(
                "340800",
                "安庆市",
                [81, 9, 62, 19],
                [(6, 10), (16, 150), (55, 1520)],
            ),
            city(
                "341200",
                "阜阳市",
                [74, 11, 74, 0],
                [(5, 8), (14, 174), (54, 1880)],
            ),
        ],
        rules: vec![RuleUsed {
            kind: RuleKind::Counting,
            name: "default".to_owned(),
            version: 1,
        }],
        basis_note: Some("宣城市市级侨联机关按同意设立计入。".to_owned()),
    }
}

pub fn gap(
    code: &str,
    name: &str,
    own: Option<bool>,
    townships: (i64, i64),
    villages: (i64, i64),
) -> CountyGap {
    let missing = |(without, of)| Missing {
        without: Some(without),
        of: Some(of),
    };
    CountyGap {
        county: area(code, name),
        statistical: false,
        has_organization: own,
        townships: missing(townships),
        villages: missing(villages),
    }
}

pub fn task(no: i32, content: &str, due_on: &str, status: AssignmentStatus) -> TaskRow {
    TaskRow {
        no,
        content: content.to_owned(),
        due_on: date(due_on),
        status,
    }
}

pub fn own() -> Own {
    use AssignmentStatus::{Accepted, Acknowledged, InProgress, Issued, Submitted};
    let wuhe = gap("340322", "五河县", Some(true), (12, 14), (198, 214));
    Own {
        format: FORMAT,
        figures: common().cities[0].clone(),
        added_in_period: added(&[(Level::Village, Kind::WorkStation, 14)]),
        added_since_baseline: added(&[
            (Level::County, Kind::Federation, 4),
            (Level::Township, Kind::Federation, 13),
            (Level::Village, Kind::WorkStation, 83),
            (Level::Park, Kind::Federation, 1),
        ]),
        gaps: vec![
            gap("340302", "龙子湖区", Some(true), (5, 8), (48, 52)),
            gap("340303", "蚌山区", Some(true), (6, 9), (60, 66)),
            gap("340304", "禹会区", Some(true), (0, 7), (0, 68)),
            gap("340311", "淮上区", Some(true), (4, 6), (66, 70)),
            gap("340321", "怀远县", Some(true), (17, 18), (361, 364)),
            wuhe,
            gap("340323", "固镇县", Some(false), (11, 11), (225, 228)),
        ],
        tasks: Tasks {
            done: TaskList {
                count: 23,
                rows: vec![
                    task(
                        1,
                        "成立市试点工作领导小组，明确组织、统战、编办、财政和侨联等成员单位职责",
                        "2021-12-31",
                        Accepted,
                    ),
                    task(2, "印发试点工作实施方案", "2022-01-31", Accepted),
                    task(4, "召开试点工作动员会", "2022-02-28", Accepted),
                ],
            },
            open: TaskList::capped(vec![
                task(9, "按照“五有”标准完成新成立组织自查", "2022-07-15", InProgress),
                task(
                    11,
                    "推动固镇县侨联成立筹备工作，协调机构编制事项",
                    "2022-07-31",
                    Acknowledged,
                ),
                task(
                    14,
                    "将试点工作成效纳入年度综合考核“群团工作”内容",
                    "2022-09-30",
                    Submitted,
                ),
            ]),
            overdue: TaskList::capped(vec![task(
                7,
                "将乡镇（街道）侨联工作经费列入同级财政预算",
                "2022-05-31",
                Issued,
            )]),
        },
        due_next: TaskList::capped(vec![
            task(9, "按照“五有”标准完成新成立组织自查", "2022-07-15", InProgress),
            task(
                11,
                "推动固镇县侨联成立筹备工作，协调机构编制事项",
                "2022-07-31",
                Acknowledged,
            ),
        ]),
    }
}
