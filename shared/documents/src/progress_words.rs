//! The sentences and tables of the progress bulletin, shared by the HTML page and the plain text.

use chrono::NaiveDate;
use qiaojian_domain::area::Level;
use qiaojian_domain::program::Cohort;
use qiaojian_domain::rule::RuleKind;

use super::progress::{
    CityFigures, CohortFigures, Common, CountyGap, Coverage, Digests, Letterhead, Own, PeriodSpan, Ratio,
    TaskList, Totals,
};
use super::progress_added::{added_words, growth_clause, in_period, since_baseline};
use super::progress_cells::{growth_cell, number_row, share, share_row, task_row};
use super::progress_gaps::{gap_row, gaps_paragraph};
use super::words::{
    Block, Column, Row, Table, day, minute, percentage, program_phrase, span, total_of, whole,
};

/// The notice on every page with illustrative data.
pub(super) const BANNER: &str = "演示数据，仅供示意";

/// Returns the body, from the opening to the closing sentence.
pub(super) fn body(letterhead: &Letterhead<'_>, common: &Common, own: &Own) -> Vec<Block> {
    let mut body = Body::default();
    if let Some(due_on) = letterhead.late_since {
        body.paragraph(format!(
            "本期通报应于{}印发，现予补发，文中情况截至{}。",
            day(due_on),
            day(common.as_of)
        ));
    }
    body.paragraph(format!(
        "现将{}{}进展情况通报如下：",
        program_phrase(&common.program),
        common.period.label
    ));
    body.overall(common);
    body.cities(common, own);
    body.own_city(common, own);
    body.next_stage(letterhead.asks_from(), common, own);
    body.paragraph("特此通报。".to_owned());
    body.blocks
}

/// Returns the small print as pairs of a heading and a text.
pub(super) fn footer(common: &Common, digests: &Digests<'_>) -> Vec<(&'static str, String)> {
    let rules: Vec<String> = common
        .rules
        .iter()
        .map(|rule| {
            format!(
                "{}“{}”第{}版",
                rule_kind(rule.kind),
                rule_name(&rule.name),
                rule.version
            )
        })
        .collect();
    let mut basis = if rules.is_empty() {
        String::new()
    } else {
        format!("{}。", rules.join("；"))
    };
    basis.push_str("增长率＝试点工作开展以来新增数÷试点前组织数，百分数保留一位小数，四舍五入。");
    basis.push_str(common.basis_note.as_deref().unwrap_or_default());
    vec![
        ("数据截至", day(common.as_of)),
        (
            "数据提取时间",
            format!("北京时间{}（{}）", minute(common.known_at), common.known_at),
        ),
        ("统计口径", basis),
        ("校验码（共同部分）", digests.common.to_owned()),
        ("校验码（本市部分）", digests.own.to_owned()),
    ]
}

const fn rule_kind(kind: RuleKind) -> &'static str {
    match kind {
        RuleKind::Establishment => "应建规则",
        RuleKind::Counting => "计数规则",
        RuleKind::Reporting => "报送规则",
        RuleKind::Coverage => "覆盖规则",
        RuleKind::Light => "亮灯规则",
        RuleKind::Chase => "催办规则",
        RuleKind::Scoring => "评分规则",
    }
}

/// Returns the name of a rule. The default rule has no Chinese name of its own.
fn rule_name(name: &str) -> &str {
    if name == qiaojian_domain::rule::DEFAULT {
        "默认"
    } else {
        name
    }
}

/// The body under construction. It numbers the tables.
#[derive(Default)]
struct Body {
    blocks: Vec<Block>,
    tables: usize,
}

impl Body {
    fn heading(&mut self, text: String) {
        self.blocks.push(Block::Heading(text));
    }

    fn subheading(&mut self, text: &str) {
        self.blocks.push(Block::Subheading(text.to_owned()));
    }

    fn paragraph(&mut self, text: String) {
        self.blocks.push(Block::Paragraph(text));
    }

