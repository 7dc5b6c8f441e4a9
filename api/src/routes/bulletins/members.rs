//! The rows behind a number of a bulletin.

use actix_web::{HttpRequest, HttpResponse, get, web};
use qiaojian_documents::progress::Common;
use qiaojian_domain::access::Scope;
use qiaojian_domain::ids::BulletinId;
use qiaojian_store::composition;
use qiaojian_store::db::snapshot;
use qiaojian_store::figures::MembersKind;
use qiaojian_store::organizations::Lost;
use qiaojian_store::{Moment, bulletins};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::app::App;
use crate::auth::{Caller, needs};
use crate::extract::{Params, Segment};
use crate::page::{self, Page, Window};
use crate::problem::ApiError;
use crate::routes::figures::members::{MemberReply, page_of};

/// The number whose rows to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct MembersParams {
    /// The position of the number in `figures`, as a JSON pointer (RFC 6901) such as `/totals/organizations`,
    /// `/coverage/1/ratio/numerator` or `/cities/0/townships/denominator`.
    figure: String,
    limit: Option<i64>,
    cursor: Option<String>,
}

/// A page of those rows behind a number that the caller may see.
#[derive(Debug, Serialize, ToSchema)]
pub struct BulletinMembers {
    #[serde(flatten)]
    pub page: Page<MemberReply>,
    pub members_kind: MembersKind,
    /// The number, as published.
    pub number: i64,
    /// The number of its rows that are not shown, because they are outside the caller's subtree or the caller may not
    /// read organizations (`org:read`).
    pub withheld: usize,
}

/// Lists the rows behind one number of a bulletin's common figures, by area and id.
///
/// The rows are shown as they were and were known when the bulletin was composed. Rows outside the caller's subtree are
/// counted as `withheld`; together with them, the rows add up to the number. Without `org:read`, all rows are withheld.
#[utoipa::path(
    tag = "bulletins",
    security(("oauth" = ["bulletin:read"])),
    params(("id" = uuid::Uuid, Path, description = "The bulletin"), MembersParams),
    responses(
        (status = 200, description = "A page of the rows", body = BulletinMembers),
        (status = 400, description = "There is no number with rows at this position"),
        (status = 404, description = "Not found, or neither issued by nor addressed to the caller's subtree")
    )
)]
#[get("/bulletins/{id}/members")]
pub async fn members(
    app: web::Data<App>,
    caller: Caller<needs::BulletinRead>,
    request: HttpRequest,
    id: Segment<BulletinId>,
    params: Params<MembersParams>,
) -> Result<HttpResponse, ApiError> {
    let window = Window::<uuid::Uuid>::new(&request, params.limit, params.cursor.as_deref())?;
    let (caller, pointer) = (caller.principal(), params.0.figure);
    let reply = app
        .read_slow(move |conn| {
            snapshot(conn, |conn| {
                let bulletin = bulletins::find_seen(conn, &caller.visible, id.0)?.bulletin;
                let figures: serde_json::Value = serde_json::from_str(&bulletin.figures)?;
                let number = figures.pointer(&pointer).and_then(serde_json::Value::as_i64);
                let common: Common = serde_json::from_value(figures)?;
                let opened = composition::opened(&common, &pointer);
                let (number, opened) = number.zip(opened).ok_or_else(no_number)?;
                let mut found = composition::behind(conn, &bulletin, (&common, &opened), caller.area)?;
                // A caller who may not read organizations sees the number, but no rows.
                if !caller.scopes.contains(&Scope::OrgRead) {
                    found.withheld += std::mem::take(&mut found.rows).len();
                }
                let moment = Moment {
                    as_of: bulletin.as_of,
                    known: found.known,
                };
                Ok::<_, ApiError>(BulletinMembers {
                    page: page_of(conn, &window, &found.rows, moment, &Lost::default())?,
                    members_kind: opened.metric.members_kind(),
                    number,
                    withheld: found.withheld,
                })
            })
        })
        .await?;
    Ok(page::reply_with(
        &request,
        reply.page.next_cursor.as_deref(),
        &reply,
    ))
}

fn no_number() -> ApiError {
    ApiError::bad_parameter(
        "figure",
        "figure 应指向通报 figures 中可以打开的数字，例如 /totals/organizations。",
        "figure must point to a number in the bulletin's figures that has rows, such as /totals/organizations.",
    )
}
