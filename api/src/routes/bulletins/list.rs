//! Listing bulletins, with filters.

use actix_web::{HttpRequest, HttpResponse, get, web};
use qiaojian_domain::bulletin::{BulletinKind, BulletinState};
use qiaojian_domain::clock::UtcTime;
use qiaojian_domain::ids::{BulletinId, ProgramId};
use qiaojian_domain::period::Period;
use qiaojian_store::bulletins::{self, Filter};
use serde::Deserialize;
use utoipa::IntoParams;

use super::wire::BulletinSummary;
use crate::app::App;
use crate::auth::{Caller, needs};
use crate::extract::{List, Params};
use crate::page::{self, Page, Window};
use crate::problem::ApiError;

/// Which bulletins to list. List-valued parameters are comma-separated.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListParams {
    #[param(value_type = Option<uuid::Uuid>)]
    program: Option<ProgramId>,
    #[serde(default)]
    #[param(value_type = Option<String>)]
    kind: List<BulletinKind>,
    /// Such as `2022-05`.
    #[param(value_type = Option<String>)]
    period: Option<Period>,
    #[serde(default)]
    #[param(value_type = Option<String>)]
    state: List<BulletinState>,
    /// Page size: 1 to 200. The default is 50.
    limit: Option<i64>,
    cursor: Option<String>,
}

/// Lists bulletins that are issued in the caller's subtree, or published and addressed to it; newest first.
#[utoipa::path(
    tag = "bulletins",
    security(("oauth" = ["bulletin:read"])),
    params(ListParams),
    responses((status = 200, description = "A page of the list", body = Page<BulletinSummary>))
)]
#[get("/bulletins")]
pub async fn list(
    app: web::Data<App>,
    caller: Caller<needs::BulletinRead>,
    request: HttpRequest,
    params: Params<ListParams>,
) -> Result<HttpResponse, ApiError> {
    let ListParams {
        program,
        kind,
        period,
        state,
        limit,
        cursor,
    } = params.0;
    let window = Window::<(UtcTime, BulletinId)>::new(&request, limit, cursor.as_deref())?;
    let filter = Filter {
        program,
        kinds: kind.0,
        period,
        states: state.0,
    };
    let caller = caller.principal();
    let page = app
        .read(move |conn| {
            let rows = bulletins::list_seen(conn, &caller.visible, &filter, window.after, window.fetch())?;
            window.page(
                rows,
                |seen| (seen.bulletin.created_at, seen.bulletin.id),
                BulletinSummary::of,
            )
        })
        .await?;
    Ok(page::reply(&request, &page))
}
