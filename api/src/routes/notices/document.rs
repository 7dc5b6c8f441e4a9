//! A notice as a document.

use std::sync::Arc;

use actix_web::http::header::{CONTENT_SECURITY_POLICY, ContentType};
use actix_web::{HttpResponse, get, web};
use qiaojian_domain::ids::NoticeId;
use qiaojian_store::areas::{self, AreaVersion};
use qiaojian_store::bulletins::BulletinRow;
use qiaojian_store::notices::{self, NoticeRow};

use super::wire::Notice;
use crate::app::App;
use crate::auth::{Caller, Principal, needs};
use crate::extract::Segment;
use crate::problem::ApiError;
use crate::write::show;

/// Content security policy of a page: it contains its one style element and loads nothing.
const PAGE_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'";

/// Returns the reply with a document's page.
pub fn html_page(page: String) -> HttpResponse {
    HttpResponse::Ok()
        .content_type(ContentType::html())
        .insert_header((CONTENT_SECURITY_POLICY, PAGE_POLICY))
        .body(page)
}

/// Returns the reply with a document's plain text.
pub fn plain_text(text: String) -> HttpResponse {
    HttpResponse::Ok()
        .content_type(ContentType::plaintext())
        .body(text)
}

/// Finds a published notice by id, with its bulletin and area, if it is addressed to the caller's subtree.
pub async fn find(
    app: &App,
    caller: Arc<Principal>,
    id: NoticeId,
) -> Result<(NoticeRow, BulletinRow, AreaVersion), ApiError> {
    app.read_slow(move |conn| {
        let (notice, bulletin) = notices::find(conn, &caller.visible, id)?;
        let area = areas::by_id(conn, notice.area_id)?;
        Ok((notice, bulletin, area))
    })
    .await
}

macro_rules! documents {
    ($($(#[$doc:meta])* $name:ident $path:literal ($($response:tt)+) |$notice:ident, $bulletin:ident, $area:ident| $show:expr;)+) => {$(
        $(#[$doc])*
        #[utoipa::path(
            tag = "notices",
            security(("oauth" = ["bulletin:read"])),
            params(("id" = uuid::Uuid, Path, description = "The notice")),
            responses(
                $($response)+,
                (status = 404, description = "Not found, or not addressed to the caller's subtree")
            )
        )]
        #[get($path)]
        pub async fn $name(
            app: web::Data<App>,
            caller: Caller<needs::BulletinRead>,
            id: Segment<NoticeId>,
        ) -> Result<HttpResponse, ApiError> {
            let ($notice, $bulletin, $area) = find(&app, caller.principal(), id.0).await?;
            $show
        }
    )+};
}

documents! {
    /// Returns a notice as an HTML page, as it was sent.
    html "/notices/{id}.html" ((status = 200, description = "The page", body = String, content_type = "text/html")) |notice, _bulletin, _area| {
        Ok(html_page(notice.html))
    };
    /// Returns the data of a notice's page.
    json "/notices/{id}.json" ((status = 200, description = "The data", body = Notice)) |notice, bulletin, area| {
        Ok(show(notice.version, &Notice::of(&notice, &bulletin, &area)?))
    };
    /// Returns a notice as plain text, as sent in an email along with the page.
    txt "/notices/{id}.txt" ((status = 200, description = "The text", body = String, content_type = "text/plain")) |notice, _bulletin, _area| {
        Ok(plain_text(notice.text))
    };
}
