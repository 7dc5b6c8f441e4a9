//! Counts of overseas-linked persons and households (涉侨人员、涉侨家庭) in an area.

use actix_web::{HttpRequest, HttpResponse, get, post, web};
use chrono::NaiveDate;
use qiaojian_domain::clock::UtcTime;
use qiaojian_domain::dates::day;
use qiaojian_domain::ids::CountId;
use qiaojian_store::counts::{self, CountRow, NewCount};
use qiaojian_store::{areas, ledger};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::app::App;
use crate::auth::{Caller, Principal, needs};
use crate::extract::{Body, Params, Segment};
use crate::headers::IdempotencyKey;
use crate::page::{self, Page, Window};
use crate::problem::ApiError;
use crate::wire::id_or_new;
use crate::write::{Reply, Write};

/// The input for a count.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"persons": 12, "households": 4, "counted_on": "2022-06-01", "source": "2022年侨情普查"}))]
pub struct CountInput {
    /// A client-generated id; sending the same count again under it records nothing.
    #[serde(default)]
    id: Option<Uuid>,
    /// 涉侨人员. Unknown if omitted, which is not zero.
    #[serde(default)]
    #[schema(example = 12, minimum = 0)]
    persons: Option<i32>,
    /// 涉侨家庭. Unknown if omitted.
    #[serde(default)]
    #[schema(example = 4, minimum = 0)]
    households: Option<i32>,
    /// Not after today (Asia/Shanghai). A later count of the same day corrects the earlier one.
    #[serde(deserialize_with = "day::read")]
    counted_on: NaiveDate,
    #[schema(example = "2022年侨情普查", max_length = 100)]
    source: String,
}

/// A count. It contains only numbers and identifies nobody.
#[derive(Debug, Serialize, ToSchema)]
pub struct Count {
    pub id: CountId,
    /// The area's code.
    pub area: String,
    /// `null` if unknown.
    pub persons: Option<i32>,
    /// `null` if unknown.
    pub households: Option<i32>,
    pub counted_on: NaiveDate,
    pub source: String,
    pub created_at: UtcTime,
}

impl Count {
    fn of(row: CountRow, area: &str) -> Self {
        Self {
            id: row.id,
            area: area.to_owned(),
            persons: row.persons,
            households: row.households,
            counted_on: row.counted_on,
            source: row.source,
            created_at: row.recorded_at,
        }
    }
}

/// Refuses callers above county level, which see only the outcome of the rule and no raw counts.
fn check_level(caller: &Principal) -> Result<(), ApiError> {
    if caller.sees_raw_counts() {
        return Ok(());
    }
    Err(ApiError::not_yours(
        "涉侨人员、家庭的原始数据只在县级及以下使用；上级请看应建尽建情况（fulfilment）和应建未建清单。",
        "Raw counts are only available at county level and below. Use fulfilment and the gaps instead.",
    ))
}

/// The position of a cursor in the list.
#[derive(Serialize, Deserialize)]
struct CountedOn(#[serde(deserialize_with = "day::read")] NaiveDate);

/// The point in time to read.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListParams {
    /// Transaction time: returns the state as known at this time. Defaults to now.
    known_at: Option<UtcTime>,
    /// Page size: 1 to 200. The default is 50.
    limit: Option<i64>,
    cursor: Option<String>,
}

/// Lists the counts of an area in the caller's subtree, latest day first.
///
/// Only for callers at county level and below.
#[utoipa::path(
    tag = "areas",
    security(("oauth" = ["counts:read"])),
    params(("code" = String, Path, description = "The area's code"), ListParams),
    responses(
        (status = 200, description = "A page of the counts", body = Page<Count>),
        (status = 403, description = "The caller is above county level")
    )
)]
#[get("/areas/{code}/counts")]
pub async fn list(
    app: web::Data<App>,
    caller: Caller<needs::CountsRead>,
    code: Segment<String>,
    request: HttpRequest,
    params: Params<ListParams>,
) -> Result<HttpResponse, ApiError> {
    let ListParams {
        known_at,
        limit,
        cursor,
    } = params.0;
    let window = Window::<CountedOn>::new(&request, limit, cursor.as_deref())?;
    let caller = caller.principal();
    let page = app
        .read(move |conn| {
            let area = areas::find(conn, &caller.visible, &code.0)?;
            check_level(&caller)?;
            let before = window.after.as_ref().map(|CountedOn(day)| *day);
            let known = ledger::known_at(conn, known_at)?.known;
            let rows = counts::list(conn, area.area_id, known, before, window.fetch())?;
            window.page(
                rows,
                |row| CountedOn(row.counted_on),
                |row| Count::of(row, &area.code),
            )
        })
        .await?;
    Ok(page::reply(&request, &page))
}

/// Records a count of an area in the caller's subtree.
///
/// Counts are appended and never edited.
///
/// Sending the same `id` with the same count again returns the existing count with 200 instead of 201.
#[utoipa::path(
    tag = "areas",
    security(("oauth" = ["counts:write"])),
    params(
        ("code" = String, Path, description = "The area's code"),
        IdempotencyKey
    ),
    request_body = CountInput,
    responses(
        (status = 201, description = "Recorded", body = Count),
        (status = 200, description = "Already recorded by the same request", body = Count),
        (status = 403, description = "The caller is above county level"),
        (status = 409, description = "The id is already in use")
    )
)]
#[post("/areas/{code}/counts")]
pub async fn record(
    app: web::Data<App>,
    caller: Caller<needs::CountsWrite>,
    code: Segment<String>,
    write: Write,
    body: Body<CountInput>,
) -> Result<HttpResponse, ApiError> {
    let Body { value: input, digest } = body;
    let id: CountId = id_or_new(input.id, app.clock.as_ref(), app.entropy.as_ref())?;
    let (caller, today, code) = (caller.principal(), app.today(), code.0);
    write
        .run(&app, &digest, move |recording| {
            let area = areas::find(recording.conn(), &caller.visible, &code)?;
            check_level(&caller)?;
            let new = NewCount {
                id,
                area: area.area_id,
                persons: input.persons,
                households: input.households,
                counted_on: input.counted_on,
                source: input.source.clone(),
            };
            let before = counts::made_before(recording.conn(), &new)?;
            let is_known = before.is_some();
            let row = match before {
                Some(row) => row,
                None => counts::record(recording, &new, today)?,
            };
            let location = format!("/v1/areas/{}/counts", area.code);
            let reply = Reply::created(location, 1, &Count::of(row, &area.code))?;
            Ok(if is_known { reply.made_before() } else { reply })
        })
        .await
}
