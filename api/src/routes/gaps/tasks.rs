//! Creating a task from gaps: one request assigns a task to the areas that lack what the establishment rule requires.

use std::collections::BTreeSet;
use std::sync::Arc;

use actix_web::{HttpResponse, post, web};
use chrono::NaiveDate;
use qiaojian_domain::Violation;
use qiaojian_domain::access::{Post, Scope};
use qiaojian_domain::area::Level;
use qiaojian_domain::dates::day;
use qiaojian_domain::establishment::Requirement;
use qiaojian_domain::ids::{ActivityId, ProgramId};
use qiaojian_domain::task::{MOST_ASSIGNEES, Theme};
use qiaojian_store::figures::Metric;
use serde::Deserialize;
use utoipa::ToSchema;

use super::list::Selection;
use crate::app::App;
use crate::auth::{Caller, Principal, needs};
use crate::extract::Body;
use crate::headers::IdempotencyKey;
use crate::problem::ApiError;
use crate::routes::figures::question::Asked;
use crate::routes::tasks::create::issue;
use crate::routes::tasks::wire::{AssigneeInput, Task, TaskInput, post_default};
use crate::write::Write;

/// A task and the gaps it is assigned to.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"program": "0190a000-0000-7000-8000-000000000000", "no": 2, "theme": "lead_politics", "content": "按建立标准建立侨联组织。", "lead_post": "federation", "due_on": "2022-12-01", "gaps": {"area": "340304"}}))]
pub struct GapTaskInput {
    /// A client-generated id; makes the call permanently idempotent.
    #[serde(default)]
    id: Option<uuid::Uuid>,
    /// The programme it belongs to. Defaults to the programme that is current today for the caller's area.
    #[serde(default)]
    program: Option<ProgramId>,
    /// Its number in the caller's task table; unique within the programme.
    #[schema(example = 1, minimum = 1, maximum = 9999)]
    no: i32,
    theme: Theme,
    #[schema(example = "按建立标准建立侨联组织。", max_length = 2000)]
    content: String,
    /// 责任部门
    lead_post: Post,
    /// 配合部门
    #[serde(default)]
    supporting_posts: Vec<Post>,
    /// Not before today (Asia/Shanghai).
    #[serde(deserialize_with = "day::read")]
    due_on: NaiveDate,
    /// The activity that led to it.
    #[serde(default)]
    origin: Option<ActivityId>,
    /// The post in each area that it is assigned to.
    #[serde(default = "post_default")]
    post: Post,
    gaps: SelectedGaps,
}

/// A selection of today's gaps. Empty fields select all, which must not be more than 200.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SelectedGaps {
    /// Only gaps of this area and all areas below it. Defaults to the caller's area.
    #[serde(default)]
    area: Option<String>,
    /// Only these areas, each of which must have a gap.
    #[serde(default)]
    #[schema(max_items = 200)]
    areas: Option<Vec<String>>,
    #[serde(default)]
    level: Vec<Level>,
    /// What is missing. Defaults to `organization` and `liaison_post`.
    #[serde(default)]
    required: Vec<Requirement>,
    /// `pilot` or `non_pilot`. If omitted, areas of both cohorts and of none are included.
    #[serde(default)]
    cohort: Option<String>,
    /// Only gaps that are at least this many days old.
    #[serde(default)]
    min_age_days: Option<u16>,
    /// The name of a counting rule. Defaults to `default`.
    #[serde(default)]
    basis: Option<String>,
}

impl GapTaskInput {
    fn given_to(&self, areas: Vec<String>) -> TaskInput {
        let post = self.post;
        TaskInput {
            id: self.id,
            program: self.program,
            no: self.no,
            theme: self.theme,
            content: self.content.clone(),
            lead_post: self.lead_post,
            supporting_posts: self.supporting_posts.clone(),
            due_on: self.due_on,
            origin: self.origin,
            assign_to: areas
                .into_iter()
                .map(|area| AssigneeInput { area, post })
                .collect(),
        }
    }
}

/// Issues a task and assigns it to areas in the caller's subtree that have a gap today.
///
/// The areas are either named or found by a selection. Like the list of gaps, it also requires `org:read`.
///
/// Sending the same `id` with the same body again returns the existing task with 200 instead of 201, even if the gaps
/// have changed.
#[utoipa::path(
    tag = "figures",
    security(("oauth" = ["task:issue"])),
    params(IdempotencyKey),
    request_body = GapTaskInput,
    responses(
        (status = 201, description = "Issued", body = Task),
        (status = 200, description = "Already issued by the same request", body = Task),
        (status = 404, description = "The area of the selection is outside the caller's area"),
        (status = 409, description = "The number or the id is already in use"),
        (status = 422, description = "A rule is violated, a named area has no gap, or the selection contains none or more than 200")
    )
)]
#[post("/gaps/tasks")]
pub async fn create_tasks(
    app: web::Data<App>,
    caller: Caller<needs::TaskIssue>,
    write: Write,
    body: Body<GapTaskInput>,
) -> Result<HttpResponse, ApiError> {
    let Body { value: input, digest } = body;
    let caller = caller.principal();
    // A caller who may not see gaps must not learn about them from refusals.
    if !caller.scopes.contains(&Scope::OrgRead) {
        return Err(ApiError::scope_missing(Scope::OrgRead));
    }
    // The gaps are read here, but errors are only reported within the write, so that a request repeated after a gap was
    // closed still returns the task it has issued.
    let selected = selected(&app, Arc::clone(&caller), input.gaps.clone()).await?;
    issue(&app, caller, (write, digest), input.id, move || {
        let areas = selected.clone().map_err(ApiError::invalid)?;
        Ok(input.given_to(areas))
    })
    .await
}

