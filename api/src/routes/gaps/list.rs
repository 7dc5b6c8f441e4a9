//! `GET /v1/gaps`: the areas that lack what the establishment rule requires, each with the reason in a sentence.

use std::collections::HashMap;
use std::sync::Arc;

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, get, web};
use chrono::{Days, NaiveDate};
use qiaojian_domain::area::Level;
use qiaojian_domain::clock::UtcTime;
use qiaojian_domain::dates::day;
use qiaojian_domain::establishment::Requirement;
use qiaojian_domain::ids::{AreaId, ProgramId};
use qiaojian_domain::period::Period;
use qiaojian_domain::program::Cohort;
use qiaojian_store::areas;
use qiaojian_store::figures::{self, Facts, Gap, Gaps, Metric, WantedGaps};
use qiaojian_store::rules::RuleRef;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::app::App;
use crate::auth::{Caller, needs};
use crate::extract::{List, Params};
use crate::page::{self, Page, Window};
use crate::problem::{ApiError, Language};
use crate::routes::figures::question::{Asked, Prepared};

/// A selection of gaps. Empty fields select all.
pub struct Selection {
    pub levels: Vec<Level>,
    pub required: Vec<Requirement>,
    pub min_age_days: Option<u16>,
}

impl Selection {
    /// Returns the selected gaps by path: at most `part.1`, after the path `part.0`.
    pub fn found(&self, prepared: &Prepared, facts: &Facts, part: (Option<&str>, usize)) -> Gaps {
        let Prepared {
            question,
            basis,
            newer,
            ..
        } = prepared;
        let wanted = WantedGaps {
            levels: self.levels.clone(),
            required: self.required.clone(),
            since_by: self
                .min_age_days
                .and_then(|days| question.as_of.checked_sub_days(Days::new(days.into()))),
        };
        figures::gaps(question, basis, facts, &wanted, newer, part)
    }
}

/// Which gaps to list. List-valued parameters are comma-separated.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListParams {
    /// Only this area and all areas below it. Defaults to the caller's area.
    area: Option<String>,
    #[serde(default)]
    #[param(value_type = Option<String>)]
    level: List<Level>,
    /// `organization`, `liaison_post`, `undetermined`.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    required: List<Requirement>,
    /// Optional if there is at most one programme.
    program: Option<ProgramId>,
    /// `pilot` or `non_pilot`. If omitted, areas of both cohorts and of none are included.
    cohort: Option<String>,
    /// Only gaps that are at least this many days old on the day, counted from `since`.
    min_age_days: Option<u16>,
    /// Valid time: the day of the state. Defaults to today.
    #[serde(default, deserialize_with = "day::read_optional")]
    as_of: Option<NaiveDate>,
    /// A period, such as `2022-05`, instead of the days and `known_at`. If a reporting rule defines a cut-off (截止) and
    /// it has passed, the state as known at the cut-off is returned.
    #[param(value_type = Option<String>)]
    period: Option<Period>,
    /// Transaction time: returns the register as known at this time. Pass the same value for all pages of a list to
    /// keep them consistent.
    known_at: Option<UtcTime>,
    /// The name of a counting rule. Defaults to `default`.
    basis: Option<String>,
    /// Page size: 1 to 200. The default is 50.
    limit: Option<i64>,
    cursor: Option<String>,
}

/// An area that lacks what its rule requires.
#[derive(Debug, Serialize, ToSchema)]
pub struct GapReply {
    pub area: String,
    pub name: String,
    pub level: Level,
    pub cohort: Option<Cohort>,
    /// What is missing, or `undetermined` if a count is missing.
    pub required: Requirement,
    /// The day since which it has been missing, by the rule and the counts of the requested day: the rule applies, the
    /// area exists, and any organization or post it had is gone.
    pub since: NaiveDate,
    /// The reason as a sentence, in the requested language.
    #[schema(example = "乡镇（街道）应建立侨联组织，尚未建立。")]
    pub reason: String,
}

impl GapReply {
    fn of(gap: Gap, names: &HashMap<AreaId, String>, language: Language) -> Self {
        Self {
            name: names.get(&gap.id).cloned().unwrap_or_default(),
            reason: reason(&gap, language),
            area: gap.area,
            level: gap.level,
            cohort: gap.cohort,
            required: gap.required,
            since: gap.since,
        }
    }
}

