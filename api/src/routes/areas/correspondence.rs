//! How area codes on one day correspond to those on another.

use actix_web::{HttpRequest, HttpResponse, get, web};
use chrono::NaiveDate;
use qiaojian_domain::area::Level;
use qiaojian_domain::clock::UtcTime;
use qiaojian_domain::dates::day;
use qiaojian_store::areas::{self, AreaVersion, Change, Correspondence};
use qiaojian_store::db::snapshot;
use qiaojian_store::{Moment, StoreError, Subtree};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::app::App;
use crate::auth::{Caller, needs};
use crate::extract::Params;
use crate::moment::Times;
use crate::page::{self, Page, Window};
use crate::problem::ApiError;

/// The two days to compare.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct CorrespondenceParams {
    /// The earlier day.
    #[serde(deserialize_with = "day::read")]
    from: NaiveDate,
    /// The later day. Defaults to today.
    #[serde(default, deserialize_with = "day::read_optional")]
    to: Option<NaiveDate>,
    /// Transaction time: returns the state as known at this time. A later time is clamped to the ledger clock.
    known_at: Option<UtcTime>,
    /// Page size: 1 to 200. The default is 50.
    limit: Option<i64>,
    cursor: Option<String>,
}

/// An area on the earlier day and the corresponding area on the later day.
#[derive(Debug, Serialize, ToSchema)]
pub struct CorrespondingAreas {
    level: Option<Level>,
    /// Its code on the earlier day, or the code of the area it was split from; `null` if it did not exist yet.
    old_code: Option<String>,
    old_name: Option<String>,
    /// Its code on the later day, or the code of the area it was merged into; `null` if it was closed.
    new_code: Option<String>,
    new_name: Option<String>,
    /// The changes between the two days.
    changes: Vec<Change>,
}

impl CorrespondingAreas {
    fn of(row: Correspondence) -> Self {
        let either = row.new.as_ref().or(row.old.as_ref());
        let code = |area: &Option<AreaVersion>| area.as_ref().map(|area| area.code.clone());
        let name = |area: &Option<AreaVersion>| area.as_ref().map(|area| area.name.clone());
        Self {
            level: either.map(|area| area.level),
            old_code: code(&row.old),
            old_name: name(&row.old),
            new_code: code(&row.new),
            new_name: name(&row.new),
            changes: row.changes,
        }
    }
}

/// Lists the areas of the caller's subtree that changed between two days, by their old codes.
///
/// Each item has the old code and name, the new code and name, and the changes (`added`, `split`, `recoded`, `renamed`,
/// `moved`, `rekinded`, `merged`, `closed`). An area that left or entered the subtree is shown only with the side that
/// belonged to it.
#[utoipa::path(
    tag = "areas",
    security(("oauth" = ["area:read"])),
    params(CorrespondenceParams),
    responses(
        (status = 200, description = "A page of the list", body = Page<CorrespondingAreas>),
        (status = 400, description = "A day is in the future, or the days are in the wrong order")
    )
)]
#[get("/areas/correspondence")]
pub async fn correspondence(
    app: web::Data<App>,
    caller: Caller<needs::AreaRead>,
    request: HttpRequest,
    params: Params<CorrespondenceParams>,
) -> Result<HttpResponse, ApiError> {
    let CorrespondenceParams {
        from,
        to,
        known_at,
        limit,
        cursor,
    } = params.0;
    let window = Window::<(String, String)>::new(&request, limit, cursor.as_deref())?;
    let (caller, today) = (caller.principal(), app.today());
    let times = Times { as_of: to, known_at };
    if to.unwrap_or(today) <= from {
        return Err(ApiError::bad_parameter(
            "from",
            "from 须早于 to。",
            "from must be before to.",
        ));
    }
    let page = app
        .read_slow(move |conn| {
            snapshot(conn, |conn| {
                let later = times.moment(conn, today)?;
                let earlier = Moment {
                    as_of: from,
                    known: later.known,
                };
                let mut seen = |moment: Moment| -> Result<Option<Subtree>, ApiError> {
                    match areas::on_day(conn, caller.area, moment.as_of, moment.known) {
                        Ok(area) => Ok(Some(area.subtree())),
                        Err(StoreError::NotFound(_)) => Ok(None),
                        Err(error) => Err(error.into()),
                    }
                };
                // If the caller's area did not exist on a day, it sees nothing of that day.
                let nothing = || Subtree::rooted_at("-/");
                let seen = (
                    seen(earlier)?.unwrap_or_else(nothing),
                    seen(later)?.unwrap_or_else(nothing),
                );
                let days = (from, later.as_of);
                let mut rows = areas::correspondence(conn, (&seen.0, &seen.1), days, later.known)?;
                rows.retain(|row| window.after.as_ref().is_none_or(|after| row.key() > *after));
                rows.truncate(usize::try_from(window.fetch()).unwrap_or(usize::MAX));
                window.page(rows, Correspondence::key, CorrespondingAreas::of)
            })
        })
        .await?;
    Ok(page::reply(&request, &page))
}