    /// Adds a table with the next number.
    fn table(&mut self, caption: &str, columns: &[Column], rows: Vec<Row>, note: Option<String>) {
        self.tables += 1;
        self.blocks.push(Block::Table(Table {
            caption: format!("表{} {caption}", self.tables),
            columns: columns.to_vec(),
            rows,
            note,
        }));
    }

    fn overall(&mut self, common: &Common) {
        let all = whole(&common.scope.name);
        let totals = &common.totals;
        self.heading("一、总体情况".to_owned());
        let mut text = format!(
            "截至{}，{all}共有基层侨联组织{}个。",
            day(common.as_of),
            totals.organizations
        );
        text.push_str(&since_baseline(
            &common.added_since_baseline,
            &totals.growth,
            Some(common.baseline_on),
        ));
        text.push_str(&closed_and_reopened(totals));
        text.push_str(&cohorts_summed(&all, &common.cohorts));
        self.paragraph(text);
        self.paragraph(in_period(&all, common, &common.added_in_period));
        let coverage: Vec<String> = common.coverage.iter().filter_map(coverage_clause).collect();
        if !coverage.is_empty() {
            self.paragraph(format!("从覆盖情况看，{all}{}。", coverage.join("；")));
        }
    }

    fn cities(&mut self, common: &Common, own: &Own) {
        self.heading("二、试点市进展情况".to_owned());
        let cities = &common.cities;
        if cities.is_empty() {
            self.paragraph("本期暂无试点市数据。".to_owned());
            return;
        }
        let sum = |of: fn(&CityFigures) -> i64| cities.iter().map(of).sum::<i64>();
        let growth = Ratio::sum(cities.iter().map(|city| city.growth));
        let added = sum(|city| city.added_since_baseline);
        self.paragraph(format!(
            "{}个试点市共有基层侨联组织{}个，{}{}，试点工作开展以来{}{}。各市情况见表{}、表{}。",
            cities.len(),
            sum(|city| city.organizations),
            common.period.label,
            added_words(sum(|city| city.added_in_period)),
            added_words(added),
            growth_clause(added, &growth, None),
            self.tables + 1,
            self.tables + 2,
        ));
        let is_own = |city: &CityFigures| city.city.code == own.figures.city.code;
        let mut numbers: Vec<Row> = cities.iter().map(|city| number_row(city, is_own(city))).collect();
        let mut shares: Vec<Row> = cities.iter().map(|city| share_row(city, is_own(city))).collect();
        if cities.len() > 1 {
            numbers.push(Row {
                cells: vec![
                    "合计".to_owned(),
                    sum(|city| city.organizations).to_string(),
                    sum(|city| city.added_in_period).to_string(),
                    added.to_string(),
                    growth_cell(&growth),
                ],
                strong: true,
            });
            let total = |of: fn(&CityFigures) -> Ratio| share(&Ratio::sum(cities.iter().map(of)));
            shares.push(Row {
                cells: vec![
                    "合计".to_owned(),
                    total(|city| city.counties),
                    total(|city| city.townships),
                    total(|city| city.villages),
                ],
                strong: true,
            });
        }
        self.table(
            "试点市基层侨联组织数量（单位：个）",
            &[
                Column::name("试点市"),
                Column::short("现有组织"),
                Column::short("本期新增"),
                Column::short("试点以来新增"),
                Column::short("比试点前增长"),
            ],
            numbers,
            None,
        );
        self.table(
            "试点市侨联组织覆盖情况（覆盖率，已建/总数）",
            &[
                Column::name("试点市"),
                Column::short("县（市、区）"),
                Column::short("乡镇（街道）"),
                Column::short("村（社区）"),
            ],
            shares,
            None,
        );
    }

