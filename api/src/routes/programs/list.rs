//! All programmes.

use actix_web::{HttpRequest, HttpResponse, get, web};
use qiaojian_shared::ids::ProgramId;
use qiaojian_shared::store::programs;

use super::wire::Program;
use crate::app::App;
use crate::auth::{Caller, needs};
use crate::extract::Params;
use crate::page::{self, Page, Window};
use crate::problem::ApiError;
use crate::wire::PageParams;

/// All programmes, oldest first.
#[utoipa::path(
    tag = "programs",
    security(("oauth" = ["area:read"])),
    params(PageParams),
    responses((status = 200, description = "Part of the list", body = Page<Program>))
)]
#[get("/programs")]
pub async fn list(
    app: web::Data<App>,
    _caller: Caller<needs::AreaRead>,
    request: HttpRequest,
    params: Params<PageParams>,
) -> Result<HttpResponse, ApiError> {
    let window = Window::<ProgramId>::new(&request, params.limit, params.cursor.as_deref())?;
    let page = app
        .read(move |conn| {
            let rows = programs::list(conn, window.after, window.fetch())?;
            window
                .page(rows, |found| found.program.program_id, Program::of)?
                .transpose()
        })
        .await?;
    Ok(page::reply(&request, &page))
}
