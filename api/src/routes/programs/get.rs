//! Reading one programme.

use actix_web::{HttpResponse, get, web};
use qiaojian_domain::clock::UtcTime;
use qiaojian_domain::ids::ProgramId;
use qiaojian_store::{ledger, programs};
use serde::Deserialize;
use utoipa::IntoParams;

use super::wire::Program;
use crate::app::App;
use crate::auth::{Caller, needs};
use crate::extract::{Params, Segment};
use crate::problem::ApiError;
use crate::write::show;

/// The point in time to read.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct GetParams {
    /// Transaction time: returns the state as known at this time. Defaults to now.
    known_at: Option<UtcTime>,
}

/// Returns a programme.
#[utoipa::path(
    tag = "programs",
    security(("oauth" = ["area:read"])),
    params(("id" = uuid::Uuid, Path, description = "The programme"), GetParams),
    responses((status = 200, description = "The programme", body = Program))
)]
#[get("/programs/{id}")]
pub async fn get(
    app: web::Data<App>,
    _caller: Caller<needs::AreaRead>,
    id: Segment<ProgramId>,
    params: Params<GetParams>,
) -> Result<HttpResponse, ApiError> {
    let known_at = params.0.known_at;
    let found = app
        .read(move |conn| {
            let known = ledger::known_at(conn, known_at)?.known;
            Ok(programs::find_with_issuer(conn, id.0, known)?)
        })
        .await?;
    Ok(show(found.program.version, &Program::of(found)?))
}
