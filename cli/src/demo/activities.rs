//! The activities of the campaign according to the article. Dates that it does not give are precise to the month, and
//! the note says 日期为示例.

use chrono::NaiveDate;
use qiaojian_domain::access::Post;
use qiaojian_domain::activity::ActivityKind;
use qiaojian_domain::organization::PreciseDate;

use super::days::ymd;
use super::organizations::{ANQING, BENGBU, FUYANG, MAANSHAN, PILOTS};
use super::plan::ActivitySpec;
use super::program::PROVINCE;

/// 组织、统战、编办、财政、侨联: the member units of every leading group.
const MEMBER_UNITS: [Post; 5] = [
    Post::OrganizationDept,
    Post::UnitedFrontDept,
    Post::StaffingOffice,
    Post::FinanceBureau,
    Post::Federation,
];

/// The three counties and four districts (三县四区) of 蚌埠.
const BENGBU_COUNTIES: [&str; 7] = [
    "340302", "340303", "340304", "340311", "340321", "340322", "340323",
];
/// The counties of 马鞍山, which are its pilot counties with budgets named by the city.
const MAANSHAN_COUNTIES: [&str; 6] = ["340503", "340504", "340506", "340521", "340522", "340523"];

/// Returns all activities, by date.
pub fn activities() -> Vec<ActivitySpec> {
    let mut all: Vec<_> = dated_by_the_article()
        .into_iter()
        .chain(PILOTS.into_iter().flat_map(in_every_pilot_city))
        .chain(in_one_city())
        .collect();
    all.sort_by_key(|activity| (activity.on.on, activity.area));
    all
}

fn on_day(kind: ActivityKind, area: &'static str, day: NaiveDate, note: &'static str) -> ActivitySpec {
    ActivitySpec {
        kind,
        area,
        areas: vec![area],
        on: PreciseDate::day(day),
        posts: vec![Post::Federation],
        chair_post: None,
        quantity: None,
        year: None,
        category: None,
        note,
    }
}

fn in_month(
    kind: ActivityKind,
    area: &'static str,
    (year, month): (i32, u32),
    note: &'static str,
) -> ActivitySpec {
    ActivitySpec {
        on: super::organizations::month_of(ymd(year, month, 1)),
        ..on_day(kind, area, ymd(year, month, 1), note)
    }
}

/// Activities whose day the article gives. The congress of 太慈镇 (2022-05-24) is recorded as the founding of an
/// organization.
fn dated_by_the_article() -> [ActivitySpec; 3] {
    [
        ActivitySpec {
            areas: vec![MAANSHAN],
            posts: vec![Post::Federation, Post::PartyCommittee],
            ..on_day(
                ActivityKind::Consultation,
                PROVINCE,
                ymd(2021, 9, 7),
                "省侨联与马鞍山市委就试点工作座谈交流。",
            )
        },
        ActivitySpec {
            posts: MEMBER_UNITS.to_vec(),
            ..on_day(
                ActivityKind::Mobilisation,
                MAANSHAN,
                ymd(2022, 2, 24),
                "马鞍山市“党建引领侨建 侨建服务党建”试点工作动员会召开。",
            )
        },
        ActivitySpec {
            areas: vec!["341204"],
            ..on_day(
                ActivityKind::Mobilisation,
                FUYANG,
                ymd(2022, 5, 17),
                "市侨联到颍泉区就试点工作进行专题调研和动员部署。",
            )
        },
    ]
}

/// Instruction, leading group, alignment and budget, which the article reports for every pilot city.
fn in_every_pilot_city(city: &'static str) -> [ActivitySpec; 4] {
    use ActivityKind as K;
    [
        ActivitySpec {
            posts: vec![Post::PartyCommittee],
            ..in_month(
                K::Instruction,
                city,
                (2021, 11),
                "市委主要领导对试点工作作出批示，把“抓党建”和“抓侨建”有机统一起来。日期为示例。",
            )
        },
        ActivitySpec {
            posts: MEMBER_UNITS.to_vec(),
            chair_post: Some(Post::PartyCommittee),
            ..in_month(
                K::LeadingGroupFormed,
                city,
                (2021, 12),
                "成立试点工作领导组，市委分管领导任组长，组织、统战、编办、财政和侨联等单位为成员。日期为示例。",
            )
        },
        ActivitySpec {
            posts: vec![Post::PartyCommittee, Post::OrganizationDept, Post::Federation],
            ..in_month(
                K::PolicyAlignment,
                city,
                (2022, 1),
                "将试点推进工作纳入基层党建工作总体部署，作为贯彻落实《中国共产党统一战线工作条例》的重要内容。日期为示例。",
            )
        },
        ActivitySpec {
            posts: vec![Post::FinanceBureau],
            year: Some(2022),
            category: Some("工作经费"),
            ..in_month(
                K::BudgetListed,
                city,
                (2022, 1),
                "试点工作经费列入同级财政预算。日期为示例。",
            )
        },
    ]
}

