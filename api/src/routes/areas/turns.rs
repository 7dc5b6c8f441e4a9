//! Changes of an area on a day: `rename`, `move`, `rekind`, `close`, `merge`, `split`. Figures of earlier days keep the
//! area as it was.

use std::sync::Arc;

use actix_web::{HttpResponse, post, web};
use chrono::NaiveDate;
use qiaojian_domain::area::{AreaKind, Wanted};
use qiaojian_domain::dates::day;
use qiaojian_domain::ids::AreaId;
use qiaojian_store::Recording;
use qiaojian_store::areas::{self, AreaVersion, NewPart, Turn};
use serde::Deserialize;
use utoipa::ToSchema;

use super::wire::Area;
use crate::app::App;
use crate::auth::{Caller, Principal, needs};
use crate::extract::{Body, Segment};
use crate::headers::{IdempotencyKey, IfMatch};
use crate::problem::ApiError;
use crate::wire::area_in_body;
use crate::write::{Reply, Write};

/// A new name, a new code, or both.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "湾沚区", "on": "2022-06-01", "reason": "区划调整批复"}))]
pub struct RenameInput {
    #[serde(default)]
    #[schema(max_length = 100)]
    name: Option<String>,
    /// A code of the area's level. Areas below keep their own codes.
    #[serde(default)]
    code: Option<String>,
    /// First day of the change (Asia/Shanghai); not after today.
    #[serde(deserialize_with = "day::read")]
    on: NaiveDate,
    /// The document number or the reason; kept permanently.
    #[schema(max_length = 2000, example = "民政部2023年区划调整批复")]
    reason: String,
}

/// The new parent of an area.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"parent": "341800", "on": "2022-06-01", "reason": "区划调整批复"}))]
pub struct MoveAreaInput {
    /// The code of the new parent.
    parent: String,
    /// The new code. Unchanged if omitted.
    #[serde(default)]
    code: Option<String>,
    /// First day of the change (Asia/Shanghai); not after today.
    #[serde(deserialize_with = "day::read")]
    on: NaiveDate,
    #[schema(max_length = 2000)]
    reason: String,
}

/// The new kind of an area.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"kind": "statistical", "on": "2022-06-01", "reason": "统计用区划"}))]
pub struct RekindAreaInput {
    kind: AreaKind,
    /// First day of the change (Asia/Shanghai); not after today.
    #[serde(deserialize_with = "day::read")]
    on: NaiveDate,
    #[schema(max_length = 2000, example = "国务院关于同意设立新区的批复")]
    reason: String,
}

/// The closing date and its reason.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"on": "2022-06-01", "reason": "区划调整批复"}))]
pub struct CloseAreaInput {
    /// The first day on which it no longer exists; not after today (Asia/Shanghai).
    #[serde(deserialize_with = "day::read")]
    on: NaiveDate,
    #[schema(max_length = 2000)]
    reason: String,
}

/// The area that it is merged into.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"into": "341802", "on": "2022-06-01", "reason": "区划调整批复"}))]
pub struct MergeAreaInput {
    /// The code of the area to merge into, which must have the same level and province.
    into: String,
    /// The first day on which it no longer exists.
    #[serde(deserialize_with = "day::read")]
    on: NaiveDate,
    #[schema(max_length = 2000)]
    reason: String,
}

/// A part that becomes a separate area.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PartInput {
    code: String,
    #[schema(max_length = 100)]
    name: String,
    /// The codes of areas directly below the split area that move below this one.
    #[serde(default)]
    #[schema(max_items = 500)]
    children: Vec<String>,
}

/// The areas that are split off.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"into": [{"code": "340305", "name": "新设区"}], "on": "2022-06-01", "reason": "区划调整批复"}))]
pub struct SplitAreaInput {
    /// The new areas, with the same parent. Children that are assigned to none of them stay.
    #[schema(min_items = 1, max_items = 50)]
    into: Vec<PartInput>,
    /// The first day on which they exist.
    #[serde(deserialize_with = "day::read")]
    on: NaiveDate,
    #[schema(max_length = 2000)]
    reason: String,
}

