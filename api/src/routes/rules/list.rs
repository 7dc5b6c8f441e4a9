//! Listing all rules.

use actix_web::{HttpRequest, HttpResponse, get, web};
use chrono::NaiveDate;
use qiaojian_domain::clock::UtcTime;
use qiaojian_domain::dates::day;
use qiaojian_domain::ids::RuleId;
use qiaojian_domain::rule::RuleKind;
use qiaojian_store::ledger;
use qiaojian_store::rules::{self, RuleRow};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::app::App;
use crate::auth::{Caller, needs};
use crate::extract::Params;
use crate::page::{self, Page, Window};
use crate::problem::ApiError;

/// Which rules to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListParams {
    #[param(value_type = Option<String>)]
    kind: Option<RuleKind>,
    /// Only the versions in effect on this day (Asia/Shanghai). Defaults to all versions.
    #[serde(default, deserialize_with = "day::read_optional")]
    as_of: Option<NaiveDate>,
    /// Transaction time: returns the state as known at this time. Defaults to now.
    known_at: Option<UtcTime>,
    /// Page size: 1 to 200. The default is 50.
    limit: Option<i64>,
    cursor: Option<String>,
}

/// One version of a rule. The name of a counting rule is passed as `basis`.
#[derive(Debug, Serialize, ToSchema)]
pub struct Rule {
    pub id: RuleId,
    pub kind: RuleKind,
    pub name: String,
    /// Incremented with each version; older versions stay unchanged.
    pub version: i64,
    /// The code of the area to which the rule applies, with all areas below it.
    pub scope_area: String,
    pub effective_from: NaiveDate,
    pub params: serde_json::Value,
    /// The document that defines the rule.
    pub source: String,
    pub created_at: UtcTime,
    pub updated_at: UtcTime,
}

impl Rule {
    /// Converts a row.
    pub fn of((row, scope_area): (RuleRow, String)) -> Result<Self, ApiError> {
        Ok(Self {
            id: row.id,
            kind: row.kind,
            name: row.name,
            version: row.version,
            scope_area,
            effective_from: row.effective_from,
            params: serde_json::from_str(&row.params)?,
            source: row.source,
            created_at: row.recorded_at,
            updated_at: row.recorded_at,
        })
    }
}

/// The position of a rule in the list.
type Key = (String, String, i64, RuleId);

fn key((row, _): &(RuleRow, String)) -> Key {
    (row.kind.to_string(), row.name.clone(), row.version, row.id)
}

/// Lists all versions of all rules, or those in effect on a day, by kind, name and version.
#[utoipa::path(
    tag = "rules",
    security(("oauth" = ["rule:read"])),
    params(ListParams),
    responses((status = 200, description = "A page of the list", body = Page<Rule>))
)]
#[get("/rules")]
pub async fn list(
    app: web::Data<App>,
    _caller: Caller<needs::RuleRead>,
    request: HttpRequest,
    params: Params<ListParams>,
) -> Result<HttpResponse, ApiError> {
    let ListParams {
        kind,
        as_of,
        known_at,
        limit,
        cursor,
    } = params.0;
    let window = Window::<Key>::new(&request, limit, cursor.as_deref())?;
    let page = app
        .read(move |conn| {
            let known = ledger::known_at(conn, known_at)?.known;
            // There are few rules, so all are read and a page is returned.
            let mut rows = match as_of {
                None => rules::list(conn, kind, known)?,
                Some(on) => rules::list_in_force(conn, kind, on, known)?,
            };
            rows.sort_by_cached_key(key);
            rows.retain(|row| window.after.as_ref().is_none_or(|after| key(row) > *after));
            window.page(rows, key, Rule::of)?.transpose()
        })
        .await?;
    Ok(page::reply(&request, &page))
}
