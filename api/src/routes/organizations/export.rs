//! Exporting the register as a file that can be imported again.

use std::sync::Arc;

use actix_web::web::Bytes;
use actix_web::{HttpResponse, get, web};
use chrono::NaiveDate;
use futures_util::stream::try_unfold;
use qiaojian_domain::area::Level;
use qiaojian_domain::clock::UtcTime;
use qiaojian_domain::dates::day;
use qiaojian_domain::ids::OrganizationId;
use qiaojian_domain::organization::{Kind, Status, Verification};
use qiaojian_sheets::register::{Shown, cells};
use qiaojian_sheets::{Column, CsvWriter, Format, XlsxWriter};
use qiaojian_store::db::{AnyConnection, Share, as_share, snapshot};
use qiaojian_store::organizations::{self, Filter, Lost, OrganizationInArea};
use qiaojian_store::{Moment, Subtree, areas, ledger};
use serde::Deserialize;
use utoipa::IntoParams;

use super::template::{columns, style};
use crate::app::App;
use crate::attachment::{Workbook, attachment, written};
use crate::auth::{Caller, needs};
use crate::extract::{List, Params, check_search};
use crate::middleware::share_of;
use crate::moment::{Times, View};
use crate::problem::ApiError;

/// Rows per read. Limits the memory used, however large the register is.
const PAGE: i64 = 1000;
/// Maximum number of rows in a workbook, which is sent as a whole.
const MOST_IN_WORKBOOK: usize = 200_000;

/// A day after all others, on which the latest known state applies. It has a four-digit year, so that both databases
/// agree on the order.
fn last_day() -> NaiveDate {
    NaiveDate::from_ymd_opt(9999, 12, 31).unwrap_or(NaiveDate::MAX)
}

/// Which organizations to export, and in which format. List-valued parameters are comma-separated.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ExportParams {
    /// Defaults to `csv`.
    #[param(inline)]
    format: Option<Format>,
    /// Only this area and all areas below it. Defaults to the caller's area.
    area: Option<String>,
    /// Only areas of these levels.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    level: List<Level>,
    #[serde(default)]
    #[param(value_type = Option<String>)]
    kind: List<Kind>,
    #[serde(default)]
    #[param(value_type = Option<String>)]
    status: List<Status>,
    /// Only organizations with these verification statuses.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    verification: List<Verification>,
    /// A substring of the name.
    q: Option<String>,
    /// Valid time: returns the state and the area tree on this day. Defaults to today if only `known_at` is given.
    #[serde(default, deserialize_with = "day::read_optional")]
    as_of: Option<NaiveDate>,
    /// Transaction time: returns the register as known at this time.
    known_at: Option<UtcTime>,
}

/// Exports the organizations in the caller's subtree as a file, by area and id, all as known at one moment
/// (`x-known-at`).
///
/// The columns are those of the template, so the file can be imported again, and every row is then `unchanged`. CSV is
/// streamed; a workbook has at most 200,000 rows. A cell that a spreadsheet would take for a formula is prefixed with
/// `'`.
#[utoipa::path(
    tag = "organizations",
    security(("oauth" = ["org:read"])),
    params(ExportParams),
    responses(
        (status = 200, description = "The file", content(
            (String = "text/csv"),
            (Workbook = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
        )),
        (status = 400, description = "A parameter is invalid, or the workbook would be too large"),
        (status = 404, description = "The area was not found, or is outside the caller's area")
    )
)]
#[get("/organizations/export")]
pub async fn export(
    app: web::Data<App>,
    caller: Caller<needs::OrgRead>,
    params: Params<ExportParams>,
) -> Result<HttpResponse, ApiError> {
    let params = params.0;
    let format = params.format.unwrap_or(Format::Csv);
    let times = Times {
        as_of: params.as_of,
        known_at: params.known_at,
    };
    check_search(params.q.as_deref())?;
    let filter = Filter {
        levels: params.level.0,
        kinds: params.kind.0,
        statuses: params.status.0,
        verifications: params.verification.0,
        name_contains: params.q.filter(|q| !q.is_empty()),
        ..Filter::default()
    };
    let (caller, today) = (caller.principal(), app.today());
    let share = share_of(&caller);
    let name = format!(
        "organizations-{}-{today}",
        params.area.as_ref().unwrap_or(&caller.area_code)
    );
    let area = params.area;
    let (within, moment, lost) = app
        .read_slow(move |conn| {
            snapshot(conn, |conn| {
                let view = View::of(conn, &caller, area.as_deref(), (times, today))?;
                let last = || {
                    Ok::<_, ApiError>(Moment {
                        as_of: last_day(),
                        known: ledger::known(conn)?,
                    })
                };
                let moment = view.moment.map_or_else(last, Ok)?;
                Ok::<_, ApiError>((view.within, moment, view.lost))
            })
        })
        .await?;
    let question = Arc::new(Question {
        within,
        moment,
        filter,
        lost,
    });
    let known_at = ("x-known-at", moment.known.at.to_string());
    let app = app.into_inner();
    let rows = Rows {
        share,
        app,
        question,
        after: None,
        more: true,
    };
    let mut reply = attachment(format, &name);
    reply.insert_header(known_at);
    match format {
        Format::Csv => Ok(reply.streaming(try_unfold((rows, true), csv_part))),
        Format::Xlsx => Ok(reply.body(workbook(rows).await?)),
    }
}

