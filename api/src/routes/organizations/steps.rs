//! The transitions of an organization.

use actix_web::{HttpResponse, post, web};
use chrono::NaiveDate;
use qiaojian_domain::access::Post;
use qiaojian_domain::dates::{Precision, day};
use qiaojian_domain::ids::OrganizationId;
use qiaojian_domain::organization::{PreciseDate, Verb, Verification};
use qiaojian_domain::violation::{NAME_CHARS, TEXT_CHARS, check_optional_line, check_optional_text};
use qiaojian_store::organizations::{self, Step};
use serde::Deserialize;
use utoipa::ToSchema;

use super::wire::Organization;
use crate::app::App;
use crate::auth::{Caller, needs};
use crate::extract::{Body, Segment};
use crate::headers::{IdempotencyKey, IfMatch};
use crate::problem::ApiError;
use crate::write::{Reply, Write};

/// The date of a transition, with its document or reason.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"on": "2022-06-01", "reason": "县侨联常委会研究决定"}))]
pub struct StepInput {
    /// When it happened (Asia/Shanghai); not after today.
    #[serde(deserialize_with = "day::read")]
    on: NaiveDate,
    /// Defaults to `day`.
    #[serde(default)]
    precision: Option<Precision>,
    /// Required to close, reopen or abandon.
    #[serde(default)]
    reason: Option<String>,
    /// With `approve`: the number of the document.
    #[serde(default)]
    doc_no: Option<String>,
    /// With `approve`: the approving post.
    #[serde(default)]
    post: Option<Post>,
}

async fn step(
    app: web::Data<App>,
    caller: Caller<needs::OrgWrite>,
    id: OrganizationId,
    write: Write,
    body: Body<StepInput>,
    verb: Verb,
) -> Result<HttpResponse, ApiError> {
    let Body { value: input, digest } = body;
    let mut violations = Vec::new();
    check_optional_text(&mut violations, "/reason", input.reason.as_deref(), TEXT_CHARS);
    check_optional_line(&mut violations, "/doc_no", input.doc_no.as_deref(), NAME_CHARS);
    if !violations.is_empty() {
        return Err(ApiError::invalid(violations));
    }
    let mut step = Step {
        verification: Verification::Unverified,
        verb,
        on: PreciseDate {
            on: input.on,
            precision: input.precision.unwrap_or(Precision::Day),
        },
        reason: input.reason,
        doc_no: input.doc_no,
        post: input.post,
    };
    let (caller, today, expected) = (caller.principal(), app.today(), write.version());
    write
        .run(&app, &digest, move |recording| {
            let stands = organizations::find(recording.conn(), &caller.visible, id)?;
            step.verification = caller.report_on(&[&stands.area_path]);
            let found = organizations::transition(recording, &caller.visible, id, expected, &step, today)?;
            Reply::ok(found.organization.version, &Organization::of(&found)?)
        })
        .await
}

macro_rules! steps {
    ($($(#[$doc:meta])* $name:ident $verb:ident $path:literal;)+) => {$(
        $(#[$doc])*
        #[utoipa::path(
            tag = "organizations",
            security(("oauth" = ["org:write"])),
            params(
                ("id" = uuid::Uuid, Path, description = "The organization"),
                IfMatch,
                IdempotencyKey
            ),
            request_body = StepInput,
            responses(
                (status = 200, description = "Changed", body = Organization),
                (status = 409, description = "The current state does not allow it")
            )
        )]
        #[post($path)]
        pub async fn $name(
            app: web::Data<App>,
            caller: Caller<needs::OrgWrite>,
            id: Segment<OrganizationId>,
            write: Write,
            body: Body<StepInput>,
        ) -> Result<HttpResponse, ApiError> {
            step(app, caller, id.0, write, body, Verb::$verb).await
        }
    )+};
}

steps! {
    /// Records the approval (批复) of an organization in preparation.
    approve Approve "/organizations/{id}/approve";
    /// Records the founding (成立) of an approved organization, which counts from then on.
    establish Establish "/organizations/{id}/establish";
    /// Records the unveiling (挂牌) of an established organization.
    unveil Unveil "/organizations/{id}/unveil";
    /// Closes an established organization (撤销), with a reason.
    close Close "/organizations/{id}/close";
    /// Reopens a closed organization (恢复), with a reason.
    ///
    /// It does not count between the two days.
    ///
    /// If the closing was recorded by mistake and never happened, correct it instead: `PATCH` the status and date.
    reopen Reopen "/organizations/{id}/reopen";
    /// Abandons an organization before it is established, with a reason.
    abandon Abandon "/organizations/{id}/abandon";
}
