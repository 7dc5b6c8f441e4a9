//! `GET /v1/milestones`: what areas have reached, each milestone once, with its evidence.

use std::collections::HashMap;
use std::sync::Arc;

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, get, web};
use chrono::NaiveDate;
use qiaojian_domain::area::Level;
use qiaojian_domain::clock::UtcTime;
use qiaojian_domain::dates::day;
use qiaojian_domain::ids::{AreaId, ProgramId};
use qiaojian_domain::milestone::{MilestoneKind, MilestoneState};
use qiaojian_domain::period::Period;
use qiaojian_domain::program::Cohort;
use qiaojian_store::areas::{self, Stood};
use qiaojian_store::db::AnyConnection;
use qiaojian_store::figures::Metric;
use qiaojian_store::milestones::Milestone;
use qiaojian_store::milestones::rows::Named;
use qiaojian_store::{Subtree, rules};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::asking::{Asking, Filter};
use crate::app::App;
use crate::auth::{Caller, needs};
use crate::extract::{List, Params};
use crate::page::{self, Page, Window};
use crate::problem::{ApiError, Language};
use crate::routes::figures::question::{Asked, Prepared, encoded};

/// Which milestones to list. List-valued parameters are comma-separated.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListParams {
    /// Only milestones of this area and all areas below it. Defaults to the caller's area.
    area: Option<String>,
    /// `first_at_level`, `full_coverage`, `three_tier_full_coverage`.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    kind: List<MilestoneKind>,
    /// The level of the milestone. A three-tier full coverage has none.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    level: List<Level>,
    /// `reached` or `withdrawn`. Defaults to both.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    state: List<MilestoneState>,
    /// Optional if there is at most one programme.
    program: Option<ProgramId>,
    /// `pilot` or `non_pilot`. If omitted, areas of both cohorts and of none are included.
    cohort: Option<String>,
    /// Only milestones reached after this day. Unlimited if omitted.
    #[serde(default, deserialize_with = "day::read_optional")]
    from: Option<NaiveDate>,
    /// Only milestones reached on or before this day. Defaults to `as_of`.
    #[serde(default, deserialize_with = "day::read_optional")]
    to: Option<NaiveDate>,
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
    /// The name of a counting rule. Defaults to `default`. Only milestones by `default` are recorded and can be
    /// withdrawn.
    basis: Option<String>,
    /// Page size: 1 to 200. The default is 50.
    limit: Option<i64>,
    cursor: Option<String>,
}

/// A milestone of an area.
#[derive(Debug, Serialize, ToSchema)]
pub struct MilestoneReply {
    pub kind: MilestoneKind,
    pub area: String,
    pub name: String,
    /// The level of the area.
    pub area_level: Level,
    /// The level of the milestone; `null` for a three-tier full coverage.
    pub level: Option<Level>,
    pub cohort: Option<Cohort>,
    pub reached_on: NaiveDate,
    /// `withdrawn`: it was recorded, but according to what has become known since, it was not reached on that day.
    pub state: MilestoneState,
    /// When it was recorded, if it has been.
    pub noted_at: Option<UtcTime>,
    /// The milestone as a sentence, in the requested language.
    #[schema(example = "五河县：乡镇（街道）侨联组织“零突破”。")]
    pub text: String,
    pub evidence: EvidenceReply,
}

/// The evidence for a milestone.
#[derive(Debug, Serialize, ToSchema)]
pub struct EvidenceReply {
    /// The organizations by which it was reached, which count there from that day on. At most 20; empty if it resulted
    /// only from a change of the area tree.
    pub organizations: Vec<Named>,
    /// The total number of these organizations.
    pub organizations_count: i64,
    /// The figure of that day, as known now or, for a withdrawn milestone, as known when it was recorded. `null` if the
    /// caller could not request it for that day, or if a nearer rule than the province's would answer.
    pub figure: Option<String>,
}

pub(super) type Key = (NaiveDate, String, MilestoneKind, Option<Level>, MilestoneState);

pub(super) fn key_of(one: &Milestone) -> Key {
    let (on, path, kind, level, state) = one.place();
    (on, path.to_owned(), kind, level, state)
}

