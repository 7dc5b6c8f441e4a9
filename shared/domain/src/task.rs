//! The task breakdown table (任务分解表).

use std::collections::BTreeSet;

use chrono::NaiveDate;

use super::Violation;
use super::access::Post;
use super::violation::{TEXT_CHARS, check_text};

column_enum! {
    /// 三引领、三服务
    pub enum Theme {
        /// 党建引领政治方向
        LeadPolitics => "lead_politics",
        /// 党建引领组织建设
        LeadOrganization => "lead_organization",
        /// 党建引领工作创新
        LeadInnovation => "lead_innovation",
        /// 侨建服务工作大局
        ServeOverall => "serve_overall",
        /// 侨建服务高质量发展
        ServeDevelopment => "serve_development",
        /// 侨建服务侨界群众
        ServePeople => "serve_people",
    }
}

/// The maximum number of assignees of one task.
pub const MOST_ASSIGNEES: usize = 200;
/// The maximum number of a row in the table.
const HIGHEST_NO: i32 = 9999;

/// The recorded facts of a row in the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// The number in the issuer's table.
    pub no: i32,
    pub theme: Theme,
    pub content: String,
    /// 责任部门
    pub lead_post: Post,
    /// 配合部门
    pub supporting_posts: Vec<Post>,
    pub issued_on: NaiveDate,
    pub due_on: NaiveDate,
}

impl Facts {
    /// Returns all violations of these facts.
    pub fn violations(&self) -> Vec<Violation> {
        let mut found = Vec::new();
        check_text(&mut found, "/content", &self.content, TEXT_CHARS);
        if !(1..=HIGHEST_NO).contains(&self.no) {
            found.push(Violation::new(
                "/no",
                "out_of_range",
                format!("编号应在 1 与 {HIGHEST_NO} 之间。"),
                format!("The number must be between 1 and {HIGHEST_NO}."),
            ));
        }
        if self.due_on < self.issued_on {
            found.push(Violation::new(
                "/due_on",
                "dates_out_of_order",
                format!("完成时限不能早于交办日期（{}）。", self.issued_on),
                format!(
                    "The due date must not be before the date of issue ({}).",
                    self.issued_on
                ),
            ));
        }
        let supporting: BTreeSet<_> = self.supporting_posts.iter().collect();
        if supporting.len() != self.supporting_posts.len() || supporting.contains(&self.lead_post) {
            found.push(Violation::new(
                "/supporting_posts",
                "duplicate_post",
                "同一部门只能列一次，责任部门不再列为配合部门。",
                "List each post only once; the lead post cannot also be a supporting post.",
            ));
        }
        found
    }
}

/// Checks the number of assignees of a task.
pub fn check_assignees(violations: &mut Vec<Violation>, count: usize) {
    if !(1..=MOST_ASSIGNEES).contains(&count) {
        violations.push(Violation::new(
            "/assign_to",
            "out_of_range",
            format!("一次交办 1 至 {MOST_ASSIGNEES} 个对象，现有 {count} 个。"),
            format!("Assign the task to 1 to {MOST_ASSIGNEES} areas and posts; {count} are given."),
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts() -> Facts {
        let date = |text: &str| text.parse().unwrap();
        Facts {
            no: 1,
            theme: Theme::LeadOrganization,
            content: "推动有侨界服务需求的乡镇（街道）年内建立侨联（工作站）。".to_owned(),
            lead_post: Post::Federation,
            supporting_posts: vec![Post::OrganizationDept, Post::UnitedFrontDept],
            issued_on: date("2022-02-14"),
            due_on: date("2022-12-30"),
        }
    }

    #[test]
    fn what_is_wrong_with_a_row_is_said_where_it_is_wrong() {
        use Post::*;
        let one_day_early = facts().issued_on.pred_opt().unwrap();
        for (row, wrong) in [
            (facts(), None),
            (
                Facts {
                    due_on: facts().issued_on,
                    ..facts()
                },
                None,
            ),
            (
                Facts {
                    due_on: one_day_early,
                    ..facts()
                },
                Some("/due_on"),
            ),
            (Facts { no: 0, ..facts() }, Some("/no")),
            (
                Facts {
                    no: 10_000,
                    ..facts()
                },
                Some("/no"),
            ),
            (
                Facts {
                    content: " ".to_owned(),
                    ..facts()
                },
                Some("/content"),
            ),
            (
                Facts {
                    supporting_posts: vec![],
                    ..facts()
                },
                None,
            ),
            (
                Facts {
                    supporting_posts: vec![Other, Other],
                    ..facts()
                },
                Some("/supporting_posts"),
            ),
            (
                Facts {
                    supporting_posts: vec![Federation],
                    ..facts()
                },
                Some("/supporting_posts"),
            ),
        ] {
            let pointers: Vec<_> = row
                .violations()
                .into_iter()
                .map(|violation| violation.pointer)
                .collect();
            assert_eq!(pointers, Vec::from_iter(wrong), "{row:?}");
        }
    }

    #[test]
    fn a_task_is_given_to_one_to_two_hundred() {
        for (count, allowed) in [(0, false), (1, true), (200, true), (201, false)] {
            let mut violations = Vec::new();
            check_assignees(&mut violations, count);
            assert_eq!(violations.is_empty(), allowed, "{count}");
        }
    }
}
