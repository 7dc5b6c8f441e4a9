//! `GET /v1/figures/members`: the rows behind a figure.

use std::collections::HashMap;
use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, get, web};
use chrono::NaiveDate;
use qiaojian_domain::area::Level;
use qiaojian_domain::clock::UtcTime;
use qiaojian_domain::dates::day;
use qiaojian_domain::ids::{AreaId, AssignmentId, OrganizationId, ProgramId};
use qiaojian_domain::organization::Kind;
use qiaojian_store::db::AnyConnection;
use qiaojian_store::figures::{self, GroupBy, GroupKey, Member, Metric, Part};
use qiaojian_store::organizations::Lost;
use qiaojian_store::{Moment, areas, organizations};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::question::Asked;
use crate::app::App;
use crate::auth::{Caller, needs};
use crate::extract::{List, Params};
use crate::page::{self, Page, Window};
use crate::problem::ApiError;

/// The number whose rows to list: the parameters of a figure's `members` link.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct MembersParams {
    metric: Metric,
    /// Defaults to `numerator`.
    #[param(inline)]
    part: Option<Part>,
    area: Option<String>,
    program: Option<ProgramId>,
    cohort: Option<String>,
    #[serde(default, deserialize_with = "day::read_optional")]
    from: Option<NaiveDate>,
    #[serde(default, deserialize_with = "day::read_optional")]
    to: Option<NaiveDate>,
    #[serde(default, deserialize_with = "day::read_optional")]
    as_of: Option<NaiveDate>,
    known_at: Option<UtcTime>,
    basis: Option<String>,
    /// `key:value` pairs, such as `level:township,city:340300`.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    group: List<GroupValue>,
    limit: Option<i64>,
    cursor: Option<String>,
}

/// One `key:value` pair of a group.
#[derive(Debug, Clone)]
pub struct GroupValue(GroupBy, Option<String>);

impl std::str::FromStr for GroupValue {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let (key, value) = text
            .split_once(':')
            .ok_or_else(|| format!("`{text}` is not key:value"))?;
        let key = key
            .parse()
            .map_err(|error: qiaojian_domain::UnknownWord| error.to_string())?;
        Ok(Self(key, (!value.is_empty()).then(|| value.to_owned())))
    }
}

/// A row behind a figure, as it was on the figure's date.
#[derive(Debug, Serialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum MemberReply {
    /// An organization.
    Organization {
        id: OrganizationId,
        name: String,
        kind: Kind,
        area: String,
        level: Level,
        /// The day from which it counts by the rule.
        counted_from: Option<NaiveDate>,
        counted_to: Option<NaiveDate>,
    },
    /// An area.
    Area {
        id: AreaId,
        area: String,
        name: String,
        level: Level,
    },
    /// An assignment of a task, as it was on the figure's date.
    Assignment {
        id: AssignmentId,
        area: String,
        level: Level,
        due_on: NaiveDate,
        submitted_on: Option<NaiveDate>,
        /// Whether it was submitted by its due date and not returned since.
        on_time: bool,
    },
}

/// Lists the rows behind one number of a figure, by area and id.
///
/// Their count equals the number.
#[utoipa::path(
    tag = "figures",
    security(("oauth" = ["org:read"])),
    params(MembersParams),
    responses(
        (status = 200, description = "A page of the rows", body = Page<MemberReply>),
        (status = 400, description = "As for `GET /v1/figures`"),
        (status = 404, description = "The area is outside the caller's area")
    )
)]
#[get("/figures/members")]
pub async fn members(
    app: web::Data<App>,
    caller: Caller<needs::OrgRead>,
    request: HttpRequest,
    params: Params<MembersParams>,
) -> Result<HttpResponse, ApiError> {
    let params = params.0;
    let window = Window::<uuid::Uuid>::new(&request, params.limit, params.cursor.as_deref())?;
    let (metric, part) = (params.metric, params.part.unwrap_or(Part::Numerator));
    let group: GroupKey = params
        .group
        .0
        .into_iter()
        .map(|GroupValue(key, value)| (key, value))
        .collect();
    let asked = Asked {
        metrics: vec![metric],
        area: params.area,
        program: params.program,
        cohort: params.cohort,
        from: params.from,
        to: params.to,
        as_of: params.as_of,
        known_at: params.known_at,
        bases: params.basis.into_iter().collect(),
        group_by: group
            .keys()
            .copied()
            .filter(|key| *key != GroupBy::Cohort)
            .collect(),
        ..Asked::default()
    };
    let (caller, today) = (caller.principal(), app.today());
    let model = Arc::clone(&app.figures);
    let page = app
        .read_slow(move |conn| {
            let (prepared, all) = asked.answer(conn, &model, &caller, today, |prepared, facts| {
                figures::members(&prepared.question, &prepared.basis, facts, (metric, part), &group)
            })?;
            let moment = Moment {
                as_of: prepared.question.as_of,
                known: prepared.known,
            };
            let reader = (caller.area, &caller.visible);
            let lost = Lost::of(conn, reader, &prepared.question.within, moment)?;
            page_of(conn, &window, &all, moment, &lost)
        })
        .await?;
    Ok(page::reply(&request, &page))
}

