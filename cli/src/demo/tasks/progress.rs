//! Derives the dated transitions of an assignment from its outcome.

use chrono::NaiveDate;
use qiaojian_domain::assignment::AssignmentVerb as Verb;

use super::super::days::{workdays_after, workdays_before};
use super::super::plan::Step;
use super::super::random::Random;

/// The outcome of an assignment by the last day of the campaign. Numbers are working days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// 办结: submitted this many days before the due date.
    Early(u32),
    /// 逾期办结: submitted this many days after the due date.
    Late(u32),
    /// Submitted in time, returned, and submitted again this many days after the due date.
    Returned(u32),
    /// Submitted this many days before the due date, not yet accepted or returned.
    Waiting(u32),
    /// Reported on, but not submitted.
    Working,
    /// Acknowledged, but nothing reported.
    Seen,
    /// Not acknowledged.
    Unseen,
}

const BEGUN: [&str; 4] = [
    "已列入年度重点工作，明确分管负责人和责任科室。",
    "已会同相关部门研究，形成初步工作安排。",
    "已制定工作计划，正按时间节点推进。",
    "已部署到县（市、区），各地正在落实。",
];
const UNDER_WAY: [&str; 4] = [
    "总体进展顺利，部分县（市、区）已先行完成。",
    "已完成过半，剩余事项正在逐项推进。",
    "已召开专题会议调度，存在问题正在协调解决。",
    "已到基层实地了解情况，督促加快进度。",
];
const FINISHED: [&str; 3] = [
    "已按要求完成，佐证材料已整理归档。",
    "各项任务已落实到位，现申请办结。",
    "工作已完成，成效材料一并报送。",
];
const NOT_YET: [&str; 2] = [
    "佐证材料不全，请补充后重新报送。",
    "部分县（市、区）情况未反映，请核实补充。",
];

/// Returns the transitions, in order. `part` names the random generator.
pub fn steps(outcome: Outcome, part: &str, issued: NaiveDate, due: NaiveDate) -> Vec<Step> {
    let random = &mut Random::of(part);
    let acknowledged = workdays_after(issued, random.between(1, 3));
    let begun = workdays_after(acknowledged, random.between(2, 5));
    let mut steps = vec![
        step(Verb::Acknowledge, acknowledged, None),
        step(Verb::Report, begun, random.pick(&BEGUN)),
    ];
    match outcome {
        Outcome::Unseen => steps.clear(),
        Outcome::Seen => steps.truncate(1),
        Outcome::Working => {
            let on = workdays_after(begun, random.between(5, 10));
            steps.push(step(Verb::Report, on, random.pick(&UNDER_WAY)));
        }
        Outcome::Waiting(early) => submit(&mut steps, workdays_before(due, early), random),
        Outcome::Early(early) => {
            let on = workdays_before(due, early);
            submit(&mut steps, on, random);
            accept(&mut steps, on, random);
        }
        Outcome::Late(late) => {
            let on = workdays_after(due, late);
            submit(&mut steps, on, random);
            accept(&mut steps, on, random);
        }
        Outcome::Returned(late) => {
            submit(&mut steps, workdays_before(due, 2), random);
            steps.push(step(Verb::Return, due, random.pick(&NOT_YET)));
            let on = workdays_after(due, late);
            submit(&mut steps, on, random);
            accept(&mut steps, on, random);
        }
    }
    steps
}

/// Adds a last report, and the submission (报结) on the same day.
fn submit(steps: &mut Vec<Step>, on: NaiveDate, random: &mut Random) {
    steps.push(step(Verb::Report, on, random.pick(&FINISHED)));
    steps.push(step(Verb::Submit, on, None));
}

fn accept(steps: &mut Vec<Step>, submitted: NaiveDate, random: &mut Random) {
    let on = workdays_after(submitted, random.between(1, 3));
    steps.push(step(Verb::Accept, on, None));
}

fn step(verb: Verb, on: NaiveDate, text: Option<&&'static str>) -> Step {
    Step {
        verb,
        on,
        text: text.copied(),
    }
}
