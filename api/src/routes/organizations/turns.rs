//! Changes of an organization on a day other than transitions: area, kind and other fields.

use std::sync::Arc;

use actix_web::{HttpResponse, post, web};
use chrono::NaiveDate;
use qiaojian_domain::Violation;
use qiaojian_domain::dates::{Precision, day};
use qiaojian_domain::ids::OrganizationId;
use qiaojian_domain::organization::{Kind, PreciseDate};
use qiaojian_domain::violation::{TEXT_CHARS, check_optional_text};
use qiaojian_store::db::AnyConnection;
use qiaojian_store::organizations::{self, Turn, Turned};
use serde::Deserialize;
use utoipa::ToSchema;

use super::wire::{Organization, OrganizationInput};
use crate::app::App;
use crate::auth::{Caller, Principal, needs};
use crate::derived_schema::{derived_schema, merge_patch_of};
use crate::extract::{Body, Segment, fit_input};
use crate::headers::{IdempotencyKey, IfMatch};
use crate::problem::ApiError;
use crate::wire::{area_in_body, merge_patch};
use crate::write::{Reply, Write};

/// The new area of an organization, and the date.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"area": "340322", "on": "2022-06-01", "reason": "区划调整"}))]
pub struct MoveInput {
    /// The code of the new area, which must be in the caller's subtree.
    #[schema(example = "340304002")]
    area: String,
    /// When it happened (Asia/Shanghai); not after today, not before the organization's last change.
    #[serde(deserialize_with = "day::read")]
    on: NaiveDate,
    /// Defaults to `day`.
    #[serde(default)]
    precision: Option<Precision>,
    #[serde(default)]
    #[schema(max_length = 2000)]
    reason: Option<String>,
}

/// The new kind of an organization, and the date.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"kind": "federation", "on": "2022-06-01", "reason": "由工作站改设侨联"}))]
pub struct RekindInput {
    kind: Kind,
    /// The new name. Unchanged if omitted.
    #[serde(default)]
    #[schema(max_length = 100)]
    name: Option<String>,
    /// When it happened (Asia/Shanghai); not after today, not before the organization's last change.
    #[serde(deserialize_with = "day::read")]
    on: NaiveDate,
    /// Defaults to `day`.
    #[serde(default)]
    precision: Option<Precision>,
    #[serde(default)]
    #[schema(max_length = 2000)]
    reason: Option<String>,
}

/// The changed fields, and the date.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"set": {"name": "湾沚区侨联"}, "on": "2022-06-01", "reason": "更名"}))]
pub struct ChangeInput {
    /// Some of `name`, `quota_posts`, `posts_filled`, `five_have`, `standing_rules`, `affiliation`, `has_office`, as a
    /// merge patch: omitted fields stay unchanged, `null` clears a field. `{"five_have": {"venue": {"have": false}}}`
    /// records that the venue was lost.
    #[schema(value_type = OrganizationChange)]
    set: serde_json::Map<String, serde_json::Value>,
    /// When it happened (Asia/Shanghai); not after today, not before the organization's last change.
    #[serde(deserialize_with = "day::read")]
    on: NaiveDate,
    /// Defaults to `day`.
    #[serde(default)]
    precision: Option<Precision>,
    #[serde(default)]
    #[schema(max_length = 2000)]
    reason: Option<String>,
}

derived_schema! {
    /// The fields of an organization that may change on a day.
    OrganizationChange of OrganizationInput = merge_patch_of::<OrganizationInput>(
        "The fields that change from that day on. Omitted fields stay unchanged; `null` removes a field.",
        |name| CHANGEABLE.contains(&name),
    )
}

/// The fields that may change on a day without a transition.
const CHANGEABLE: [&str; 7] = [
    "name",
    "quota_posts",
    "posts_filled",
    "five_have",
    "standing_rules",
    "affiliation",
    "has_office",
];

fn not_changeable(field: &str) -> Violation {
    let list = CHANGEABLE.join(", ");
    Violation::new(
        format!("/set/{field}"),
        "not_changeable",
        format!("不能按日期变更此项；可变更的有 {list}。更正错误请用 PATCH。"),
        format!(
            "This field cannot be changed from a day on; these can: {list}. To correct a mistake, use PATCH."
        ),
    )
}

/// The date and the reason of a change.
pub(super) struct When {
    pub on: PreciseDate,
    pub reason: Option<String>,
}

impl When {
    pub fn of(on: NaiveDate, precision: Option<Precision>, reason: Option<String>) -> Result<Self, ApiError> {
        let mut violations: Vec<Violation> = Vec::new();
        check_optional_text(&mut violations, "/reason", reason.as_deref(), TEXT_CHARS);
        if !violations.is_empty() {
            return Err(ApiError::invalid(violations));
        }
        let precision = precision.unwrap_or(Precision::Day);
        Ok(Self {
            on: PreciseDate { on, precision },
            reason,
        })
    }
}

