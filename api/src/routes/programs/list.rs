//! Listing all programmes.

use actix_web::{HttpRequest, HttpResponse, get, web};
use qiaojian_domain::clock::UtcTime;
use qiaojian_domain::ids::ProgramId;
use qiaojian_store::{ledger, programs};
use serde::Deserialize;
use utoipa::IntoParams;

use super::wire::Program;
use crate::app::App;
use crate::auth::{Caller, needs};
use crate::extract::Params;
use crate::page::{self, Page, Window};
use crate::problem::ApiError;

/// The point in time to read.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListParams {
    /// Transaction time: returns the state as known at this time. Defaults to now.
    known_at: Option<UtcTime>,
    /// Page size: 1 to 200. The default is 50.
    limit: Option<i64>,
    cursor: Option<String>,
}

/// Lists all programmes, oldest first.
#[utoipa::path(
    tag = "programs",
    security(("oauth" = ["area:read"])),
    params(ListParams),
    responses((status = 200, description = "A page of the list", body = Page<Program>))
)]
#[get("/programs")]
pub async fn list(
    app: web::Data<App>,
    _caller: Caller<needs::AreaRead>,
    request: HttpRequest,
    params: Params<ListParams>,
) -> Result<HttpResponse, ApiError> {
    let ListParams {
        known_at,
        limit,
        cursor,
    } = params.0;
    let window = Window::<ProgramId>::new(&request, limit, cursor.as_deref())?;
    let page = app
        .read(move |conn| {
            let known = ledger::known_at(conn, known_at)?.known;
            let rows = programs::list(conn, known, window.after, window.fetch())?;
            window
                .page(rows, |found| found.program.program_id, Program::of)?
                .transpose()
        })
        .await?;
    Ok(page::reply(&request, &page))
}
