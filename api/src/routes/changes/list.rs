//! The change feed, for mobile clients that were offline.

use actix_web::{HttpResponse, get, web};
use qiaojian_domain::Noun;
use qiaojian_domain::change::{Audience, FeedCursor, told_nouns};
use qiaojian_domain::clock::UtcTime;
use qiaojian_store::changes::{self, Changes, Reader};
use qiaojian_store::db::snapshot;
use serde::{Deserialize, Serialize};
use utoipa::openapi::schema::{Object, ObjectBuilder, Type};
use utoipa::{IntoParams, ToSchema};

use crate::app::App;
use crate::auth::{Caller, Principal, needs};
use crate::extract::Params;
use crate::page;
use crate::problem::ApiError;

/// Which changes to return.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ChangesParams {
    /// The `next_since` of the last answer; `0` is the beginning. If omitted, the answer has no items, only the current
    /// `next_since`: request it before you load lists, and continue from there.
    #[param(example = "1834-9f3a0c51d2e47b68")]
    since: Option<String>,
    /// Page size: 1 to 200. The default is 50.
    limit: Option<i64>,
}

/// A page of changes.
#[derive(Debug, Serialize, ToSchema)]
pub struct ChangeFeed {
    /// In the order in which they became known.
    pub items: Vec<Change>,
    /// Pass it as `since` the next time; nothing is missed or repeated. It may change even without items. Opaque.
    #[schema(example = "1834-9f3a0c51d2e47b68")]
    pub next_since: String,
    /// Whether more changes are available now. `false`: the feed is complete for now.
    pub more: bool,
}

/// One change. It says what to read again, not the new state.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = LedgerChange)]
pub struct Change {
    /// Its ledger position. Changes that were written together share one.
    pub seq: i64,
    /// When the system recorded it.
    pub at: UtcTime,
    #[schema(schema_with = told_nouns_schema)]
    pub resource: Noun,
    /// The `id` of the row.
    pub id: String,
    /// `create`, `update` (a correction), `delete`, or the name of another transition.
    #[schema(example = "establish")]
    pub verb: String,
    /// The code of the area that the row belongs to; `null` if the area is not visible to the caller, as with a
    /// programme or a task of the province.
    pub area: Option<String>,
    /// Whether the caller lost sight of it by this change: it was voided, or is now outside the caller's area. If an
    /// area is gone, everything in it is gone too.
    pub gone: bool,
    /// The URL to read it at; `null` when it is gone.
    #[schema(example = "/v1/organizations/0190a000-0000-7000-8000-000000000000")]
    pub href: Option<String>,
}

impl Change {
    fn of(change: changes::Change) -> Self {
        Self {
            href: if change.gone { None } else { href(&change) },
            seq: change.seq,
            at: change.at,
            resource: change.noun,
            id: change.id,
            verb: change.verb,
            area: change.area,
            gone: change.gone,
        }
    }
}

fn told_nouns_schema() -> Object {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(told_nouns().map(Noun::as_str)))
        .build()
}

/// Where to read what changed; none for what no route serves.
fn href(change: &changes::Change) -> Option<String> {
    let id = &change.id;
    let area = change.area.as_deref().unwrap_or_default();
    Some(match change.noun {
        Noun::Area => format!("/v1/areas/{area}"),
        Noun::Counts => format!("/v1/areas/{area}/counts"),
        Noun::Program => format!("/v1/programs/{id}"),
        // Rules are read together, because there are few.
        Noun::Rule => "/v1/rules".to_owned(),
        Noun::Organization => format!("/v1/organizations/{id}"),
        Noun::Milestone => format!("/v1/milestones?area={area}"),
        Noun::Task => format!("/v1/tasks/{id}"),
        Noun::Assignment => format!("/v1/assignments/{id}"),
        Noun::Bulletin => format!("/v1/bulletins/{id}"),
        Noun::Notice => format!("/v1/notices/{id}"),
        Noun::Schedule => format!("/v1/schedules/{id}"),
        Noun::OrganizationChange
        | Noun::Activity
        | Noun::Endpoint
        | Noun::Delivery
        | Noun::Token
        | Noun::Service => return None,
    })
}

fn reader(caller: &Principal) -> Reader {
    let may_read = |noun: &Noun| {
        let may_read_noun = Audience::of(*noun)
            .scope()
            .is_some_and(|scope| caller.scopes.contains(&scope));
        may_read_noun && (*noun != Noun::Counts || caller.sees_raw_counts())
    };
    Reader {
        area: caller.area,
        visible: caller.visible.clone(),
        nouns: told_nouns().filter(may_read).collect(),
    }
}

/// Lists the changes in the caller's subtree since the last answer, in order and complete.
///
/// The feed covers areas, counts, programmes, rules, organizations, milestones, tasks, assignments, bulletins, notices
/// and schedules, each if the caller may read it.
#[utoipa::path(
    tag = "changes",
    security(("oauth" = ["area:read"])),
    params(ChangesParams),
    responses(
        (status = 200, description = "A page of the changes", body = ChangeFeed),
        (status = 400, description = "The cursor does not belong to this ledger; load everything again")
    )
)]
#[get("/changes")]
pub async fn list(
    app: web::Data<App>,
    caller: Caller<needs::AreaRead>,
    params: Params<ChangesParams>,
) -> Result<HttpResponse, ApiError> {
    let limit = page::limit(params.limit)?;
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let since = params
        .since
        .as_deref()
        .map(|text| text.parse::<FeedCursor>().map_err(|_| unreadable()))
        .transpose()?;
    let caller = caller.principal();
    let told = app
        .read(move |conn| {
            snapshot(conn, |conn| match &since {
                None => Ok(Changes {
                    items: Vec::new(),
                    read: changes::present(conn)?,
                    more: false,
                }),
                Some(since) => changes::since(conn, &reader(&caller), since, limit)?.ok_or_else(stale),
            })
        })
        .await?;
    Ok(HttpResponse::Ok().json(ChangeFeed {
        items: told.items.into_iter().map(Change::of).collect(),
        next_since: told.read.to_string(),
        more: told.more,
    }))
}

fn unreadable() -> ApiError {
    ApiError::bad_parameter(
        "since",
        "since 应为上次返回的 next_since；0 表示从头开始。旧版本返回的数字已不能使用，请重新下载全部数据。",
        "since must be the next_since of an earlier response, or 0 to start from the beginning. A number from an earlier version is no \
         longer accepted; load everything again.",
    )
}

fn stale() -> ApiError {
    ApiError::bad_parameter(
        "since",
        "台账中没有 since 所指的位置：台账曾由备份恢复，或切换时丢失了部分记录。请先不带 since 请求一次，再重新下载全部数据。",
        "The ledger does not contain the position of since: it was restored from a backup, or a failover lost commits. Send one request \
         without since, then load everything again.",
    )
}
