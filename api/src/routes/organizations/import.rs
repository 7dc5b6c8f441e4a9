//! Importing the register from a table.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use actix_web::{HttpRequest, HttpResponse, http::header, post, web};
use chrono::NaiveDate;
use qiaojian_domain::ids::OrganizationId;
use qiaojian_sheets::Sheet;
use qiaojian_sheets::register::{self, Table};
use qiaojian_store::Foreseen;
use qiaojian_store::db::AnyConnection;
use qiaojian_store::organizations::{self, Incoming, Judging, Verdict};
use serde::Deserialize;
use utoipa::IntoParams;

use super::import_file::handed_back;
use super::import_reply::{ImportReply, ReplyAs, SkippedRow, refusal};
use crate::app::App;
use crate::attachment::Workbook;
use crate::auth::{Caller, Principal, needs};
use crate::extract::{Params, Place, TableFile};
use crate::headers::IdempotencyKey;
use crate::problem::{ApiError, Language};
use crate::wire::id_or_new;
use crate::write::{Reply, Write};

/// The number of recorded rows from which an import changes the database's statistics of the register noticeably.
const LARGE: usize = 1000;

/// The options of an import.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ImportParams {
    /// Only reports the result for each row.
    #[serde(default)]
    dry_run: bool,
    /// Records the valid rows and leaves out the others. Without it, one invalid row refuses the whole table.
    #[serde(default)]
    partial: bool,
    /// `file`, only with `dry_run`: returns the same file with a column that lists the errors.
    #[serde(default)]
    #[param(inline)]
    reply: ReplyAs,
}

/// Imports organizations from a table, CSV or XLSX, into the caller's subtree.
///
/// All of them are recorded, or none if a row is invalid (unless `partial`).
///
/// Each row is checked as by `POST /v1/organizations`, against the register and the other rows. A row whose `id` is
/// registered with the same content is `unchanged`; with other content it is refused. A dry run reports what a real
/// import would do.
#[utoipa::path(
    tag = "organizations",
    security(("oauth" = ["org:write"])),
    params(
        ImportParams,
        IdempotencyKey
    ),
    request_body(description = "The unmodified file, at most 8 MiB and 20,000 rows", content(
        (String = "text/csv", example = json!("area,kind,name\n340304,federation,禹会区侨联\n")),
        (Workbook = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    )),
    responses(
        (status = 200, description = "The result for each row; with `reply=file` the file with an additional column", content(
            (ImportReply = "application/json"),
            (String = "text/csv"),
            (Workbook = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
        )),
        (status = 422, description = "The file cannot be read, or a row is invalid; nothing was recorded")
    )
)]
#[post("/organizations/import")]
pub async fn import(
    app: web::Data<App>,
    caller: Caller<needs::OrgWrite>,
    request: HttpRequest,
    write: Write,
    params: Params<ImportParams>,
    file: TableFile,
) -> Result<HttpResponse, ApiError> {
    let ImportParams {
        dry_run,
        partial,
        reply,
    } = params.0;
    if reply == ReplyAs::File && !dry_run {
        return Err(ApiError::bad_parameter(
            "reply",
            "reply=file 只能与 dry_run=true 一起使用。",
            "reply=file can only be used with dry_run=true.",
        ));
    }
    let language = Language::of(request.headers().get(header::ACCEPT_LANGUAGE));
    let digest = file.digest.clone();
    let ((sheet, table), place) = file.read(&app, move |bytes| read(bytes, reply)).await?;
    let import = Arc::new(Import::new(&app, caller.principal(), table, place)?);
    let judging = Arc::clone(&import);
    let mut judged = Foreseen::read(&app.db, move |conn| judging.judge(conn)).await?;
    if dry_run {
        let verdicts = judged.found();
        if let Some(sheet) = sheet {
            return handed_back(sheet, import, verdicts, language).await;
        }
        let told = ImportReply::of(&import, &verdicts, (dry_run, partial), language);
        return Ok(HttpResponse::Ok().json(told));
    }
    let recorded = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&recorded);
    let reply = write
        .run(&app, &digest, move |recording| {
            let verdicts = judged.at(recording)?;
            if !partial
                && verdicts
                    .iter()
                    .any(|verdict| matches!(verdict, Verdict::Refused(_)))
            {
                return Err(refusal(&import.rows, verdicts));
            }
            let new: Vec<_> = verdicts
                .iter()
                .filter_map(|verdict| match verdict {
                    Verdict::New(new) => Some(new.as_ref()),
                    _ => None,
                })
                .collect();
            organizations::record_all(recording, &new, import.today)?;
            counted.store(new.len(), Ordering::Relaxed);
            Reply::plain(&ImportReply::of(&import, verdicts, (dry_run, partial), language))
        })
        .await?;
    if recorded.load(Ordering::Relaxed) >= LARGE {
        app.db.refresh_statistics().await;
    }
    Ok(reply)
}

/// Reads a file. The sheet itself is only kept if it is returned to the client.
fn read(bytes: &[u8], reply: ReplyAs) -> Result<(Option<Sheet>, Table), ApiError> {
    let (sheet, table) = register::open(bytes).map_err(ApiError::invalid)?;
    Ok(((reply == ReplyAs::File).then_some(sheet), table))
}

/// A table being imported.
pub(super) struct Import {
    caller: Arc<Principal>,
    pub(super) layout: qiaojian_sheets::Layout<register::Field>,
    pub(super) rows: Vec<Incoming>,
    pub(super) skipped: Vec<SkippedRow>,
    today: NaiveDate,
    _place: Place,
}

impl Import {
    /// Assigns an id to every row that has none.
    fn new(app: &App, caller: Arc<Principal>, table: Table, place: Place) -> Result<Self, ApiError> {
        let id = |given| id_or_new::<OrganizationId>(given, app.clock.as_ref(), app.entropy.as_ref());
        let rows = table.rows.into_iter().map(|row| {
            let mut wrong = row.wrong;
            let id = id(row.record.id).or_else(|error| {
                wrong.extend(error.into_violations());
                id(None)
            });
            Ok(Incoming {
                number: row.number,
                id: id?,
                record: row.record,
                wrong,
            })
        });
        Ok(Self {
            caller,
            layout: table.layout,
            skipped: table.skipped.into_iter().map(SkippedRow::from).collect(),
            rows: rows.collect::<Result<_, ApiError>>()?,
            today: app.today(),
            _place: place,
        })
    }

    /// Determines the outcome of each row, for a dry run as for a real import.
    fn judge(&self, conn: &mut AnyConnection) -> Result<Vec<Verdict>, ApiError> {
        let judging = Judging {
            visible: &self.caller.visible,
            layout: &self.layout,
            verification: &|area| self.caller.report_on(&[&area.path]),
            today: self.today,
        };
        Ok(organizations::judge_rows(conn, &judging, &self.rows)?)
    }
}