    fn own_city(&mut self, common: &Common, own: &Own) {
        let figures = &own.figures;
        let city = &figures.city.name;
        self.heading(format!("三、{city}进展情况"));
        self.subheading("（一）组织建设");
        self.paragraph(format!(
            "截至{}，{city}共有基层侨联组织{}个。{}{}",
            day(common.as_of),
            figures.organizations,
            since_baseline(&own.added_since_baseline, &figures.growth, None),
            in_period(city, common, &own.added_in_period),
        ));
        self.subheading("（二）组织覆盖");
        self.paragraph(gaps_paragraph(city, &own.gaps));
        if own.gaps.iter().any(|gap| !gap.is_covered()) {
            let rows = own.gaps.iter().map(gap_row).collect();
            self.table(
                &format!("{city}尚未建立侨联组织的地方（未建/总数）"),
                &[
                    Column::name("县（市、区）"),
                    Column::short("本级侨联"),
                    Column::short("乡镇（街道）"),
                    Column::short("村（社区）"),
                ],
                rows,
                None,
            );
        }
        self.subheading("（三）任务办理");
        let tasks = &own.tasks;
        self.paragraph(tasks_paragraph(city, common, own));
        self.tasks("逾期未办结的任务", &tasks.overdue);
        self.tasks("正在办理的任务", &tasks.open);
        self.tasks("已办结的任务", &tasks.done);
    }

    /// Lists the tasks of the next period that are not yet past due when a late issue is published.
    fn late_tasks(&mut self, next: &str, from: NaiveDate, own: &Own) {
        let city = &own.figures.city.name;
        let mut left = own.due_next.clone();
        left.rows.retain(|row| row.due_on >= from);
        let past = own.due_next.rows.len() - left.rows.len();
        left.count -= i64::try_from(past).unwrap_or_default();
        if left.count == 0 {
            self.paragraph(format!("{next}，{city}到期任务均已过办结时限。"));
            return;
        }
        let listed = if left.rows.is_empty() {
            String::new()
        } else {
            format!("（见表{}）", self.tables + 1)
        };
        let which = if left.unlisted() > 0 {
            "时限未过的"
        } else {
            ""
        };
        self.paragraph(format!(
            "{next}，{city}尚未到期的任务{}项{listed}，{which}请按时限办结，并及时报送办理情况。",
            left.count
        ));
        self.tasks("尚未到期的任务", &left);
    }

    fn tasks(&mut self, caption: &str, list: &TaskList) {
        if list.rows.is_empty() {
            return;
        }
        let rows = list.rows.iter().map(task_row).collect();
        let note =
            (list.unlisted() > 0).then(|| format!("共{}项，另有{}项未列出。", list.count, list.unlisted()));
        self.table(
            caption,
            &[
                Column::short("序号"),
                Column::text("任务内容"),
                Column::short("办结时限"),
                Column::short("状态"),
            ],
            rows,
            note,
        );
    }

    /// Lists the next tasks. A late issue does not request tasks that are past due.
    fn next_stage(&mut self, asks_from: Option<NaiveDate>, common: &Common, own: &Own) {
        self.heading("四、下一阶段工作".to_owned());
        let city = &own.figures.city.name;
        let PeriodSpan {
            label,
            first_day,
            last_day,
            ..
        } = &common.next_period;
        let next = format!("{label}（{}）", span(*first_day, *last_day));
        if asks_from.is_some_and(|from| from > *last_day) {
            self.paragraph(format!("{next}已过，该阶段任务不再部署，请按最近一期通报办理。"));
        } else if let Some(from) = asks_from
            && own.due_next.count > 0
        {
            self.late_tasks(&next, from, own);
        } else if own.due_next.count == 0 {
            self.paragraph(format!("{next}，{city}无到期任务。"));
        } else {
            let listed = if own.due_next.rows.is_empty() {
                String::new()
            } else {
                format!("（见表{}）", self.tables + 1)
            };
            self.paragraph(format!(
                "{next}，{city}到期任务{}项{listed}，请按时限办结，并及时报送办理情况。",
                own.due_next.count
            ));
            self.tasks(&format!("{label}到期的任务"), &own.due_next);
        }
        if own.tasks.overdue.count > 0 {
            self.paragraph(format!(
                "对逾期未办结的{}项任务，请抓紧办理，说明逾期原因，明确办结时间。",
                own.tasks.overdue.count
            ));
        }
        if own.gaps.iter().any(CountyGap::is_wanting) {
            self.paragraph(format!(
                "请{city}对照未建情况，主动对接有关部门，加快推进基层侨联组织建设，做到应建尽建。"
            ));
        }
    }
}

