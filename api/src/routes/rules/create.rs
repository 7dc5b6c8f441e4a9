//! Recording a rule: the next version of an existing name, or a new rule.

use actix_web::{HttpResponse, post, web};
use chrono::NaiveDate;
use qiaojian_domain::Violation;
use qiaojian_domain::dates::day;
use qiaojian_domain::establishment::EstablishmentParams;
use qiaojian_domain::ids::RuleId;
use qiaojian_domain::rule::{CountingParams, ReportingParams, RuleKind};
use qiaojian_domain::violation::{NAME_CHARS, TEXT_CHARS, check_line, check_text};
use qiaojian_store::rules::{self, NewRule};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use utoipa::ToSchema;
use uuid::Uuid;

use super::list::Rule;
use crate::app::App;
use crate::auth::{Caller, needs};
use crate::extract::{Body, fit_input};
use crate::headers::IdempotencyKey;
use crate::problem::ApiError;
use crate::wire::{area_in_body, id_or_new};
use crate::write::{Reply, Write};

/// The parameters of a rule, depending on its `kind`.
#[derive(ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "for the contract only")]
enum RuleParams {
    Counting(CountingParams),
    Establishment(EstablishmentParams),
    Reporting(ReportingParams),
}

/// The input for a rule.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"kind": "counting", "name": "unveiled_only", "scope_area": "340300", "effective_from": "2022-01-01", "params": {"counted_from": "unveiled"}, "source": "皖侨〔2022〕9号"}))]
pub struct RuleInput {
    /// A client-generated id; sending the same rule again under it records nothing.
    #[serde(default)]
    id: Option<Uuid>,
    /// `counting`, `establishment` and `reporting` are supported in this version.
    kind: RuleKind,
    /// The name to pass as `basis`; `default` is used if none is requested.
    #[schema(example = "verified_only", max_length = 100)]
    name: String,
    /// The code of the area to which the rule applies, with all areas below it. The nearest scope above an area
    /// applies.
    #[schema(example = "340000")]
    scope_area: String,
    /// The first `as_of` to which the rule applies.
    #[serde(deserialize_with = "day::read")]
    effective_from: NaiveDate,
    /// `counting`: `counted_from` {approved, established, unveiled}, `cohorts`, `verified_only`. `establishment`:
    /// `levels` at which every area should have an organization, and `village` {`persons`, `households`}: if either
    /// number is reached an organization is required, otherwise a liaison post. `reporting`: `cut_off_days` after a
    /// period's last day, until the end of which reports are included in `period` figures.
    #[schema(value_type = RuleParams)]
    params: serde_json::Map<String, serde_json::Value>,
    /// The document that defines the rule.
    #[schema(example = "皖侨〔2022〕9号", max_length = 2000)]
    source: String,
}

impl RuleInput {
    fn check(&self) -> Result<(), ApiError> {
        let mut violations = Vec::new();
        check_line(&mut violations, "/name", &self.name, NAME_CHARS);
        check_text(&mut violations, "/source", &self.source, TEXT_CHARS);
        let is_supported = matches!(
            self.kind,
            RuleKind::Counting | RuleKind::Establishment | RuleKind::Reporting
        );
        if !is_supported {
            violations.push(Violation::new(
                "/kind",
                "kind_not_supported",
                "目前只支持计数（counting）、建立（establishment）和报送（reporting）规则。",
                "Only counting, establishment and reporting rules are supported in this version.",
            ));
        }
        if self.kind != RuleKind::Counting && self.name != rules::DEFAULT {
            violations.push(Violation::new(
                "/name",
                "name_not_supported",
                "只有计数规则可以另起名称，其他规则的名称应为“默认”（default）。",
                "Only counting rules can have other names; the name of any other rule must be `default`.",
            ));
        }
        if self.name.contains(',') || self.name.trim() != self.name {
            violations.push(Violation::new(
                "/name",
                "name_not_listable",
                "名称不能含英文逗号，首尾不能有空格：basis 以逗号分隔多个名称。",
                "The name must not contain a comma, or begin or end with a space: `basis` separates names by commas.",
            ));
        }
        if !violations.is_empty() {
            return Err(ApiError::invalid(violations));
        }
        // Parameters that cannot be read now could not be used for counting later.
        let params = serde_json::Value::Object(self.params.clone());
        match self.kind {
            RuleKind::Establishment => read_params::<EstablishmentParams>(params).map(drop),
            RuleKind::Reporting => match read_params::<ReportingParams>(params)?.violations() {
                wrong if wrong.is_empty() => Ok(()),
                wrong => Err(ApiError::invalid(wrong)),
            },
            _ => read_params::<CountingParams>(params).map(drop),
        }
    }
}

/// Reads the parameters of a rule, which are at `/params`.
fn read_params<T: DeserializeOwned + ToSchema>(params: serde_json::Value) -> Result<T, ApiError> {
    fit_input(params).map_err(|error| {
        let wrong = error.into_violations().into_iter();
        ApiError::bad_request(wrong.map(|violation| violation.under("/params")).collect())
    })
}

/// Records the next version of a rule.
///
/// Existing versions are never edited, so answers for an earlier `known_at`, or for an `as_of` before it takes effect,
/// do not change.
///
/// An establishment rule accepts one new version per day and area, which takes effect no earlier than the previous one,
/// so that the counts of a village cannot be found by trying thresholds. Callers who may read rules see each version in
/// `/v1/changes`.
///
/// Sending the same `id` with the same rule again returns the existing version with 200 instead of 201.
#[utoipa::path(
    tag = "rules",
    security(("oauth" = ["rule:write"])),
    params(IdempotencyKey),
    request_body = RuleInput,
    responses(
        (status = 201, description = "Recorded", body = Rule),
        (status = 200, description = "Already recorded by the same request", body = Rule),
        (status = 400, description = "The parameters do not match the kind"),
        (status = 409, description = "The id is already in use, or the area's establishment rule already has a new version today"),
        (status = 422, description = "A rule is violated, or the area is outside the caller's area")
    )
)]
#[post("/rules")]
pub async fn create(
    app: web::Data<App>,
    caller: Caller<needs::RuleWrite>,
    write: Write,
    body: Body<RuleInput>,
) -> Result<HttpResponse, ApiError> {
    let Body { value: input, digest } = body;
    input.check()?;
    let id: RuleId = id_or_new(input.id, app.clock.as_ref(), app.entropy.as_ref())?;
    let caller = caller.principal();
    write
        .run(&app, &digest, move |recording| {
            let visible = &caller.visible;
            let area = area_in_body(recording.conn(), visible, "/scope_area", &input.scope_area)?;
            let new = NewRule {
                id,
                kind: input.kind,
                name: input.name.clone(),
                scope_area: area.area_id,
                effective_from: input.effective_from,
                params: serde_json::Value::Object(input.params.clone()),
                source: input.source.clone(),
            };
            let before = rules::made_before(recording.conn(), &new)?;
            let is_known = before.is_some();
            let row = match before {
                Some(row) => row,
                None => rules::create(recording, &new)?,
            };
            let version = row.version;
            let reply = Reply::created("/v1/rules".to_owned(), version, &Rule::of((row, area.code))?)?;
            Ok(if is_known { reply.made_before() } else { reply })
        })
        .await
}