/// Lists the milestones of areas in the caller's subtree, by day and area.
///
/// Milestones are the first organization at a level of a city or county (零突破), full coverage of a level (全覆盖), and
/// coverage of a county at all three levels (三级全覆盖).
///
/// Each is reached once, on the first day on which it is true. A milestone that a later correction undoes is not
/// deleted but becomes `withdrawn`.
#[utoipa::path(
    tag = "figures",
    security(("oauth" = ["org:read"])),
    params(ListParams),
    responses(
        (status = 200, description = "A page of the milestones", body = Page<MilestoneReply>),
        (status = 400, description = "As for `GET /v1/figures`"),
        (status = 404, description = "The area is outside the caller's area")
    )
)]
#[get("/milestones")]
pub async fn list(
    app: web::Data<App>,
    caller: Caller<needs::OrgRead>,
    request: HttpRequest,
    params: Params<ListParams>,
) -> Result<HttpResponse, ApiError> {
    let params = params.0;
    let window = Window::<Key>::new(&request, params.limit, params.cursor.as_deref())?;
    let language = Language::of(request.headers().get(header::ACCEPT_LANGUAGE));
    let basis = params.basis.clone();
    let asked = Asked {
        metrics: vec![Metric::Organizations],
        area: params.area,
        program: params.program,
        cohort: Some(params.cohort.unwrap_or_else(|| "all".to_owned())),
        from: params.from,
        to: params.to,
        as_of: params.as_of,
        known_at: params.known_at,
        bases: params.basis.into_iter().collect(),
        period: params.period,
        ..Asked::default()
    };
    let filter = Filter {
        kinds: params.kind.0,
        levels: params.level.0,
        states: params.state.0,
        from: params.from,
    };
    // Only questions about the latest state that the process holds in memory are answered on the fast lane.
    let is_slow = asked.known_at.is_some() || asked.period.is_some();
    let asking = Arc::new(Asking {
        asked,
        basis: basis.unwrap_or_else(|| rules::DEFAULT.to_owned()),
        filter,
        window,
        language,
        caller: caller.principal(),
        today: app.today(),
        model: Arc::clone(&app.figures),
        memory: Arc::clone(&app.milestones),
    });
    let held = if is_slow {
        None
    } else {
        let asking = Arc::clone(&asking);
        app.read(move |conn| asking.page_held(conn)).await?
    };
    let page = match held {
        Some(page) => page,
        None => app.read_slow(move |conn| asking.page(conn)).await?,
    };
    Ok(page::reply(&request, &page))
}

/// Additional data for showing the milestones of a page.
pub(super) struct Told {
    areas: HashMap<AreaId, String>,
    /// The paths of the milestones' areas and of the caller's area over time.
    stood: HashMap<AreaId, Vec<Stood>>,
    /// The scopes of counting rules, among them those of areas other than the province.
    scopes: Vec<Subtree>,
    caller: AreaId,
}

impl Told {
    pub(super) fn of(
        conn: &mut AnyConnection,
        prepared: &Prepared,
        caller: AreaId,
        rows: &[Milestone],
    ) -> Result<Self, ApiError> {
        let (as_of, known) = (prepared.question.as_of, prepared.known);
        let mut ids: Vec<AreaId> = rows.iter().map(|one| one.area).collect();
        let areas = areas::names_on(conn, &ids, as_of, known)?;
        ids.push(caller);
        Ok(Self {
            areas,
            stood: areas::paths_ever(conn, &ids, known)?,
            scopes: match prepared.rules.first() {
                Some(rule) => rules::counting_scopes(conn, &rule.name, as_of, known)?,
                None => Vec::new(),
            },
            caller,
        })
    }

    fn path_on(&self, area: AreaId, day: NaiveDate) -> Option<&str> {
        let mut stood = self.stood.get(&area)?.iter();
        let is_on = |(from, to, _): &&Stood| *from <= day && to.is_none_or(|to| day < to);
        stood.find(is_on).map(|(.., path)| path.as_str())
    }

    /// Whether the caller's request for that day's figure would use the rule by which the milestone was reached.
    fn has_figure(&self, one: &Milestone) -> bool {
        let own = self.path_on(self.caller, one.reached_on);
        let stood = self.path_on(one.area, one.reached_on);
        let Some((own, stood)) = own.zip(stood) else {
            return false;
        };
        // Milestones are determined by the province's rule, figures by the nearest.
        let mut nearer = self.scopes.iter().filter(|scope| scope.contains(stood));
        stood.starts_with(own) && nearer.all(|scope| scope.lower().matches('/').count() == 1)
    }

    pub(super) fn show(
        &self,
        one: Milestone,
        (organizations, organizations_count): (Vec<Named>, i64),
        (prepared, language): (&Prepared, Language),
    ) -> MilestoneReply {
        let name = self.areas.get(&one.area).cloned().unwrap_or_default();
        let text = match language {
            Language::Chinese => format!("{name}：{}。", one.kind.chinese(one.level)),
            Language::English => format!("{name}: {}.", one.kind.english(one.level)),
        };
        MilestoneReply {
            evidence: EvidenceReply {
                organizations,
                organizations_count,
                figure: self.has_figure(&one).then(|| figure(&one, prepared)),
            },
            kind: one.kind,
            name,
            area_level: one.area_level,
            level: one.level,
            cohort: prepared.basis.cohort_of(&one.path),
            area: one.code,
            reached_on: one.reached_on,
            state: one.state,
            noted_at: one.noted.map(|noted| noted.at),
            text,
        }
    }
}

/// Returns the link to the figure that proves the milestone: as known now or, for a withdrawn one, as known when it was
/// recorded.
fn figure(one: &Milestone, prepared: &Prepared) -> String {
    let metric = match one.kind {
        MilestoneKind::FirstAtLevel => Metric::Organizations,
        MilestoneKind::FullCoverage | MilestoneKind::ThreeTierFullCoverage => Metric::OrganizationCoverage,
    };
    let known = match one.state {
        MilestoneState::Withdrawn => one.noted.map_or(prepared.known.at, |noted| noted.at),
        MilestoneState::Reached => prepared.known.at,
    };
    let mut link = format!(
        "/v1/figures?metric={metric}&area={}&cohort=all&from={on}&to={on}&known_at={known}&group_by=level",
        one.code,
        on = one.reached_on
    );
    if let Some(program) = prepared.program {
        link.push_str(&format!("&program={program}"));
    }
    if let Some(counting) = prepared.rules.first() {
        link.push_str(&format!("&basis={}", encoded(&counting.name)));
    }
    link
}
