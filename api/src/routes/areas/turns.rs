//! What becomes of an area on a day: `rename`, `move`, `rekind`, `close`, `merge`, `split`. Figures of earlier days keep it as it was.

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

/// Another name, another code, or both.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "湾沚区", "on": "2022-06-01", "reason": "区划调整批复"}))]
pub struct RenameInput {
    #[serde(default)]
    #[schema(max_length = 100)]
    name: Option<String>,
    /// Of the area's level. What stands below keeps its own code.
    #[serde(default)]
    code: Option<String>,
    /// From this day on; not after today (Asia/Shanghai).
    #[serde(deserialize_with = "day::read")]
    on: NaiveDate,
    /// The document or the reason; kept for ever.
    #[schema(max_length = 2000, example = "民政部2023年区划调整批复")]
    reason: String,
}

/// Where it goes.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"parent": "341800", "on": "2022-06-01", "reason": "区划调整批复"}))]
pub struct MoveAreaInput {
    /// The code of the area it stands under from then on.
    parent: String,
    /// Its code from then on; as before when left out.
    #[serde(default)]
    code: Option<String>,
    /// As in a renaming.
    #[serde(deserialize_with = "day::read")]
    on: NaiveDate,
    #[schema(max_length = 2000)]
    reason: String,
}

/// What its row stands for.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"kind": "statistical", "on": "2022-06-01", "reason": "统计用区划"}))]
pub struct RekindAreaInput {
    kind: AreaKind,
    /// From this day on; not after today (Asia/Shanghai).
    #[serde(deserialize_with = "day::read")]
    on: NaiveDate,
    #[schema(max_length = 2000, example = "国务院关于同意设立新区的批复")]
    reason: String,
}

/// When it closes, and why.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"on": "2022-06-01", "reason": "区划调整批复"}))]
pub struct CloseAreaInput {
    /// The first day on which it is no more; not after today (Asia/Shanghai).
    #[serde(deserialize_with = "day::read")]
    on: NaiveDate,
    #[schema(max_length = 2000)]
    reason: String,
}

/// What it goes into.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"into": "341802", "on": "2022-06-01", "reason": "区划调整批复"}))]
pub struct MergeAreaInput {
    /// The code of the area that takes it in: one of its level and province.
    into: String,
    /// The first day on which it is no more.
    #[serde(deserialize_with = "day::read")]
    on: NaiveDate,
    #[schema(max_length = 2000)]
    reason: String,
}

/// A part that becomes an area of its own.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PartInput {
    code: String,
    #[schema(max_length = 100)]
    name: String,
    /// The codes of those directly below the divided area that stand below this one from then on.
    #[serde(default)]
    #[schema(max_items = 500)]
    children: Vec<String>,
}

/// What comes out of it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"into": [{"code": "340305", "name": "新设区"}], "on": "2022-06-01", "reason": "区划调整批复"}))]
pub struct SplitAreaInput {
    /// The new areas beside it. What is given to none of them stays.
    #[schema(min_items = 1, max_items = 50)]
    into: Vec<PartInput>,
    /// The first day on which they are there.
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
            // What stands elsewhere is none, whatever else is wrong.
            areas::find(recording.conn(), &caller.visible, &code)?;
            let after = effect(recording, &caller, &code, &turn)?;
            let shown = Area::with_ancestors(recording.conn(), &after)?;
            Reply::ok(after.version, &shown)
        })
        .await
}

/// Gives an area another name, another code, or both, from a day on. Everything that refers to it stays with it.
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
        (status = 409, description = "The code is in use")
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

/// Says that an area's row stands for something else from a day on: a zone of the statistics bureau became an administrative division, or the
/// other way. Only administrative areas are eligible.
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
        (status = 200, description = "It is so", body = Area)
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

/// Puts an area under another one of the caller's subtree, from a day on, with everything below it.
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
        (status = 409, description = "The code is in use"),
        (status = 422, description = "Breaks a rule: a cycle, a level that does not fit, an area above that is none of the caller's")
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

/// Closes an area from a day on. Nothing may stand or be at work in it any more.
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
        (status = 409, description = "It still has areas, organizations, tasks, tokens, endpoints or schedules: the code says which")
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

/// Merges an area into another one of its level, from a day on. What stands below it and the organizations in it belong to the other from
/// then on.
#[utoipa::path(
    tag = "areas",
    security(("oauth" = ["area:write"])),
    params(
        ("code" = String, Path, description = "The code of the area that is no more"),
        IfMatch,
        IdempotencyKey
    ),
    request_body = MergeAreaInput,
    responses(
        (status = 200, description = "Merged: the area as it last was, with its successor", body = Area),
        (status = 409, description = "Both have an active organization of a kind, or it is still at work: the code says which"),
        (status = 422, description = "Breaks a rule: another level, another province")
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

/// Divides an area from a day on: the parts are new areas beside it, with what stood below it as far as it is given to them.
#[utoipa::path(
    tag = "areas",
    security(("oauth" = ["area:write"])),
    params(
        ("code" = String, Path, description = "The code of the area that is divided"),
        IfMatch,
        IdempotencyKey
    ),
    request_body = SplitAreaInput,
    responses(
        (status = 200, description = "Divided: the area, with its successors", body = Area),
        (status = 409, description = "A code is in use")
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