async fn turn_round(
    app: &App,
    caller: Arc<Principal>,
    id: OrganizationId,
    (write, digest): (Write, String),
    when: When,
    turn: impl Fn(&mut AnyConnection, &Principal) -> Result<Turn, ApiError> + Send + 'static,
) -> Result<HttpResponse, ApiError> {
    let (today, expected) = (app.today(), write.version());
    write
        .run(app, &digest, move |recording| {
            let stands = organizations::find(recording.conn(), &caller.visible, id)?;
            let turn = turn(recording.conn(), &caller)?;
            let mut about = vec![stands.area_path.as_str()];
            if let Turn::Move(to) = &turn {
                about.push(&to.path);
            }
            let turned = Turned {
                on: when.on,
                reason: when.reason.clone(),
                verification: caller.report_on(&about),
            };
            let how = (&turn, &turned);
            let found = organizations::turn(recording, &caller.visible, id, expected, how, today)?;
            Reply::ok(found.organization.version, &Organization::of(&found)?)
        })
        .await
}

/// Moves an organization to another area in the caller's subtree from a given day.
///
/// Figures of earlier days keep it in its former area.
#[utoipa::path(
    tag = "organizations",
    security(("oauth" = ["org:write"])),
    params(
        ("id" = uuid::Uuid, Path, description = "The organization"),
        IfMatch,
        IdempotencyKey
    ),
    request_body = MoveInput,
    responses(
        (status = 200, description = "Moved", body = Organization),
        (status = 409, description = "The organization is not active, or the area already has one of this kind"),
        (status = 422, description = "A rule is violated, or the area is outside the caller's area")
    )
)]
#[post("/organizations/{id}/move")]
pub async fn move_(
    app: web::Data<App>,
    caller: Caller<needs::OrgWrite>,
    id: Segment<OrganizationId>,
    write: Write,
    body: Body<MoveInput>,
) -> Result<HttpResponse, ApiError> {
    let Body { value: input, digest } = body;
    let when = When::of(input.on, input.precision, input.reason)?;
    let code = input.area;
    turn_round(
        &app,
        caller.principal(),
        id.0,
        (write, digest),
        when,
        move |conn, caller| {
            let area = area_in_body(conn, &caller.visible, "/area", &code)?;
            Ok(Turn::Move(Box::new(area)))
        },
    )
    .await
}

/// Changes an organization's kind from a given day.
///
/// Figures of earlier days keep its former kind.
#[utoipa::path(
    tag = "organizations",
    security(("oauth" = ["org:write"])),
    params(
        ("id" = uuid::Uuid, Path, description = "The organization"),
        IfMatch,
        IdempotencyKey
    ),
    request_body = RekindInput,
    responses(
        (status = 200, description = "Changed", body = Organization),
        (status = 409, description = "The organization is not active, or the area already has one of this kind")
    )
)]
#[post("/organizations/{id}/rekind")]
pub async fn rekind(
    app: web::Data<App>,
    caller: Caller<needs::OrgWrite>,
    id: Segment<OrganizationId>,
    write: Write,
    body: Body<RekindInput>,
) -> Result<HttpResponse, ApiError> {
    let Body { value: input, digest } = body;
    let when = When::of(input.on, input.precision, input.reason)?;
    let (kind, name) = (input.kind, input.name);
    turn_round(
        &app,
        caller.principal(),
        id.0,
        (write, digest),
        when,
        move |_, _| {
            Ok(Turn::Rekind {
                kind,
                name: name.clone(),
            })
        },
    )
    .await
}

/// Changes an organization's name or other fields from a given day.
///
/// Earlier days keep the former values; use `PATCH` to correct values that were never true.
#[utoipa::path(
    tag = "organizations",
    security(("oauth" = ["org:write"])),
    params(
        ("id" = uuid::Uuid, Path, description = "The organization"),
        IfMatch,
        IdempotencyKey
    ),
    request_body = ChangeInput,
    responses(
        (status = 200, description = "Changed", body = Organization),
        (status = 409, description = "The organization is not active")
    )
)]
#[post("/organizations/{id}/change")]
pub async fn change(
    app: web::Data<App>,
    caller: Caller<needs::OrgWrite>,
    id: Segment<OrganizationId>,
    write: Write,
    body: Body<ChangeInput>,
) -> Result<HttpResponse, ApiError> {
    let Body { value: input, digest } = body;
    let odd: Vec<Violation> = input
        .set
        .keys()
        .filter(|field| !CHANGEABLE.contains(&field.as_str()))
        .map(|field| not_changeable(field))
        .collect();
    if !odd.is_empty() {
        return Err(ApiError::invalid(odd));
    }
    let when = When::of(input.on, input.precision, input.reason)?;
    let set = serde_json::Value::Object(input.set);
    let id = id.0;
    turn_round(
        &app,
        caller.principal(),
        id,
        (write, digest),
        when,
        move |conn, caller| {
            let found = organizations::find(conn, &caller.visible, id)?;
            let mut merged = serde_json::to_value(OrganizationInput::of(&found)?)?;
            merge_patch(&mut merged, &set);
            let input: OrganizationInput = fit_input(merged)?;
            Ok(Turn::Change(Box::new(input.facts())))
        },
    )
    .await
}