async fn turn_round(
    app: &App,
    caller: Arc<Principal>,
    code: String,
    (write, digest): (Write, String),
    (on, reason): (NaiveDate, String),
    effect: impl Fn(&mut Recording<'_, '_>, &Principal, &str, &Turn) -> Result<AreaVersion, ApiError>
    + Send
    + 'static,
) -> Result<HttpResponse, ApiError> {
    let turn = Turn {
        on,
        reason,
        expected: write.version(),
        today: app.today(),
    };
    write
        .run(app, &digest, move |recording| {
            // An area outside the caller's subtree is answered with 404, whatever else is wrong.
            areas::find(recording.conn(), &caller.visible, &code)?;
            let after = effect(recording, &caller, &code, &turn)?;
            let shown = Area::with_ancestors(recording.conn(), &after)?;
            Reply::ok(after.version, &shown)
        })
        .await
}

/// Changes an area's name, code, or both, from a given day.
///
/// All references to the area are kept.
#[utoipa::path(
    tag = "areas",
    security(("oauth" = ["area:write"])),
    params(
        ("code" = String, Path, description = "The area's code"),
        IfMatch,
        IdempotencyKey
    ),
    request_body = RenameInput,
    responses(
        (status = 200, description = "Renamed", body = Area),
        (status = 409, description = "The code is already in use")
    )
)]
#[post("/areas/{code}/rename")]
pub async fn rename(
    app: web::Data<App>,
    caller: Caller<needs::AreaWrite>,
    code: Segment<String>,
    write: Write,
    body: Body<RenameInput>,
) -> Result<HttpResponse, ApiError> {
    let Body { value: input, digest } = body;
    let when = (input.on, input.reason);
    let (name, new_code) = (input.name, input.code);
    turn_round(
        &app,
        caller.principal(),
        code.0,
        (write, digest),
        when,
        move |recording, caller, code, turn| {
            let wanted = Wanted {
                name: name.as_deref(),
                code: new_code.as_deref(),
            };
            Ok(areas::rename(recording, &caller.visible, code, wanted, turn)?)
        },
    )
    .await
}

/// Changes an area's kind from a given day.
///
/// For example, a zone of the statistics bureau becomes an administrative division, or the reverse. Only administrative
/// areas are eligible.
#[utoipa::path(
    tag = "areas",
    security(("oauth" = ["area:write"])),
    params(
        ("code" = String, Path, description = "The area's code"),
        IfMatch,
        IdempotencyKey
    ),
    request_body = RekindAreaInput,
    responses(
        (status = 200, description = "Changed", body = Area)
    )
)]
#[post("/areas/{code}/rekind")]
pub async fn rekind(
    app: web::Data<App>,
    caller: Caller<needs::AreaWrite>,
    code: Segment<String>,
    write: Write,
    body: Body<RekindAreaInput>,
) -> Result<HttpResponse, ApiError> {
    let Body { value: input, digest } = body;
    let kind = input.kind;
    turn_round(
        &app,
        caller.principal(),
        code.0,
        (write, digest),
        (input.on, input.reason),
        move |recording, caller, code, turn| Ok(areas::rekind(recording, &caller.visible, code, kind, turn)?),
    )
    .await
}

/// Moves an area, with everything below it, below another area in the caller's subtree from a given day.
#[utoipa::path(
    tag = "areas",
    security(("oauth" = ["area:write"])),
    params(
        ("code" = String, Path, description = "The area's code"),
        IfMatch,
        IdempotencyKey
    ),
    request_body = MoveAreaInput,
    responses(
        (status = 200, description = "Moved", body = Area),
        (status = 409, description = "The code is already in use"),
        (status = 422, description = "A rule is violated: a cycle, a wrong level, or a parent outside the caller's area")
    )
)]
#[post("/areas/{code}/move")]
pub async fn move_(
    app: web::Data<App>,
    caller: Caller<needs::AreaWrite>,
    code: Segment<String>,
    write: Write,
    body: Body<MoveAreaInput>,
) -> Result<HttpResponse, ApiError> {
    let Body { value: input, digest } = body;
    let when = (input.on, input.reason);
    let (parent, new_code) = (input.parent, input.code);
    turn_round(
        &app,
        caller.principal(),
        code.0,
        (write, digest),
        when,
        move |recording, caller, code, turn| {
            let parent = area_in_body(recording.conn(), &caller.visible, "/parent", &parent)?;
            let to = (&parent, new_code.as_deref());
            Ok(areas::move_under(recording, &caller.visible, code, to, turn)?)
        },
    )
    .await
}

