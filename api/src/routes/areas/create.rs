//! Creation of an area: a park, or a unit that is not yet in the national list.

use actix_web::{HttpResponse, post, web};
use chrono::NaiveDate;
use qiaojian_domain::Violation;
use qiaojian_domain::area::{AreaKind, Level};
use qiaojian_domain::dates::day;
use qiaojian_domain::ids::AreaId;
use qiaojian_store::areas::{self, NewArea};
use serde::Deserialize;
use utoipa::ToSchema;

use super::wire::Area;
use crate::app::App;
use crate::auth::{Caller, needs};
use crate::extract::Body;
use crate::headers::IdempotencyKey;
use crate::problem::ApiError;
use crate::wire::area_in_body;
use crate::write::{Reply, Write};

/// The input for a new area. The level is derived from the code.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"code": "340304-P02", "name": "禹会高新产业园", "parent": "340304", "valid_from": "2022-06-01"}))]
pub struct AreaInput {
    /// Six digits down to county level, nine for a township, twelve for a village. A park: `<county or city code>-P01`.
    /// A unit without an official code yet: `<code of the area above>-L01`; it is renamed to its official code later.
    #[schema(example = "340304-P02")]
    code: String,
    #[schema(example = "禹会高新产业园", max_length = 100)]
    name: String,
    /// The code of the area above it, which must be in the caller's subtree.
    #[schema(example = "340304")]
    parent: String,
    /// Defaults to `administrative`; parks are administrative too.
    #[serde(default)]
    kind: Option<AreaKind>,
    /// The first day on which it exists; not after today (Asia/Shanghai).
    #[serde(deserialize_with = "day::read")]
    valid_from: NaiveDate,
}

/// Adds an area below an area in the caller's subtree.
#[utoipa::path(
    tag = "areas",
    security(("oauth" = ["area:write"])),
    params(IdempotencyKey),
    request_body = AreaInput,
    responses(
        (status = 201, description = "Added", body = Area),
        (status = 409, description = "The code is already in use"),
        (status = 422, description = "A rule is violated, or the area above is outside the caller's area")
    )
)]
#[post("/areas")]
pub async fn create(
    app: web::Data<App>,
    caller: Caller<needs::AreaWrite>,
    write: Write,
    body: Body<AreaInput>,
) -> Result<HttpResponse, ApiError> {
    let Body { value: input, digest } = body;
    let id = AreaId::generate(app.clock.as_ref(), app.entropy.as_ref());
    let (caller, today) = (caller.principal(), app.today());
    let level = Level::of_code(&input.code).ok_or_else(|| ApiError::invalid(vec![no_code()]))?;
    write
        .run(&app, &digest, move |recording| {
            let new = NewArea {
                id,
                code: input.code.clone(),
                name: input.name.clone(),
                level,
                kind: input.kind.unwrap_or(AreaKind::Administrative),
                parent: Some(area_in_body(
                    recording.conn(),
                    &caller.visible,
                    "/parent",
                    &input.parent,
                )?),
                valid_from: input.valid_from,
            };
            let made = areas::set_up(recording, &new, today)?;
            let shown = Area::with_ancestors(recording.conn(), &made)?;
            Reply::created(format!("/v1/areas/{}", made.code), made.version, &shown)
        })
        .await
}

fn no_code() -> Violation {
    Violation::new(
        "/code",
        "code_level",
        "代码应为 6、9 或 12 位数字，园区为“县（市）代码-P01”，暂无国标代码的为“上级代码-L01”。",
        "A code has 6, 9 or 12 digits; the code of a park is <county or city code>-P01, that of a unit without an official code is <code \
         above>-L01.",
    )
}
