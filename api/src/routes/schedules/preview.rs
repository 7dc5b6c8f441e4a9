//! The upcoming periods of a schedule.

use actix_web::{HttpResponse, get, web};
use qiaojian_domain::ids::ScheduleId;
use qiaojian_store::schedules;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::wire::Upcoming;
use crate::app::App;
use crate::auth::{Caller, needs};
use crate::extract::{Params, Segment};
use crate::problem::ApiError;

const DEFAULT: usize = 12;
const MOST: usize = 100;

/// How far to look ahead.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PreviewParams {
    /// The number of periods: 1 to 100. The default is 12.
    #[param(minimum = 1, maximum = 100)]
    count: Option<usize>,
}

/// The periods that come due next.
#[derive(Debug, Serialize, ToSchema)]
pub struct Preview {
    pub items: Vec<Upcoming>,
}

/// Returns the next periods of a schedule and when each is composed, as if it were not paused.
///
/// Nothing is written.
#[utoipa::path(
    tag = "schedules",
    security(("oauth" = ["bulletin:read"])),
    params(("id" = uuid::Uuid, Path, description = "The schedule"), PreviewParams),
    responses(
        (status = 200, description = "The periods that come due next", body = Preview)
    )
)]
#[get("/schedules/{id}/preview")]
pub async fn preview(
    app: web::Data<App>,
    caller: Caller<needs::BulletinRead>,
    id: Segment<ScheduleId>,
    params: Params<PreviewParams>,
) -> Result<HttpResponse, ApiError> {
    let count = params.count.unwrap_or(DEFAULT);
    if !(1..=MOST).contains(&count) {
        return Err(ApiError::bad_parameter(
            "count",
            format!("count 应在 1 与 {MOST} 之间。"),
            format!("count must be between 1 and {MOST}."),
        ));
    }
    let (caller, now) = (caller.principal(), app.now());
    let upcoming = app
        .read(move |conn| {
            let row = schedules::find(conn, &caller.visible, id.0)?;
            Ok(schedules::preview(conn, &row, now, count)?)
        })
        .await?;
    Ok(HttpResponse::Ok().json(Preview {
        items: upcoming.iter().map(Upcoming::of).collect(),
    }))
}
