//! The task breakdown table (任务分解表) of the demo, and the progress of each pilot city.

mod progress;
mod table;

use chrono::NaiveDate;
use qiaojian_domain::access::Post;

use super::organizations::PILOTS;
use super::plan::{AssignmentSpec, TaskSpec};
use super::program::PROVINCE;
use progress::Outcome;

/// Returns the rows, numbered from 1 in the order of the table.
pub fn tasks() -> Vec<TaskSpec> {
    (1..).zip(table::ROWS).map(|(no, row)| task(no, row)).collect()
}

fn task(no: i32, row: &table::Row) -> TaskSpec {
    let assignments = PILOTS
        .into_iter()
        .zip(row.outcomes)
        .filter_map(|(area, outcome)| Some((area, outcome?)))
        .map(|(area, outcome)| assignment(no, area, outcome, row.issued_on, row.due_on))
        .collect();
    TaskSpec {
        no,
        issuer: PROVINCE,
        issuer_post: Post::Federation,
        theme: row.theme,
        content: row.content,
        lead_post: row.lead,
        supporting_posts: row.supporting.to_vec(),
        issued_on: row.issued_on,
        due_on: row.due_on,
        assignments,
    }
}

fn assignment(
    no: i32,
    area: &'static str,
    outcome: Outcome,
    issued: NaiveDate,
    due: NaiveDate,
) -> AssignmentSpec {
    AssignmentSpec {
        area,
        post: Post::Federation,
        steps: progress::steps(outcome, &format!("task {no} in {area}"), issued, due),
    }
}
