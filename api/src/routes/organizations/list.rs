//! The register, filtered.

use actix_web::{HttpRequest, HttpResponse, get, web};
use qiaojian_shared::domain::area::Level;
use qiaojian_shared::domain::organization::{Kind, Status};
use qiaojian_shared::ids::OrganizationId;
use qiaojian_shared::store::{areas, organizations};
use serde::Deserialize;
use utoipa::IntoParams;

use super::wire::Organization;
use crate::app::App;
use crate::auth::{Caller, needs};
use crate::extract::{List, Params};
use crate::page::{self, Page, Window};
use crate::problem::ApiError;

/// Which organizations to list. List-valued parameters are comma-separated.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListParams {
    /// Only this area and all below it; the caller's own when left out.
    area: Option<String>,
    /// Levels of area.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    level: List<Level>,
    #[serde(default)]
    #[param(value_type = Option<String>)]
    kind: List<Kind>,
    #[serde(default)]
    #[param(value_type = Option<String>)]
    status: List<Status>,
    /// Part of the name.
    q: Option<String>,
    /// 1 to 200; 50 when left out.
    limit: Option<i64>,
    cursor: Option<String>,
}

/// Organizations of the caller's subtree, by area and id.
#[utoipa::path(
    tag = "organizations",
    security(("oauth" = ["org:read"])),
    params(ListParams),
    responses((status = 200, description = "Part of the list", body = Page<Organization>))
)]
#[get("/organizations")]
pub async fn list(
    app: web::Data<App>,
    caller: Caller<needs::OrgRead>,
    request: HttpRequest,
    params: Params<ListParams>,
) -> Result<HttpResponse, ApiError> {
    let ListParams {
        area,
        level,
        kind,
        status,
        q,
        limit,
        cursor,
    } = params.0;
    let window = Window::<(String, OrganizationId)>::new(&request, limit, cursor.as_deref())?;
    let filter = organizations::Filter {
        levels: level.0,
        kinds: kind.0,
        statuses: status.0,
        name_contains: q.filter(|q| !q.is_empty()),
    };
    let caller = caller.principal();
    let page = app
        .read(move |conn| {
            let within = match &area {
                Some(code) => areas::find(conn, &caller.visible, code)?.subtree(),
                None => caller.visible.clone(),
            };
            let rows = organizations::list(conn, &within, &filter, window.after.as_ref(), window.fetch())?;
            let page = window.page(
                rows,
                |row| (row.area_path.clone(), row.organization.organization_id),
                |row| Organization::of(&row),
            )?;
            page.transpose()?.write()
        })
        .await?;
    Ok(page::reply_written(&request, page))
}
