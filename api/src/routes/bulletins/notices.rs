//! The notices of a bulletin.

use actix_web::{HttpRequest, HttpResponse, get, web};
use qiaojian_domain::ids::{BulletinId, NoticeId};
use qiaojian_store::bulletins;

use crate::app::App;
use crate::auth::{Caller, needs};
use crate::extract::{Params, Segment};
use crate::page::{self, Page, Window};
use crate::problem::ApiError;
use crate::routes::notices::wire::NoticeSummary;
use crate::wire::PageParams;

/// Lists the notices of a bulletin, by area: all of them on the issuer's side, otherwise those to the caller's subtree.
#[utoipa::path(
    tag = "bulletins",
    security(("oauth" = ["bulletin:read"])),
    params(("id" = uuid::Uuid, Path, description = "The bulletin"), PageParams),
    responses(
        (status = 200, description = "A page of the list", body = Page<NoticeSummary>),
        (status = 404, description = "Not found, or neither issued by nor addressed to the caller's subtree")
    )
)]
#[get("/bulletins/{id}/notices")]
pub async fn list(
    app: web::Data<App>,
    caller: Caller<needs::BulletinRead>,
    request: HttpRequest,
    id: Segment<BulletinId>,
    params: Params<PageParams>,
) -> Result<HttpResponse, ApiError> {
    let window = Window::<(String, NoticeId)>::new(&request, params.limit, params.cursor.as_deref())?;
    let caller = caller.principal();
    let page = app
        .read(move |conn| {
            let seen = bulletins::find_seen(conn, &caller.visible, id.0)?;
            let mut rows = bulletins::notices_seen(conn, &caller.visible, &seen)?;
            // A bulletin has at most one notice per city, so all are read and a page is returned.
            if let Some(after) = &window.after {
                let behind = rows
                    .iter()
                    .position(|(notice, area)| (&area.path, notice.id) == (&after.0, after.1));
                let first = behind.map_or(rows.len(), |place| place + 1);
                rows.drain(..first);
            }
            window.page(
                rows,
                |(notice, area)| (area.path.clone(), notice.id),
                |(notice, area)| NoticeSummary::of(&notice, &seen.bulletin, &area),
            )
        })
        .await?;
    Ok(page::reply(&request, &page))
}
