//! 审核: the area above verifies or rejects a report.

use actix_web::{HttpResponse, post, web};
use qiaojian_domain::ids::OrganizationId;
use qiaojian_domain::organization::Judgement;
use qiaojian_store::organizations::{self, Judged};
use serde::Deserialize;
use utoipa::ToSchema;

use super::wire::Organization;
use crate::app::App;
use crate::auth::{Caller, needs};
use crate::extract::{Body, Segment};
use crate::headers::{IdempotencyKey, IfMatch};
use crate::problem::ApiError;
use crate::write::{Reply, Write};

/// The reason for a decision about a report.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"reason": "批复文号缺失，请补充。"}))]
pub struct JudgementInput {
    /// Required to reject; kept with the organization.
    #[serde(default)]
    #[schema(example = "批复文号缺失，请补充。", max_length = 2000)]
    reason: Option<String>,
}

async fn judge(
    app: web::Data<App>,
    caller: Caller<needs::OrgVerify>,
    id: OrganizationId,
    write: Write,
    body: Body<JudgementInput>,
    judgement: Judgement,
) -> Result<HttpResponse, ApiError> {
    let Body { value: input, digest } = body;
    let (caller, expected) = (caller.principal(), write.version());
    write
        .run(&app, &digest, move |recording| {
            let stands = organizations::find(recording.conn(), &caller.visible, id)?;
            if !caller.judges(&stands.area_path) {
                return Err(ApiError::not_yours(
                    "由上级侨联审核，不能审核本级的报送。",
                    "Reports are verified by an area above. You cannot verify the reports of your own area.",
                ));
            }
            let reason = input.reason.as_deref();
            match organizations::judge(recording, &caller.visible, id, expected, judgement, reason)? {
                Judged::Stands(found) => Reply::ok(found.organization.version, &Organization::of(&found)?),
                Judged::Voided => Ok(Reply::gone()),
            }
        })
        .await
}

macro_rules! judgements {
    ($($(#[$doc:meta])* $name:ident $judgement:ident $path:literal;)+) => {$(
        $(#[$doc])*
        #[utoipa::path(
            tag = "organizations",
            security(("oauth" = ["org:verify"])),
            params(
                ("id" = uuid::Uuid, Path, description = "The organization"),
                IfMatch,
                IdempotencyKey
            ),
            request_body = JudgementInput,
            responses(
                (status = 200, description = "Decided", body = Organization),
                (status = 204, description = "It was voided as requested"),
                (status = 403, description = "The report is the caller's own"),
                (status = 409, description = "It already has this verification status"),
                (status = 422, description = "The rejection has no reason")
            )
        )]
        #[post($path)]
        pub async fn $name(
            app: web::Data<App>,
            caller: Caller<needs::OrgVerify>,
            id: Segment<OrganizationId>,
            write: Write,
            body: Body<JudgementInput>,
        ) -> Result<HttpResponse, ApiError> {
            judge(app, caller, id.0, write, body, Judgement::$judgement).await
        }
    )+};
}

judgements! {
    /// Verifies a report as it is now (审核通过), as an area above it.
    ///
    /// Later changes by the area itself must be verified again.
    verify Verify "/organizations/{id}/verify";
    /// Rejects a report (退回) with a reason, as an area above it.
    ///
    /// Rejected reports are not counted by any rule.
    reject Reject "/organizations/{id}/reject";
}