/// Activities that the article reports for a single city.
fn in_one_city() -> Vec<ActivitySpec> {
    let mut all = vec![liaison(), joint_consultation()];
    all.extend(research_in_bengbu());
    all.extend(plans());
    all.extend(leading_group_meetings());
    all.extend(incentives());
    all
}

fn liaison() -> ActivitySpec {
    ActivitySpec {
        areas: vec![BENGBU, PROVINCE],
        ..in_month(
            ActivityKind::Liaison,
            BENGBU,
            (2021, 12),
            "蚌埠市专程赴省侨联对接交流试点工作。日期为示例。",
        )
    }
}

fn research_in_bengbu() -> [ActivitySpec; 2] {
    [
        ActivitySpec {
            areas: vec!["340303", "340322", "340323"],
            ..in_month(
                ActivityKind::Research,
                BENGBU,
                (2022, 2),
                "深入蚌山区、五河县、固镇县开展推动试点工作走访调研。日期为示例。",
            )
        },
        ActivitySpec {
            areas: BENGBU_COUNTIES.to_vec(),
            ..in_month(
                ActivityKind::Research,
                BENGBU,
                (2022, 4),
                "市侨联先后赴三县四区调研试点工作推进情况。日期为示例。",
            )
        },
    ]
}

fn joint_consultation() -> ActivitySpec {
    ActivitySpec {
        posts: MEMBER_UNITS.to_vec(),
        quantity: Some(3),
        ..in_month(
            ActivityKind::JointConsultation,
            FUYANG,
            (2021, 12),
            "市委组织部、市委统战部、市委编办、市财政局、市侨联共同协商研究试点工作3次。日期为示例。",
        )
    }
}

fn plans() -> [ActivitySpec; 3] {
    [
        ActivitySpec {
            posts: MEMBER_UNITS.to_vec(),
            ..in_month(
                ActivityKind::PlanIssued,
                FUYANG,
                (2022, 1),
                "五部门联合印发试点工作实施方案。日期为示例。",
            )
        },
        ActivitySpec {
            posts: vec![Post::LeadingGroup],
            ..in_month(
                ActivityKind::PlanIssued,
                ANQING,
                (2022, 1),
                "制订试点工作任务分解表，细分明确工作内容、责任部门、完成时限。日期为示例。",
            )
        },
        ActivitySpec {
            posts: vec![Post::LeadingGroup],
            ..in_month(
                ActivityKind::DutiesIssued,
                MAANSHAN,
                (2022, 1),
                "以市试点工作领导小组名义印发成员单位工作职责，要求试点县区参照执行。日期为示例。",
            )
        },
    ]
}

fn leading_group_meetings() -> Vec<ActivitySpec> {
    let meeting = |city, month, note| ActivitySpec {
        posts: MEMBER_UNITS.to_vec(),
        chair_post: Some(Post::PartyCommittee),
        ..in_month(ActivityKind::LeadingGroupMeeting, city, month, note)
    };
    vec![
        meeting(
            ANQING,
            (2022, 2),
            "市委分管负责同志牵头召开领导小组会议，明确把握时间节点。日期为示例。",
        ),
        meeting(MAANSHAN, (2022, 1), "召开试点工作领导小组会议。日期为示例。"),
        meeting(
            MAANSHAN,
            (2022, 3),
            "召开试点工作领导小组会议，分级分批协调共议试点工作。日期为示例。",
        ),
        meeting(
            MAANSHAN,
            (2022, 5),
            "召开试点工作领导小组会议，研究乡镇（街道）侨联工作站全覆盖。日期为示例。",
        ),
    ]
}

/// Assessments, county budgets, posts and subsidies.
fn incentives() -> Vec<ActivitySpec> {
    let assessed = |city| ActivitySpec {
        posts: vec![Post::OrganizationDept, Post::Federation],
        year: Some(2022),
        category: Some("群团工作"),
        ..in_month(
            ActivityKind::AssessmentListed,
            city,
            (2022, 3),
            "将试点工作成效纳入年度综合考核“群团工作”内容，由市侨联综合评分上报。日期为示例。",
        )
    };
    let county_budget = |category| ActivitySpec {
        areas: MAANSHAN_COUNTIES.to_vec(),
        posts: vec![Post::FinanceBureau],
        year: Some(2022),
        category: Some(category),
        ..in_month(
            ActivityKind::BudgetListed,
            MAANSHAN,
            (2022, 2),
            "试点县区相关工作经费和人员经费纳入同级财政预算。日期为示例。",
        )
    };
    vec![
        assessed(MAANSHAN),
        assessed(BENGBU),
        county_budget("工作经费"),
        county_budget("人员经费"),
        ActivitySpec {
            areas: vec!["340802", "340803", "340811"],
            posts: vec![Post::StaffingOffice],
            ..in_month(
                ActivityKind::QuotaApproved,
                ANQING,
                (2022, 5),
                "积极争取市委编办同意迎江、大观、宜秀三区增加人员编制。日期为示例。",
            )
        },
        in_month(
            ActivityKind::Incentive,
            ANQING,
            (2022, 4),
            "对试点中新成立的侨联和侨联工作站，结合实际建立经费补贴和表彰激励机制。日期为示例。",
        ),
    ]
}