struct Question {
    within: Subtree,
    moment: Moment,
    filter: Filter,
    lost: Lost,
}

/// The rows of a file, read page by page.
struct Rows {
    share: Share,
    app: Arc<App>,
    question: Arc<Question>,
    after: Option<(String, OrganizationId)>,
    more: bool,
}

impl Rows {
    /// Returns the cells of the next page, or `None` after the last.
    async fn next(&mut self) -> Result<Option<Vec<Vec<String>>>, ApiError> {
        if !self.more {
            return Ok(None);
        }
        let (question, after) = (Arc::clone(&self.question), self.after.take());
        let read = self
            .app
            .read_slow(move |conn| snapshot(conn, |conn| read_page(conn, &question, after.as_ref())));
        // The pages are read while the reply is sent, after the request's own task has ended.
        let (page, last) = as_share(self.share, read).await?;
        self.more = page.len() == usize::try_from(PAGE).unwrap_or(usize::MAX);
        self.after = last;
        Ok(Some(page))
    }
}

type PageOfRows = (Vec<Vec<String>>, Option<(String, OrganizationId)>);

fn read_page(
    conn: &mut AnyConnection,
    question: &Question,
    after: Option<&(String, OrganizationId)>,
) -> Result<PageOfRows, ApiError> {
    let Question {
        within,
        moment,
        filter,
        lost,
    } = question;
    // As long as nobody has written, the state known then is the latest state, which is faster to query.
    let is_last = moment.as_of == last_day() && ledger::known(conn)?.seq == moment.known.seq;
    let rows = if is_last {
        organizations::list(conn, within, filter, after, PAGE)?
    } else {
        lost.list(conn, (within, *moment), filter, after, PAGE)?
    };
    let mut of: Vec<_> = rows.iter().map(|row| row.organization.area_id).collect();
    of.dedup();
    let names = areas::names_on(conn, &of, moment.as_of, moment.known)?;
    let shown = |row: &OrganizationInArea| {
        let record = organizations::record_of(row)?;
        let shown = Shown {
            area_name: names.get(&row.organization.area_id).map_or("", String::as_str),
            verification: Some(row.organization.verification),
        };
        Ok::<_, ApiError>(cells(&record, shown).collect())
    };
    let cells = rows.iter().map(shown).collect::<Result<_, _>>()?;
    let last = rows
        .last()
        .map(|row| (row.area_path.clone(), row.organization.organization_id));
    Ok((cells, last))
}

/// Returns the next chunk of a CSV file. An error after the first chunk closes the connection, so that nobody takes an
/// incomplete file for the whole.
async fn csv_part(
    (mut rows, is_first): (Rows, bool),
) -> Result<Option<(Bytes, (Rows, bool))>, actix_web::Error> {
    let page = rows.next().await.inspect_err(|error| {
        error.log("GET", "/v1/organizations/export", "");
    })?;
    let Some(page) = page else { return Ok(None) };
    let mut file = if is_first {
        let mut file = CsvWriter::default();
        file.row(columns().map(Column::header));
        file
    } else {
        CsvWriter::further()
    };
    for row in page {
        file.row(row);
    }
    Ok(Some((file.finish().into(), (rows, false))))
}

async fn workbook(mut rows: Rows) -> Result<Vec<u8>, ApiError> {
    let mut file = written(|| XlsxWriter::begin(&style(), 1)).await?;
    let mut count = 0;
    while let Some(page) = rows.next().await? {
        count += page.len();
        if count > MOST_IN_WORKBOOK {
            return Err(ApiError::bad_parameter(
                "format",
                format!("超过 {MOST_IN_WORKBOOK} 行，请用 format=csv，或缩小范围。"),
                format!(
                    "There are more than {MOST_IN_WORKBOOK} rows. Use format=csv, or narrow the selection."
                ),
            ));
        }
        file = written(move || {
            for row in page {
                file.row(row)?;
            }
            Ok(file)
        })
        .await?;
    }
    written(|| file.finish()).await
}