/// Returns the codes of the areas with a selected gap today, or the violations of the selection.
async fn selected(
    app: &App,
    caller: Arc<Principal>,
    gaps: SelectedGaps,
) -> Result<Result<Vec<String>, Vec<Violation>>, ApiError> {
    let mut required = gaps.required;
    if required.is_empty() {
        required = vec![Requirement::Organization, Requirement::LiaisonPost];
    }
    let wanted = Selection {
        levels: gaps.level,
        required,
        min_age_days: gaps.min_age_days,
    };
    let asked = Asked {
        metrics: vec![Metric::Fulfilment],
        area: gaps.area,
        cohort: Some(gaps.cohort.unwrap_or_else(|| "all".to_owned())),
        bases: gaps.basis.into_iter().collect(),
        ages: gaps.min_age_days.is_some(),
        ..Asked::default()
    };
    let (today, model, named) = (app.today(), Arc::clone(&app.figures), gaps.areas);
    app.read_slow(move |conn| {
        let most = if named.is_some() {
            usize::MAX
        } else {
            MOST_ASSIGNEES + 1
        };
        let (_, found) = asked.answer(conn, &model, &caller, today, |prepared, facts| {
            wanted.found(prepared, facts, (None, most)).found
        })?;
        // A gap of the caller's own area is not assigned to areas below it.
        let found = found
            .into_iter()
            .filter(|gap| gap.id != caller.area)
            .map(|gap| gap.area);
        Ok(choose(found.collect(), named.as_deref()))
    })
    .await
}

/// Returns the named areas if all of them have gaps, or all areas with gaps if none are named. Otherwise returns all
/// violations.
fn choose(found: Vec<String>, named: Option<&[String]>) -> Result<Vec<String>, Vec<Violation>> {
    let Some(named) = named else {
        return match found.len() {
            0 => Err(vec![none_found()]),
            1..=MOST_ASSIGNEES => Ok(found),
            _ => Err(vec![too_many()]),
        };
    };
    let found: BTreeSet<&str> = found.iter().map(String::as_str).collect();
    let without: Vec<Violation> = named
        .iter()
        .enumerate()
        .filter(|(_, code)| !found.contains(code.as_str()))
        .map(|(place, _)| no_gap(place))
        .collect();
    if without.is_empty() {
        Ok(named.to_vec())
    } else {
        Err(without)
    }
}

fn none_found() -> Violation {
    Violation::new(
        "/gaps",
        "no_gap",
        "所选范围内没有应建未建的地区。",
        "No area of the selection has a gap.",
    )
}

fn too_many() -> Violation {
    Violation::new(
        "/gaps",
        "out_of_range",
        format!("所选应建未建的地区超过 {MOST_ASSIGNEES} 个，请缩小范围。"),
        format!("The selection contains more than {MOST_ASSIGNEES} areas. Narrow it."),
    )
}

fn no_gap(place: usize) -> Violation {
    Violation::new(
        format!("/gaps/areas/{place}"),
        "no_gap",
        "该地区没有所选的应建未建情形，或不在您的范围内。",
        "The area has no such gap, or it is outside your area.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_named_must_have_been_found() {
        let codes = |list: &[&str]| list.iter().map(|code| (*code).to_owned()).collect::<Vec<_>>();
        let pointers = |outcome: Result<Vec<String>, Vec<Violation>>| -> Vec<String> {
            outcome
                .unwrap_err()
                .into_iter()
                .map(|violation| violation.pointer.into_owned())
                .collect()
        };
        let found = || codes(&["340304001", "340304002"]);
        assert_eq!(choose(found(), None).unwrap(), found());
        assert_eq!(
            choose(found(), Some(&codes(&["340304002"]))).unwrap(),
            codes(&["340304002"])
        );
        let wrong = codes(&["340304002", "340322", "341800"]);
        assert_eq!(
            pointers(choose(found(), Some(&wrong))),
            ["/gaps/areas/1", "/gaps/areas/2"]
        );
        assert_eq!(pointers(choose(Vec::new(), None)), ["/gaps"]);
        let many: Vec<String> = (0..=MOST_ASSIGNEES).map(|number| number.to_string()).collect();
        assert_eq!(pointers(choose(many, None)), ["/gaps"]);
    }
}