/// Returns 同期撤销、合并1个，恢复1个。
fn closed_and_reopened(totals: &Totals) -> String {
    match (
        totals.closed_since_baseline,
        totals.reopened_since_baseline.unwrap_or(0),
    ) {
        (0, 0) => String::new(),
        (closed, 0) => format!("同期撤销、合并{closed}个。"),
        (0, reopened) => format!("同期恢复{reopened}个。"),
        (closed, reopened) => format!("同期撤销、合并{closed}个，恢复{reopened}个。"),
    }
}

/// Returns 全省数为试点市（现有356个、新增324个）、非试点市（现有126个、新增1个）和省本级（现有1个、新增0个）之和。
fn cohorts_summed(all: &str, cohorts: &[CohortFigures]) -> String {
    if cohorts.len() < 2 {
        return String::new();
    }
    let part = |one: &CohortFigures| {
        let name = match one.cohort {
            Some(Cohort::Pilot) => "试点市",
            Some(Cohort::NonPilot) => "非试点市",
            None => "其他",
        };
        format!(
            "{name}现有{}个、新增{}个",
            one.organizations, one.added_since_baseline
        )
    };
    let parts: Vec<String> = cohorts.iter().map(part).collect();
    format!("{all}数为各部分之和：{}。", parts.join("；"))
}

/// Returns 乡镇（街道）1522个，已建侨联组织62个，覆盖率4.1%, or `None` if there is no area of the level.
fn coverage_clause(coverage: &Coverage) -> Option<String> {
    let ratio = &coverage.ratio;
    if ratio.denominator == Some(0) {
        return None;
    }
    let level = match coverage.level {
        Level::City => "设区市",
        other => other.chinese(),
    };
    Some(match (ratio.numerator, ratio.denominator) {
        (Some(built), Some(of)) if built == of => format!("{level}{of}个，均已建立侨联组织，实现全覆盖"),
        (Some(built), Some(of)) => format!(
            "{level}{of}个，已建立侨联组织的{built}个，覆盖率{}",
            percentage(ratio.value)
        ),
        (Some(built), None) => format!("已建立侨联组织的{level}{built}个，{level}总数未知，覆盖率未知"),
        (None, of) => format!("{}，已建立侨联组织的个数未知，覆盖率未知", total_of(level, of)),
    })
}

/// Returns 蚌埠市承担任务12项，已办结5项，正在办理6项，逾期未办结1项。
fn tasks_paragraph(city: &str, common: &Common, own: &Own) -> String {
    let tasks = &own.tasks;
    let (done, open, overdue) = (tasks.done.count, tasks.open.count, tasks.overdue.count);
    let all = done + open + overdue;
    if all == 0 {
        return format!("截至{}，{city}未承担任务。", day(common.as_of));
    }
    let mut text = format!("截至{}，{city}承担任务{all}项，", day(common.as_of));
    if done == all {
        text.push_str("已全部办结。");
        return text;
    }
    text.push_str(&match (done, open) {
        (0, 0) => "均未办结".to_owned(),
        (0, open) => format!("均未办结，其中正在办理{open}项"),
        (done, 0) => format!("已办结{done}项"),
        (done, open) => format!("已办结{done}项，正在办理{open}项"),
    });
    text.push_str(&if overdue == 0 {
        "，无逾期任务。".to_owned()
    } else {
        format!("，逾期未办结{overdue}项。")
    });
    text
}
