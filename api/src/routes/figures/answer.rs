//! `GET /v1/figures`.

use std::sync::Arc;

use actix_web::{HttpResponse, get, web};
use chrono::NaiveDate;
use qiaojian_domain::clock::UtcTime;
use qiaojian_domain::dates::day;
use qiaojian_domain::ids::ProgramId;
use qiaojian_domain::period::Period;
use qiaojian_store::db::AnyConnection;
use qiaojian_store::figures::{self, CohortChoice, Figure, GroupBy, GroupKey, MembersKind, Metric, Part};
use qiaojian_store::rules::RuleRef;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::question::{Asked, Prepared};
use crate::app::App;
use crate::auth::{Caller, needs};
use crate::extract::{List, Params};
use crate::problem::ApiError;

/// Maximum number of bases in one request.
const MOST_BASES: usize = 5;

/// What to count. List-valued parameters are comma-separated.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct FiguresParams {
    /// `organizations`, `added`, `closed`, `reopened`, `growth`, `organization_coverage`, `work_coverage`,
    /// `fulfilment`, `five_have_rate`, `on_time_rate` (also requires `task:read`), `visited`.
    #[param(value_type = String)]
    metric: List<Metric>,
    /// This area and all areas below it. Defaults to the caller's area.
    area: Option<String>,
    /// Optional if there is at most one programme.
    program: Option<ProgramId>,
    /// `pilot`, `non_pilot`, or `all` for their sum. If omitted, figures are grouped by cohort and not summed.
    cohort: Option<String>,
    /// Exclusive. Defaults to the programme's baseline.
    #[serde(default, deserialize_with = "day::read_optional")]
    from: Option<NaiveDate>,
    /// Inclusive. Defaults to today.
    #[serde(default, deserialize_with = "day::read_optional")]
    to: Option<NaiveDate>,
    /// The valid time of the area tree, the cohorts and the rules. Defaults to `to`.
    #[serde(default, deserialize_with = "day::read_optional")]
    as_of: Option<NaiveDate>,
    /// A period, such as `2022-05`, instead of the days and `known_at`. If a reporting rule defines a cut-off (截止) and
    /// it has passed, the state as known at the cut-off is returned.
    #[param(value_type = Option<String>)]
    period: Option<Period>,
    /// Transaction time: returns the register as known at this time. Defaults to now. A later time is clamped to the
    /// ledger clock.
    known_at: Option<UtcTime>,
    /// The name of a counting rule. Defaults to `default`. With several names, at most five, each figure is returned
    /// once per name, with its `basis`.
    #[param(value_type = Option<String>)]
    basis: Option<List<String>>,
    /// `city`, `county`, `township`, `level`, `kind`, `cohort`, `month`. `organizations`, `added`, `closed` and
    /// `reopened` can be grouped by month.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    group_by: List<GroupBy>,
}

/// The question, with all defaults filled in.
#[derive(Debug, Serialize, ToSchema)]
pub struct FiguresScope {
    program: Option<ProgramId>,
    /// Whether the programme is fictitious, for demonstration.
    illustrative: bool,
    area: String,
    cohort: Option<String>,
    from: NaiveDate,
    to: NaiveDate,
    #[serde(skip_serializing_if = "Option::is_none")]
    period: Option<Period>,
    /// The time after which reports of the period are too late; omitted if no rule closes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    closed_at: Option<UtcTime>,
}

/// A figure with the links to its rows.
#[derive(Debug, Serialize, ToSchema)]
pub struct FigureReply {
    metric: Metric,
    /// The counting rule, if several were requested.
    #[serde(skip_serializing_if = "Option::is_none")]
    basis: Option<String>,
    #[schema(value_type = std::collections::BTreeMap<String, Option<String>>)]
    group: GroupKey,
    numerator: i64,
    denominator: Option<i64>,
    /// For a ratio, percent with one decimal, rounded half up; otherwise the numerator.
    #[serde(serialize_with = "plain_number")]
    value: Option<f64>,
    /// The number of rows that could not be decided for lack of data.
    undetermined: i64,
    /// For `fulfilment`: the number of areas without an establishment rule.
    #[serde(skip_serializing_if = "Option::is_none")]
    unruled: Option<i64>,
    members_kind: MembersKind,
    /// Lists exactly the numerator's rows.
    members: String,
    /// Lists exactly the denominator's rows.
    #[serde(skip_serializing_if = "Option::is_none")]
    denominator_members: Option<String>,
    /// Lists the rows that could not be decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    undetermined_members: Option<String>,
    /// Lists the rows of the denominator that are not in the numerator.
    #[serde(skip_serializing_if = "Option::is_none")]
    missing_members: Option<String>,
    /// Lists the areas without an establishment rule.
    #[serde(skip_serializing_if = "Option::is_none")]
    unruled_members: Option<String>,
}

/// Figures by group, and their totals.
#[derive(Debug, Serialize, ToSchema)]
pub struct FiguresReply {
    as_of: NaiveDate,
    known_at: UtcTime,
    rules: Vec<RuleRef>,
    scope: FiguresScope,
    items: Vec<FigureReply>,
    totals: Vec<FigureReply>,
}

