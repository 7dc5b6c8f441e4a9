//! One programme.

use actix_web::{HttpResponse, get, web};
use qiaojian_shared::ids::ProgramId;
use qiaojian_shared::store::programs;

use super::wire::Program;
use crate::app::App;
use crate::auth::{Caller, needs};
use crate::extract::Segment;
use crate::problem::{ApiError, Problem};
use crate::write::show;

/// One programme.
#[utoipa::path(
    tag = "programs",
    security(("oauth" = ["area:read"])),
    params(("id" = uuid::Uuid, Path, description = "The programme")),
    responses((status = 200, description = "The programme", body = Program), (status = 404, description = "None", body = Problem))
)]
#[get("/programs/{id}")]
pub async fn get(
    app: web::Data<App>,
    _caller: Caller<needs::AreaRead>,
    id: Segment<ProgramId>,
) -> Result<HttpResponse, ApiError> {
    let found = app
        .read(move |conn| Ok(programs::find_with_issuer(conn, id.0)?))
        .await?;
    Ok(show(found.program.version, &Program::of(found)?))
}
