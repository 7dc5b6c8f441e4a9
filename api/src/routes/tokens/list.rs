//! Listing the tokens of a subtree.

use actix_web::{HttpRequest, HttpResponse, get, web};
use qiaojian_domain::ids::TokenId;
use qiaojian_domain::token::TokenStatus;
use qiaojian_store::{areas, tokens};
use serde::Deserialize;
use utoipa::IntoParams;

use super::wire::Token;
use crate::app::App;
use crate::auth::{Caller, needs};
use crate::extract::Params;
use crate::page::{self, Page, Window};
use crate::problem::ApiError;

/// Which tokens to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListParams {
    /// Only this area and all areas below it.
    area: Option<String>,
    /// `active` (including expired tokens) or `revoked`.
    #[param(inline)]
    status: Option<TokenStatus>,
    /// Only tokens issued by this token.
    created_by: Option<TokenId>,
    limit: Option<i64>,
    cursor: Option<String>,
}

/// Lists tokens in the caller's subtree, oldest first.
#[utoipa::path(
    tag = "tokens",
    security(("oauth" = ["token:admin"])),
    params(ListParams),
    responses(
        (status = 200, description = "A page of the list", body = Page<Token>),
        (status = 404, description = "The area was not found, or is outside the caller's area")
    )
)]
#[get("/tokens")]
pub async fn list(
    app: web::Data<App>,
    caller: Caller<needs::TokenAdmin>,
    request: HttpRequest,
    params: Params<ListParams>,
) -> Result<HttpResponse, ApiError> {
    let ListParams {
        area,
        status,
        created_by,
        limit,
        cursor,
    } = params.0;
    let window = Window::<TokenId>::new(&request, limit, cursor.as_deref())?;
    let (caller, now) = (caller.principal(), app.now());
    let page = app
        .read(move |conn| {
            let within = match &area {
                Some(code) => areas::find(conn, &caller.visible, code)?.subtree(),
                None => caller.visible.clone(),
            };
            let of = (status, created_by);
            let rows = tokens::list(conn, &within, of, window.after, window.fetch())?;
            let rows = Token::all(conn, &caller.visible, &rows, now)?;
            window.page(rows, |row| row.id, |row| row)
        })
        .await?;
    Ok(page::reply(&request, &page))
}