impl FigureReply {
    fn of(figure: Figure, basis: Option<&str>, prepared: &Prepared) -> Self {
        let link = |part| prepared.members_link(&figure, part, basis);
        Self {
            basis: basis.map(str::to_owned),
            members_kind: figure.metric.members_kind(),
            members: link(Part::Numerator),
            denominator_members: figure.denominator.map(|_| link(Part::Denominator)),
            undetermined_members: (figure.undetermined > 0).then(|| link(Part::Undetermined)),
            missing_members: figure
                .denominator
                .filter(|whole| figure.metric.has_missing() && figure.numerator < *whole)
                .map(|_| link(Part::Missing)),
            unruled_members: (figure.unruled > 0).then(|| link(Part::Unruled)),
            unruled: (figure.metric == Metric::Fulfilment).then_some(figure.unruled),
            metric: figure.metric,
            numerator: figure.numerator,
            denominator: figure.denominator,
            value: figure.value,
            undetermined: figure.undetermined,
            group: figure.group,
        }
    }
}

/// Counts organizations, covered areas, visits and on-time assignments in the caller's subtree.
///
/// Every number can be requested again with its `as_of` and `known_at`, and its rows are listed by `members`.
#[utoipa::path(
    tag = "figures",
    security(("oauth" = ["org:read"])),
    params(FiguresParams),
    responses(
        (status = 200, description = "The figures", body = FiguresReply),
        (status = 400, description = "A metric, group, rule or programme is unknown, or the dates are in the wrong order"),
        (status = 404, description = "The area is outside the caller's area")
    )
)]
#[get("/figures")]
pub async fn answer(
    app: web::Data<App>,
    caller: Caller<needs::OrgRead>,
    params: Params<FiguresParams>,
) -> Result<HttpResponse, ApiError> {
    let params = params.0;
    if params
        .basis
        .as_ref()
        .is_some_and(|names| !(1..=MOST_BASES).contains(&names.0.len()))
    {
        return Err(ApiError::bad_parameter(
            "basis",
            format!("basis 应为 1 至 {MOST_BASES} 个计数规则的名称。"),
            format!("basis must name 1 to {MOST_BASES} counting rules."),
        ));
    }
    let asked = Asked {
        metrics: params.metric.0,
        area: params.area,
        program: params.program,
        cohort: params.cohort,
        from: params.from,
        to: params.to,
        as_of: params.as_of,
        known_at: params.known_at,
        bases: params.basis.map(|names| names.0).unwrap_or_default(),
        group_by: params.group_by.0,
        period: params.period,
        ..Asked::default()
    };
    let (caller, today) = (caller.principal(), app.today());
    // Only questions about the latest state that the process holds in memory are answered on the fast lane.
    let of_rows = asked.metrics.iter().any(|metric| metric.counts_rows());
    let slow = of_rows || asked.known_at.is_some() || asked.period.is_some();
    let model = Arc::clone(&app.figures);
    let work = move |conn: &mut AnyConnection| {
        let (prepared, counted) = asked.answer(conn, &model, &caller, today, |prepared, facts| {
            let by = |(_, basis)| figures::answer(&prepared.question, basis, facts);
            prepared.bases().map(by).collect::<Vec<_>>()
        })?;
        // Serialized here, so that one string crosses threads instead of many values.
        Ok::<_, ApiError>(serde_json::to_string(&reply(counted, &prepared))?)
    };
    let reply = if slow {
        app.db.read_slow(work).await?
    } else {
        app.db.read(work).await?
    };
    Ok(HttpResponse::Ok().content_type("application/json").body(reply))
}

fn reply(counted: Vec<figures::Answer>, prepared: &Prepared) -> FiguresReply {
    let is_one = counted.len() == 1;
    let (mut items, mut totals) = (Vec::new(), Vec::new());
    for ((name, _), by_it) in prepared.bases().zip(counted) {
        let basis = (!is_one).then_some(name);
        let show = |figure| FigureReply::of(figure, basis, prepared);
        items.extend(by_it.items.into_iter().map(show));
        totals.extend(by_it.totals.into_iter().map(show));
    }
    FiguresReply {
        as_of: prepared.question.as_of,
        known_at: prepared.known.at,
        rules: prepared.rules.clone(),
        scope: FiguresScope {
            program: prepared.program,
            illustrative: prepared.illustrative,
            area: prepared.area_code.clone(),
            cohort: match prepared.question.cohort {
                CohortChoice::Each => None,
                CohortChoice::All => Some("all".to_owned()),
                CohortChoice::Only(cohort) => Some(cohort.to_string()),
            },
            from: prepared.question.from,
            to: prepared.question.to,
            period: prepared.period.map(|(period, _)| period),
            closed_at: prepared.period.and_then(|(_, closed_at)| closed_at),
        },
        items,
        totals,
    }
}

/// Serializes a whole number without a decimal point: `325`, `205.7`.
fn plain_number<S: serde::Serializer>(value: &Option<f64>, serializer: S) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) if value.fract() == 0.0 => serializer.serialize_i64(*value as i64),
        other => other.serialize(serializer),
    }
}
