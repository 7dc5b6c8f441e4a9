//! The programme, its counting rules, its endpoints and its schedule.

use qiaojian_domain::access::Post;
use qiaojian_domain::area::Level;
use qiaojian_domain::bulletin::BulletinKind;
use qiaojian_domain::dates::Precision;
use qiaojian_domain::delivery::Channel;
use qiaojian_domain::organization::PreciseDate;
use qiaojian_domain::period::{Period, PeriodUnit};
use qiaojian_domain::program::{Cohort, Facts};
use qiaojian_domain::rule::RuleKind;
use qiaojian_domain::schedule::{Approval, CatchUp, PlanFields, WorkdayPolicy};

use serde_json::json;

use super::areas::Tree;
use super::days::{BASELINE, BEGINNING, STARTS, ymd};
use super::organizations::{MAANSHAN, PILOTS};
use super::plan::{CohortSpec, EndpointSpec, ProgramSpec, RuleSpec, ScheduleSpec};

/// 安徽省: the programme, its rules and its bulletins belong to the provincial federation.
pub const PROVINCE: &str = "340000";

/// Returns the programme, with every city in a cohort.
pub fn program(tree: &Tree<'_>) -> ProgramSpec {
    let cohorts = tree
        .children(PROVINCE, Level::City)
        .map(|city| CohortSpec {
            area: city.code.clone(),
            cohort: if PILOTS.contains(&&*city.code) {
                Cohort::Pilot
            } else {
                Cohort::NonPilot
            },
            from: BASELINE,
        })
        .collect();
    ProgramSpec {
        issuer: PROVINCE,
        facts: Facts {
            code: "ah-qiaojian-2021".to_owned(),
            title: "党建带侨建、侨建促党建".to_owned(),
            aliases: vec!["党建引领侨建、侨建服务党建".to_owned()],
            baseline_on: BASELINE,
            starts: PreciseDate {
                on: STARTS,
                precision: Precision::Month,
            },
            target_on: ymd(2022, 12, 31),
            note: Some(
                "演示数据：行政区划为真实区划，侨联组织及任务进展为示例，合计数与2022年6月24日公开报道一致。"
                    .to_owned(),
            ),
        },
        cohorts,
    }
}

/// Returns the two bases on which the article's 325 can be counted, and the thresholds of 马鞍山.
pub fn rules() -> Vec<RuleSpec> {
    let rule = |kind, name, scope_area, params, source| RuleSpec {
        kind,
        name,
        scope_area,
        // In effect for all questions about the past.
        effective_from: BEGINNING,
        params,
        source,
    };
    vec![
        rule(
            RuleKind::Counting,
            "default",
            PROVINCE,
            json!({"counted_from": "established"}),
            "《安徽省侨联坚持党建带侨建 侨建促党建 不断开创基层侨联建设新局面》（2022年6月24日）第一部分：\
             各市新增基层侨联组织325个；自成立之日起计，筹备中的不计。",
        ),
        rule(
            RuleKind::Counting,
            "established_only_pilots",
            PROVINCE,
            json!({"counted_from": "established", "cohorts": ["pilot"]}),
            "同上，第二部分之三：宣城市为非试点市，市级侨联机关仅“同意设立”；只计试点市已成立的组织，新增324个。",
        ),
        RuleSpec {
            // No organization was required before the campaign began.
            effective_from: STARTS,
            ..rule(
                RuleKind::Establishment,
                "default",
                MAANSHAN,
                json!({"levels": ["township"], "village": {"persons": 10, "households": 3}}),
                "同上，第二部分之三：马鞍山市乡镇（街道）全覆盖；10名及以上涉侨人员或3户及以上涉侨家庭的村（社区）建立工作分站，\
                 其余设联络员。",
            )
        },
    ]
}

/// Returns the endpoints: the federation of each pilot city has an inbox and a file.
pub fn endpoints() -> Vec<EndpointSpec> {
    PILOTS
        .into_iter()
        .flat_map(|area| {
            [Channel::Inbox, Channel::File].map(|channel| EndpointSpec {
                area,
                post: Post::Federation,
                channel,
            })
        })
        .collect()
}

/// Returns the schedule: on the first of each month at nine, about the previous month. It ends with the month of the
/// article. Periods that are past when the demo is loaded are all caught up, however long ago.
pub fn schedule() -> ScheduleSpec {
    let month = |year, month| Period::containing(ymd(year, month, 1), PeriodUnit::Month);
    ScheduleSpec {
        issuer: PROVINCE,
        issuer_post: Post::Federation,
        kind: BulletinKind::Progress,
        timing: PlanFields {
            spec: "0 0 9 1 * *".to_owned(),
            time_zone: "Asia/Shanghai".to_owned(),
            period_unit: PeriodUnit::Month,
            period_offset: -1,
            starts_period: month(2021, 12),
            ends_period: Some(month(2022, 6)),
            workday_policy: WorkdayPolicy::None,
            catch_up: CatchUp::All,
            catch_up_window_s: None,
            catch_up_cap: 12,
        },
        approval: Approval::Automatic,
        recipients: Cohort::Pilot,
        recipient_post: Post::Federation,
    }
}
