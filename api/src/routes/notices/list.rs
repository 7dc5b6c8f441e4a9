//! Listing the inbox, with filters.

use actix_web::{HttpRequest, HttpResponse, get, web};
use chrono::TimeDelta;
use qiaojian_domain::clock::UtcTime;
use qiaojian_domain::ids::{BulletinId, NoticeId};
use qiaojian_store::notices::{self, Filter};
use qiaojian_store::{Subtree, areas};
use serde::Deserialize;
use utoipa::IntoParams;

use super::wire::NoticeSummary;
use crate::app::App;
use crate::auth::{Caller, needs};
use crate::extract::Params;
use crate::page::{self, Page, Window};
use crate::problem::ApiError;

/// Which notices to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListParams {
    /// Only this area and all areas below it. Defaults to the caller's area.
    area: Option<String>,
    /// Only for this bulletin.
    #[param(value_type = Option<uuid::Uuid>)]
    bulletin: Option<BulletinId>,
    /// Only notices that are not acknowledged.
    #[serde(default)]
    unacknowledged: bool,
    /// Only notices that were published at least this many days ago and are not acknowledged: 0 to 3660.
    unacknowledged_days: Option<i64>,
    /// Includes the content of the notices.
    #[serde(default)]
    parts: bool,
    /// Page size: 1 to 200. The default is 50.
    limit: Option<i64>,
    cursor: Option<String>,
}

/// Lists published notices to areas in the caller's subtree, newest first.
#[utoipa::path(
    tag = "notices",
    security(("oauth" = ["bulletin:read"])),
    params(ListParams),
    responses(
        (status = 200, description = "A page of the list", body = Page<NoticeSummary>),
        (status = 404, description = "The area was not found, or is outside the caller's area")
    )
)]
#[get("/notices")]
pub async fn list(
    app: web::Data<App>,
    caller: Caller<needs::BulletinRead>,
    request: HttpRequest,
    params: Params<ListParams>,
) -> Result<HttpResponse, ApiError> {
    let ListParams {
        area,
        bulletin,
        unacknowledged,
        unacknowledged_days,
        parts,
        limit,
        cursor,
    } = params.0;
    let window = Window::<(UtcTime, NoticeId)>::new(&request, limit, cursor.as_deref())?;
    let filter = Filter {
        bulletin,
        post: None,
        // The ledger clock, which dates publications, may be ahead of this process's clock.
        unacknowledged_since: match unacknowledged_days {
            None => unacknowledged.then(|| app.now().plus(TimeDelta::days(1))),
            Some(days @ 0..=3660) => Some(app.now().plus(TimeDelta::days(-days))),
            Some(_) => {
                return Err(ApiError::bad_parameter(
                    "unacknowledged_days",
                    "unacknowledged_days 应在 0 与 3660 之间。",
                    "unacknowledged_days must be between 0 and 3660.",
                ));
            }
        },
    };
    let caller = caller.principal();
    let page = app
        .read(move |conn| {
            let within: Subtree = match &area {
                Some(code) => areas::find(conn, &caller.visible, code)?.subtree(),
                None => caller.visible.clone(),
            };
            let rows = notices::list(conn, &within, &filter, window.after, window.fetch())?;
            let mut said = if parts {
                let ids: Vec<NoticeId> = rows.iter().map(|row| row.id).collect();
                notices::parts(conn, &ids)?
            } else {
                std::collections::HashMap::new()
            };
            let rows: Vec<_> = rows.into_iter().map(|row| (said.remove(&row.id), row)).collect();
            window
                .page(
                    rows,
                    |(_, row)| (row.published_at.unwrap_or(UtcTime::EPOCH), row.id),
                    |(parts, row)| NoticeSummary::of_inbox(row, parts),
                )?
                .transpose()
        })
        .await?;
    Ok(page::reply(&request, &page))
}