/// Returns the requested page of a number's rows, with the names of the figure's date.
pub fn page_of(
    conn: &mut AnyConnection,
    window: &Window<uuid::Uuid>,
    all: &[Member],
    moment: Moment,
    lost: &Lost,
) -> Result<Page<MemberReply>, ApiError> {
    let rest = match window.after {
        None => all,
        Some(after) => behind(all, after)?,
    };
    let most = usize::try_from(window.fetch()).unwrap_or(usize::MAX);
    let rows: Vec<Member> = rest.iter().take(most).cloned().collect();
    let names = Names::of(conn, moment, lost, &rows)?;
    window.page(rows, Member::id, |member| names.show(member))
}

/// Returns the rows after the last one seen. The rows of a figure never change, because `known_at` is in the link, so
/// the last one seen is among them.
fn behind(all: &[Member], after: uuid::Uuid) -> Result<&[Member], ApiError> {
    let seen = all
        .iter()
        .position(|member| member.id() == after)
        .ok_or_else(|| {
            ApiError::bad_parameter(
                "cursor",
                "cursor 不属于这个数据，请从第一页开始。",
                "The cursor does not belong to this figure. Start from the first page.",
            )
        })?;
    Ok(all.get(seen + 1..).unwrap_or_default())
}

/// The names of a page's rows on the figure's date.
struct Names {
    organizations: HashMap<OrganizationId, String>,
    areas: HashMap<AreaId, String>,
}

impl Names {
    fn of(
        conn: &mut AnyConnection,
        Moment { as_of, known }: Moment,
        lost: &Lost,
        rows: &[Member],
    ) -> Result<Self, ApiError> {
        let mut organization_ids: Vec<OrganizationId> = Vec::new();
        let mut area_ids: Vec<AreaId> = Vec::new();
        for member in rows {
            match member {
                Member::Organization { id, .. } => organization_ids.push(*id),
                Member::Area { id, .. } => area_ids.push(*id),
                Member::Assignment { .. } => {}
            }
        }
        let mut organizations = organizations::names_on(conn, &organization_ids, as_of, known)?;
        organizations.extend(lost.names(conn, &organization_ids, as_of)?);
        Ok(Self {
            organizations,
            areas: areas::names_on(conn, &area_ids, as_of, known)?,
        })
    }

    fn show(&self, member: Member) -> MemberReply {
        match member {
            Member::Organization {
                id,
                kind,
                area,
                level,
                counted_from,
                counted_to,
            } => MemberReply::Organization {
                id,
                name: self.organizations.get(&id).cloned().unwrap_or_default(),
                kind,
                area,
                level,
                counted_from,
                counted_to,
            },
            Member::Area { id, area, level } => MemberReply::Area {
                id,
                area,
                name: self.areas.get(&id).cloned().unwrap_or_default(),
                level,
            },
            Member::Assignment { due, area, level } => MemberReply::Assignment {
                id: due.id,
                area,
                level,
                due_on: due.due_on,
                submitted_on: due.submitted_on,
                on_time: due.on_time,
            },
        }
    }
}