/// Closes an area from a given day.
///
/// No area may be below it, and nothing in it may still be active.
#[utoipa::path(
    tag = "areas",
    security(("oauth" = ["area:write"])),
    params(
        ("code" = String, Path, description = "The area's code"),
        IfMatch,
        IdempotencyKey
    ),
    request_body = CloseAreaInput,
    responses(
        (status = 200, description = "Closed", body = Area),
        (status = 409, description = "It still has areas, organizations, tasks, tokens, endpoints or schedules; the error code says which")
    )
)]
#[post("/areas/{code}/close")]
pub async fn close(
    app: web::Data<App>,
    caller: Caller<needs::AreaWrite>,
    code: Segment<String>,
    write: Write,
    body: Body<CloseAreaInput>,
) -> Result<HttpResponse, ApiError> {
    let Body { value: input, digest } = body;
    let when = (input.on, input.reason);
    turn_round(
        &app,
        caller.principal(),
        code.0,
        (write, digest),
        when,
        move |recording, caller, code, turn| Ok(areas::close(recording, &caller.visible, code, turn)?),
    )
    .await
}

/// Merges an area into another one of its level from a given day.
///
/// Areas below it and organizations in it belong to the other area from that day.
#[utoipa::path(
    tag = "areas",
    security(("oauth" = ["area:write"])),
    params(
        ("code" = String, Path, description = "The code of the area that is merged"),
        IfMatch,
        IdempotencyKey
    ),
    request_body = MergeAreaInput,
    responses(
        (status = 200, description = "Merged: the area as it last was, with its successor", body = Area),
        (status = 409, description = "Both have an active organization of the same kind, or it is still active; the error code says which"),
        (status = 422, description = "A rule is violated: a different level or province")
    )
)]
#[post("/areas/{code}/merge")]
pub async fn merge(
    app: web::Data<App>,
    caller: Caller<needs::AreaWrite>,
    code: Segment<String>,
    write: Write,
    body: Body<MergeAreaInput>,
) -> Result<HttpResponse, ApiError> {
    let Body { value: input, digest } = body;
    let when = (input.on, input.reason);
    let into = input.into;
    turn_round(
        &app,
        caller.principal(),
        code.0,
        (write, digest),
        when,
        move |recording, caller, code, turn| {
            let into = area_in_body(recording.conn(), &caller.visible, "/into", &into)?;
            Ok(areas::merge(recording, &caller.visible, code, &into, turn)?)
        },
    )
    .await
}

/// Splits an area from a given day.
///
/// The parts are new areas with the same parent, and receive the children that are assigned to them.
#[utoipa::path(
    tag = "areas",
    security(("oauth" = ["area:write"])),
    params(
        ("code" = String, Path, description = "The code of the area that is split"),
        IfMatch,
        IdempotencyKey
    ),
    request_body = SplitAreaInput,
    responses(
        (status = 200, description = "Split: the area, with its successors", body = Area),
        (status = 409, description = "A code is already in use")
    )
)]
#[post("/areas/{code}/split")]
pub async fn split(
    app: web::Data<App>,
    caller: Caller<needs::AreaWrite>,
    code: Segment<String>,
    write: Write,
    body: Body<SplitAreaInput>,
) -> Result<HttpResponse, ApiError> {
    let Body { value: input, digest } = body;
    let when = (input.on, input.reason);
    let parts: Vec<NewPart> = input
        .into
        .into_iter()
        .map(|part| NewPart {
            id: AreaId::generate(app.clock.as_ref(), app.entropy.as_ref()),
            code: part.code,
            name: part.name,
            children: part.children,
        })
        .collect();
    turn_round(
        &app,
        caller.principal(),
        code.0,
        (write, digest),
        when,
        move |recording, caller, code, turn| {
            Ok(areas::split(recording, &caller.visible, code, &parts, turn)?)
        },
    )
    .await
}
