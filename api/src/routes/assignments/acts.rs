//! The transitions of an assignment. The assignee acknowledges, reports and submits; the issuer accepts, returns and
//! cancels. A caller who sees the assignment but is not that party gets a 403.

use std::sync::Arc;

use actix_web::{HttpResponse, post, web};
use chrono::NaiveDate;
use qiaojian_domain::assignment::Party;
use qiaojian_domain::dates::day;
use qiaojian_domain::ids::AssignmentId;
use qiaojian_store::tasks::assignments::{self, Act};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::wire::Assignment;
use crate::app::App;
use crate::auth::{Caller, Principal, needs};
use crate::extract::{Body, Segment};
use crate::headers::{IdempotencyKey, IfMatch};
use crate::problem::ApiError;
use crate::wire::id_or_new;
use crate::write::{Reply, Write};

/// The date of a transition.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"on": "2022-06-01"}))]
pub struct DatedInput {
    /// Not after today (Asia/Shanghai) and not before the previous transition. Defaults to today.
    #[serde(default)]
    #[serde(deserialize_with = "day::read_optional")]
    on: Option<NaiveDate>,
}

/// A progress report.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"content": "已完成过半，剩余事项正在逐项推进。"}))]
pub struct ReportInput {
    /// Not after today (Asia/Shanghai) and not before the previous transition. Defaults to today.
    #[serde(default)]
    #[serde(deserialize_with = "day::read_optional")]
    on: Option<NaiveDate>,
    /// A client-generated id. The same report is recorded once, however often it is sent.
    #[serde(default)]
    id: Option<Uuid>,
    #[schema(example = "已完成过半，剩余事项正在逐项推进。", max_length = 2000)]
    content: String,
}

/// The date and the reason of a transition.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"reason": "佐证材料不全，请补充后重新报送。"}))]
pub struct ReasonedInput {
    /// Not after today (Asia/Shanghai) and not before the previous transition. Defaults to today.
    #[serde(default)]
    #[serde(deserialize_with = "day::read_optional")]
    on: Option<NaiveDate>,
    #[schema(example = "佐证材料不全，请补充后重新报送。", max_length = 2000)]
    reason: String,
}

/// One transition of one assignment.
struct Done {
    id: AssignmentId,
    act: Act,
    on: Option<NaiveDate>,
    digest: String,
}

async fn perform(
    app: &App,
    caller: Arc<Principal>,
    write: Write,
    done: Done,
) -> Result<HttpResponse, ApiError> {
    let Done { id, act, on, digest } = done;
    let (today, expected) = (app.today(), write.version());
    let on = on.unwrap_or(today);
    write
        .run(app, &digest, move |recording| {
            let found = assignments::find(recording.conn(), &caller.visible, id)?;
            let party = act.verb().party();
            if !found.is_party(party, caller.area, caller.post) {
                return Err(not_the(party));
            }
            let moved = assignments::act(recording, found, expected, &act, on, today)?;
            let shown = Assignment::with_reports(recording.conn(), moved, today)?;
            Reply::ok(shown.version, &shown)
        })
        .await
}

fn not_the(party: Party) -> ApiError {
    match party {
        Party::Assignee => ApiError::not_yours(
            "只有承办的地区和部门可以签收、报告进展和报结。",
            "Only the assigned area and post may acknowledge, report and submit.",
        ),
        Party::Issuer => ApiError::not_yours(
            "只有交办的地区和部门可以办结、退回和取消。",
            "Only the issuing area and post may accept, return and cancel.",
        ),
    }
}

macro_rules! acts {
    ($($(#[$doc:meta])* $name:ident $needs:ident $scope:literal $path:literal $input:ident |$app:ident, $value:ident| $act:expr;)+) => {$(
        $(#[$doc])*
        #[utoipa::path(
            tag = "assignments",
            security(("oauth" = [$scope])),
            params(
                ("id" = uuid::Uuid, Path, description = "The assignment"),
                IfMatch,
                IdempotencyKey
            ),
            request_body = $input,
            responses(
                (status = 200, description = "Done", body = Assignment),
                (status = 403, description = "The caller is not the party that may do this"),
                (status = 409, description = "The current state does not allow it")
            )
        )]
        #[post($path)]
        pub async fn $name(
            $app: web::Data<App>,
            caller: Caller<needs::$needs>,
            id: Segment<AssignmentId>,
            write: Write,
            body: Body<$input>,
        ) -> Result<HttpResponse, ApiError> {
            let Body { value: $value, digest } = body;
            let on = $value.on;
            let act = $act;
            perform(&$app, caller.principal(), write, Done { id: id.0, act, on, digest }).await
        }
    )+};
}

acts! {
    /// Acknowledges an assignment (签收) as its assignee.
    acknowledge TaskWork "task:work" "/assignments/{id}/acknowledge" DatedInput |app, input| Act::Acknowledge;
    /// Records a progress report of the assignee.
    ///
    /// The first report starts the work, and a report on a returned assignment resumes it.
    report TaskWork "task:work" "/assignments/{id}/reports" ReportInput |app, input| Act::Report {
        id: id_or_new(input.id, app.clock.as_ref(), app.entropy.as_ref())?,
        content: input.content,
    };
    /// Submits an assignment as completed (报结).
    submit TaskWork "task:work" "/assignments/{id}/submit" DatedInput |app, input| Act::Submit;
    /// Accepts a submitted assignment (办结销号) as its issuer.
    ///
    /// The assignment is late if it was submitted after the due date.
    accept TaskIssue "task:issue" "/assignments/{id}/accept" DatedInput |app, input| Act::Accept;
    /// Returns a submitted assignment (退回) to its assignee, with a reason.
    return_ TaskIssue "task:issue" "/assignments/{id}/return" ReasonedInput |app, input| Act::Return { reason: input.reason };
    /// Cancels an assignment as its issuer, with a reason.
    cancel TaskIssue "task:issue" "/assignments/{id}/cancel" ReasonedInput |app, input| Act::Cancel { reason: input.reason };
}
