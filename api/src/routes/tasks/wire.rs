//! A task in JSON, as input and as output.

use chrono::NaiveDate;
use qiaojian_domain::access::Post;
use qiaojian_domain::clock::UtcTime;
use qiaojian_domain::dates::day;
use qiaojian_domain::ids::{ActivityId, ProgramId, TaskId};
use qiaojian_domain::task::{Facts, Theme};
use qiaojian_store::tasks::IssuedTask;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::problem::ApiError;
use crate::wire::PostRef;

/// The input for a task.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"program": "0190a000-0000-7000-8000-000000000000", "no": 1, "theme": "lead_politics", "content": "推动有侨界服务需求的乡镇（街道）年内建立侨联（工作站）。", "lead_post": "federation", "due_on": "2022-12-01", "assign_to": [{"area": "340304"}]}))]
pub struct TaskInput {
    /// A client-generated id; makes the call permanently idempotent.
    #[serde(default)]
    pub id: Option<uuid::Uuid>,
    /// The programme it belongs to. Defaults to the programme that is current today for the caller's area.
    #[serde(default)]
    pub program: Option<ProgramId>,
    /// Its number in the caller's task table; unique within the programme.
    #[schema(example = 1, minimum = 1, maximum = 9999)]
    pub no: i32,
    pub theme: Theme,
    #[schema(
        example = "推动有侨界服务需求的乡镇（街道）年内建立侨联（工作站）。",
        max_length = 2000
    )]
    pub content: String,
    /// 责任部门
    pub lead_post: Post,
    /// 配合部门
    #[serde(default)]
    pub supporting_posts: Vec<Post>,
    /// Not before today (Asia/Shanghai).
    #[serde(deserialize_with = "day::read")]
    pub due_on: NaiveDate,
    /// The activity that led to it.
    #[serde(default)]
    pub origin: Option<ActivityId>,
    /// The assignees: 1 to 200, all or none.
    pub assign_to: Vec<AssigneeInput>,
}

/// An assignee of a task.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AssigneeInput {
    /// The code of an area below the caller's own.
    #[schema(example = "340300")]
    pub area: String,
    #[serde(default = "post_default")]
    pub post: Post,
}

pub const fn post_default() -> Post {
    Post::Federation
}

impl TaskInput {
    /// Returns the recorded facts.
    pub fn facts(&self, issued_on: NaiveDate) -> Facts {
        Facts {
            no: self.no,
            theme: self.theme,
            content: self.content.clone(),
            lead_post: self.lead_post,
            supporting_posts: self.supporting_posts.clone(),
            issued_on,
            due_on: self.due_on,
        }
    }
}

/// A row of the task table.
#[derive(Debug, Serialize, ToSchema)]
pub struct Task {
    pub id: TaskId,
    /// The current version; equals the `ETag`.
    pub version: i64,
    pub program: ProgramId,
    /// The area and post that issued it.
    pub issuer: PostRef,
    pub no: i32,
    pub theme: Theme,
    pub content: String,
    pub lead_post: Post,
    pub supporting_posts: Vec<Post>,
    pub issued_on: NaiveDate,
    pub due_on: NaiveDate,
    /// Whether it belongs to a fictitious programme for demonstration.
    pub illustrative: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin: Option<ActivityId>,
    pub created_at: UtcTime,
    pub updated_at: UtcTime,
}

impl Task {
    /// Converts a row.
    pub fn of(issued: IssuedTask) -> Result<Self, ApiError> {
        let IssuedTask {
            task,
            issuer_code,
            illustrative,
        } = issued;
        Ok(Self {
            id: task.id,
            version: task.version,
            program: task.program_id,
            issuer: PostRef {
                area: issuer_code,
                post: task.issuer_post,
            },
            no: task.no,
            theme: task.theme,
            content: task.content,
            lead_post: task.lead_post,
            supporting_posts: serde_json::from_str(&task.supporting_posts)?,
            issued_on: task.issued_on,
            due_on: task.due_on,
            illustrative,
            origin: task.origin_activity_id,
            created_at: task.created_at,
            updated_at: task.updated_at,
        })
    }
}
