//! `GET /v1/figures/members`: a figure, opened.

use actix_web::{HttpRequest, HttpResponse, get, web};
use chrono::NaiveDate;
use qiaojian_shared::clock::UtcTime;
use qiaojian_shared::db::{AnyConnection, snapshot};
use qiaojian_shared::domain::area::Level;
use qiaojian_shared::domain::dates::day;
use qiaojian_shared::domain::organization::Kind;
use qiaojian_shared::figures::{self, GroupBy, GroupKey, Member, Metric, Part};
use qiaojian_shared::ids::{AreaId, OrganizationId, ProgramId};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::question::{Asked, Prepared};
use crate::app::App;
use crate::auth::{Caller, needs};
use crate::extract::{List, Params};
use crate::page::{self, Page, Window};
use crate::problem::{ApiError, Problem};

/// Which number to open: the parameters of a figure's `members` link.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct MembersParams {
    metric: Metric,
    /// `numerator` when left out.
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
            .map_err(|error: qiaojian_shared::domain::UnknownWord| error.to_string())?;
        Ok(Self(key, (!value.is_empty()).then(|| value.to_owned())))
    }
}

/// One row behind a figure, as it was on the figure's date.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub enum MemberReply {
    /// An organization.
    Organization {
        id: OrganizationId,
        name: String,
        kind: Kind,
        area: String,
        level: Level,
        /// From this day on it counts, by the rule.
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
}

/// The rows behind one number of a figure, by area and id: exactly as many as it says.
#[utoipa::path(
    tag = "figures",
    security(("oauth" = ["org:read"])),
    params(MembersParams),
    responses(
        (status = 200, description = "Part of the rows", body = Page<MemberReply>),
        (status = 400, description = "As for the figure", body = Problem),
        (status = 404, description = "The area is outside the caller's", body = Problem)
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
        basis: params.basis,
        group_by: group
            .keys()
            .copied()
            .filter(|key| *key != GroupBy::Cohort)
            .collect(),
    };
    let (caller, today) = (caller.principal(), app.today());
    let page = app
        .db
        .read_slow(move |conn| {
            snapshot(conn, |conn| {
                let prepared = asked.prepare(conn, &caller.visible, &caller.area_code, today)?;
                let all = figures::members(&prepared.question, &prepared.register, metric, part, &group);
                let rest = match window.after {
                    None => all.as_slice(),
                    Some(after) => behind(&all, after)?,
                };
                let most = usize::try_from(window.fetch()).unwrap_or(usize::MAX);
                let rows = rest.iter().take(most).copied().collect::<Vec<_>>();
                let shown = show(conn, &prepared, &rows)?;
                let rows: Vec<_> = rows.into_iter().zip(shown).collect();
                window.page(rows, |(member, _)| id_of(*member), |(_, reply)| reply)
            })
        })
        .await?;
    Ok(page::reply(&request, &page))
}

fn id_of(member: Member) -> uuid::Uuid {
    match member {
        Member::Organization(id) => id.0,
        Member::Area(id) => id.0,
    }
}

/// The rows behind the last one seen. The rows of one figure never change (`known_at` is in the link), so it is among them.
fn behind(all: &[Member], after: uuid::Uuid) -> Result<&[Member], ApiError> {
    let seen = all
        .iter()
        .position(|member| id_of(*member) == after)
        .ok_or_else(|| {
            ApiError::bad_parameter(
                "cursor",
                "cursor 不属于这个数据，请从第一页开始。",
                "The cursor is not of this figure. Start from the first page.",
            )
        })?;
    Ok(all.get(seen + 1..).unwrap_or_default())
}

fn show(
    conn: &mut AnyConnection,
    prepared: &Prepared,
    rows: &[Member],
) -> Result<Vec<MemberReply>, ApiError> {
    let ids: Vec<OrganizationId> = rows
        .iter()
        .filter_map(|member| match member {
            Member::Organization(id) => Some(*id),
            Member::Area(_) => None,
        })
        .collect();
    let names =
        qiaojian_shared::store::organizations::names_on(conn, &ids, prepared.question.as_of, prepared.known)?;
    let facts = &prepared.register;
    Ok(rows
        .iter()
        .filter_map(|member| match member {
            Member::Organization(id) => {
                let fact = facts.organizations.iter().find(|fact| fact.id == *id)?;
                Some(MemberReply::Organization {
                    id: *id,
                    name: names.get(id).cloned().unwrap_or_default(),
                    kind: fact.kind,
                    area: last_code(&fact.path),
                    level: fact.level,
                    counted_from: fact.counted_from,
                    counted_to: fact.counted_to,
                })
            }
            Member::Area(id) => {
                let fact = facts.areas.iter().find(|fact| fact.id == *id)?;
                Some(MemberReply::Area {
                    id: *id,
                    area: fact.code.clone(),
                    name: fact.name.clone(),
                    level: fact.level,
                })
            }
        })
        .collect())
}

fn last_code(path: &str) -> String {
    path.trim_end_matches('/')
        .rsplit('/')
        .next()
        .unwrap_or_default()
        .to_owned()
}
