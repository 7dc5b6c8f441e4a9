//! A bulletin as a document: the page, the data and the plain text of one of its notices.

use std::sync::Arc;

use actix_web::{HttpResponse, get, web};
use qiaojian_domain::Noun;
use qiaojian_domain::ids::{BulletinId, NoticeId};
use qiaojian_store::areas::AreaVersion;
use qiaojian_store::bulletins::{self, BulletinRow};
use qiaojian_store::notices::NoticeRow;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::app::App;
use crate::auth::{Caller, Principal, needs};
use crate::extract::{Params, Segment};
use crate::problem::ApiError;
use crate::routes::notices::document::{html_page, plain_text};
use crate::routes::notices::wire::Notice;
use crate::write::show;

/// The addressee of the document.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct DocumentParams {
    /// This notice of the bulletin.
    #[param(value_type = Option<uuid::Uuid>)]
    notice: Option<NoticeId>,
    /// The notice to this area.
    area: Option<String>,
}

/// One notice of a bulletin with everything its document is made of.
struct Found {
    bulletin: BulletinRow,
    notice: NoticeRow,
    area: AreaVersion,
}

/// Finds the requested notice. By default it is the caller's own, or else the first that the caller sees.
async fn find(
    app: &App,
    caller: Arc<Principal>,
    id: BulletinId,
    params: DocumentParams,
) -> Result<Found, ApiError> {
    app.read_slow(move |conn| {
        let seen = bulletins::find_seen(conn, &caller.visible, id)?;
        let rows = bulletins::notices_seen(conn, &caller.visible, &seen)?;
        let is_asked_for = |(notice, area): &(NoticeRow, AreaVersion)| {
            params.notice.is_none_or(|id| notice.id == id)
                && params.area.as_ref().is_none_or(|code| area.code == *code)
        };
        // Ordered by: the caller's own, then one to another post of its area, then the first by area.
        let distance = |(notice, _): &(NoticeRow, AreaVersion)| {
            (notice.area_id != caller.area, notice.post != caller.post)
        };
        let found = rows.into_iter().filter(is_asked_for).min_by_key(distance);
        let (mut notice, area) = found.ok_or_else(|| ApiError::not_found(Noun::Notice))?;
        bulletins::fill_text(conn, &seen.bulletin, &mut notice)?;
        Ok(Found {
            bulletin: seen.bulletin,
            notice,
            area,
        })
    })
    .await
}

macro_rules! documents {
    ($($(#[$doc:meta])* $name:ident $path:literal ($($response:tt)+) |$found:ident| $show:expr;)+) => {$(
        $(#[$doc])*
        ///
        /// The document is the one addressed to the caller. On the issuer's side it may be that of any addressee, by
        /// default the first. The common part is the same in all.
        #[utoipa::path(
            tag = "bulletins",
            security(("oauth" = ["bulletin:read"])),
            params(("id" = uuid::Uuid, Path, description = "The bulletin"), DocumentParams),
            responses(
                $($response)+,
                (status = 404, description = "Not found, or neither issued by nor addressed to the caller's subtree")
            )
        )]
        #[get($path)]
        pub async fn $name(
            app: web::Data<App>,
            caller: Caller<needs::BulletinRead>,
            id: Segment<BulletinId>,
            params: Params<DocumentParams>,
        ) -> Result<HttpResponse, ApiError> {
            let $found = find(&app, caller.principal(), id.0, params.0).await?;
            $show
        }
    )+};
}

documents! {
    /// Returns a bulletin as an HTML page.
    html "/bulletins/{id}.html" ((status = 200, description = "The page as sent", body = String, content_type = "text/html")) |found| {
        Ok(html_page(found.notice.html))
    };
    /// Returns the data of a bulletin's page: the common figures and the addressee's own.
    json "/bulletins/{id}.json" ((status = 200, description = "The data", body = Notice)) |found| {
        let Found { bulletin, notice, area } = found;
        Ok(show(notice.version, &Notice::of(&notice, &bulletin, &area)?))
    };
    /// Returns a bulletin as plain text.
    txt "/bulletins/{id}.txt" ((status = 200, description = "The text as sent", body = String, content_type = "text/plain")) |found| {
        Ok(plain_text(found.notice.text))
    };
}