/// A page of gaps, with the rules that determine them.
#[derive(Debug, Serialize, ToSchema)]
pub struct GapsReply {
    #[serde(flatten)]
    page: Page<GapReply>,
    /// The counting rule, then the establishment rules that apply in the area, each with its scope. For each level, the
    /// nearest scope with a requirement applies.
    rules: Vec<RuleRef>,
    /// The number of areas at the requested levels without an establishment rule. Nothing is required of them, so they
    /// are not gaps. They are listed by `unruled_members` of `fulfilment`.
    unruled: u32,
}

/// Returns only the outcome of the rule, because not every caller may see the counts.
fn reason(gap: &Gap, language: Language) -> String {
    let level = gap.level;
    let (zh, en) = match gap.required {
        Requirement::Organization if level == Level::Village => (
            "按建立规则应建立侨联组织，尚未建立。".to_owned(),
            "By the establishment rule, this village should have an organization, but it has none.".to_owned(),
        ),
        Requirement::Organization => (
            format!("{}应建立侨联组织，尚未建立。", level.chinese()),
            format!("Every {level} should have an organization; this one has none."),
        ),
        Requirement::LiaisonPost => (
            "未达到建立侨联组织的标准，应设侨联工作联络员，尚未设立。".to_owned(),
            "It is below the threshold for an organization and should have a liaison post, but it has none."
                .to_owned(),
        ),
        Requirement::Undetermined => (
            "涉侨人员、家庭数据不全，暂不能判断是否应建。".to_owned(),
            "The number of persons or households is unknown, so it cannot be determined whether an organization is required.".to_owned(),
        ),
    };
    match language {
        Language::Chinese => zh,
        Language::English => en,
    }
}

/// Lists the areas in the caller's subtree that lack a required organization or liaison post, by area.
///
/// Areas for which this cannot be determined are included.
#[utoipa::path(
    tag = "figures",
    security(("oauth" = ["org:read"])),
    params(ListParams),
    responses(
        (status = 200, description = "A page of the gaps", body = GapsReply),
        (status = 400, description = "As for `GET /v1/figures`"),
        (status = 404, description = "The area is outside the caller's area")
    )
)]
#[get("/gaps")]
pub async fn list(
    app: web::Data<App>,
    caller: Caller<needs::OrgRead>,
    request: HttpRequest,
    params: Params<ListParams>,
) -> Result<HttpResponse, ApiError> {
    let params = params.0;
    let window = Window::<String>::new(&request, params.limit, params.cursor.as_deref())?;
    let language = Language::of(request.headers().get(header::ACCEPT_LANGUAGE));
    let wanted = Selection {
        levels: params.level.0,
        required: params.required.0,
        min_age_days: params.min_age_days,
    };
    let asked = Asked {
        metrics: vec![Metric::Fulfilment],
        area: params.area,
        program: params.program,
        cohort: Some(params.cohort.unwrap_or_else(|| "all".to_owned())),
        as_of: params.as_of,
        known_at: params.known_at,
        bases: params.basis.into_iter().collect(),
        ages: true,
        period: params.period,
        ..Asked::default()
    };
    let (caller, today, model) = (caller.principal(), app.today(), Arc::clone(&app.figures));
    let reply = app
        .read_slow(move |conn| {
            let most = usize::try_from(window.fetch()).unwrap_or(usize::MAX);
            let after = window.after.as_deref();
            let (prepared, Gaps { found: rows, unruled }) =
                asked.answer(conn, &model, &caller, today, |prepared, facts| {
                    wanted.found(prepared, facts, (after, most))
                })?;
            let ids: Vec<AreaId> = rows.iter().map(|gap| gap.id).collect();
            let names = areas::names_on(conn, &ids, prepared.question.as_of, prepared.known)?;
            let page = window.page(
                rows,
                |gap| gap.path.clone(),
                |gap| GapReply::of(gap, &names, language),
            )?;
            Ok::<_, ApiError>(GapsReply {
                page,
                rules: prepared.rules,
                unruled,
            })
        })
        .await?;
    let next = reply.page.next_cursor.as_deref();
    Ok(page::reply_with(&request, next, &reply))
}
