//! Import of the yearly edition of the national list: added, renamed, moved, merged and closed areas.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, post, web};
use chrono::NaiveDate;
use qiaojian_domain::Violation;
use qiaojian_domain::area::update::{self, Doubt, Listed, before_vacated};
use qiaojian_domain::area::{Level, unknown_area};
use qiaojian_domain::clock::{Clock, Entropy};
use qiaojian_domain::dates::day;
use qiaojian_domain::ids::AreaId;
use qiaojian_sheets::areas as table;
use qiaojian_store::areas::{self, Agreement, Edition, Plan, ReadyStep};
use qiaojian_store::db::AnyConnection;
use qiaojian_store::{Foreseen, StoreError};
use serde::Deserialize;
use utoipa::IntoParams;

use super::import_reply::{AreaImportReply, Refused};
use crate::app::App;
use crate::attachment::Workbook;
use crate::auth::{Caller, Principal, needs};
use crate::extract::{Params, Place, TableFile};
use crate::headers::IdempotencyKey;
use crate::problem::{ApiError, Language, why_refused};
use crate::write::{Reply, Write};

/// Maximum number of steps. They run in one transaction, and other writes wait for it to end.
const MOST_STEPS: usize = 500;

/// The options of an import.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AreaImportParams {
    /// The day of the changes, unless a row gives its own; not after today (Asia/Shanghai).
    #[serde(deserialize_with = "day::read")]
    on: NaiveDate,
    /// Only reports the steps that would be taken.
    #[serde(default)]
    dry_run: bool,
    /// The number of doubtful rows, which look like an area with another code, that a person has confirmed. A dry run
    /// lists them as `doubts`.
    #[serde(default)]
    doubts: usize,
}

/// Updates the areas of a province to a new edition of the national list, CSV or XLSX: all steps, or none.
///
/// The columns are `code`, `level`, `parent`, `name`, `kind`, and optionally `predecessors` (codes of the previous
/// edition, separated by `;`, or `new`) and `valid_from`. A row is matched to an area by its predecessors or, if it has
/// none, by its own code. The list must be complete for the province it names, and the caller's area must be that
/// province or above it. Parks and units with a local code are not part of the list and are kept.
#[utoipa::path(
    tag = "areas",
    security(("oauth" = ["area:write"])),
    params(
        AreaImportParams,
        IdempotencyKey
    ),
    request_body(description = "The unmodified file, at most 8 MiB", content(
        (String = "text/csv", example = json!("code,level,parent,name,kind\n340304001,township,340304,大庆街道,administrative\n")),
        (Workbook = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    )),
    responses(
        (status = 200, description = "The steps that were applied or, in a dry run, would be applied", body = AreaImportReply),
        (status = 422, description = "The file cannot be read, a row is invalid, or a step cannot be applied; nothing was changed")
    )
)]
#[post("/areas/import")]
pub async fn import(
    app: web::Data<App>,
    caller: Caller<needs::AreaWrite>,
    request: HttpRequest,
    write: Write,
    params: Params<AreaImportParams>,
    file: TableFile,
) -> Result<HttpResponse, ApiError> {
    let AreaImportParams { on, dry_run, doubts } = params.0;
    let language = Language::of(request.headers().get(header::ACCEPT_LANGUAGE));
    let digest = file.digest.clone();
    let (rows, place) = file.read(&app, read).await?;
    let import = Arc::new(Import {
        rows,
        caller: caller.principal(),
        edition: Edition {
            on,
            reason: format!("区划代码更新（{on}）"),
            today: app.today(),
        },
        clock: Arc::clone(&app.clock),
        entropy: Arc::clone(&app.entropy),
        _place: place,
    });
    let planning = Arc::clone(&import);
    let mut planned = Foreseen::read(&app.db, move |conn| planning.plan(conn)).await?;
    if dry_run {
        let (steps, doubtful, agrees) = planned.found();
        let refused = import.told(&steps, areas::try_steps(&app.db, Arc::clone(&steps)).await?)?;
        let of = (import.rows.len(), dry_run, on);
        let told = AreaImportReply::of(
            of,
            (&steps, import.doubtful(&doubtful), agrees),
            &refused,
            language,
        );
        return Ok(HttpResponse::Ok().json(told));
    }
    let reply = write
        .run(&app, &digest, move |recording| {
            let (steps, doubtful, agrees) = planned.at(recording)?;
            if doubtful.len() != doubts {
                return Err(import.unconfirmed(doubtful));
            }
            let refused = import.told(steps, areas::take_steps(recording, steps)?)?;
            if !refused.is_empty() {
                return Err(ApiError::invalid(
                    refused.into_iter().map(Refused::pointed).collect(),
                ));
            }
            let of = (import.rows.len(), dry_run, on);
            let told = (&**steps, import.doubtful(doubtful), *agrees);
            Reply::plain(&AreaImportReply::of(of, told, &[], language))
        })
        .await?;
    app.db.refresh_statistics().await;
    Ok(reply)
}

/// Reads the list, each row with its row number.
fn read(bytes: &[u8]) -> Result<Vec<(u32, Listed)>, ApiError> {
    let (mut rows, mut wrong) = (Vec::new(), Vec::new());
    for (number, row) in table::read(bytes).map_err(ApiError::invalid)? {
        match row {
            Ok(row) => rows.push((number, row)),
            Err(violations) => wrong.extend(violations.into_iter().map(|violation| (number, violation))),
        }
    }
    if wrong.is_empty() {
        let listed: Vec<Listed> = rows.iter().map(|(_, row)| row.clone()).collect();
        // A moved area may be in the register but not in the list, so only the list's own rows are checked.
        wrong = update::problems(&listed, &HashMap::new())
            .into_iter()
            .filter_map(|(place, violation)| Some((rows.get(place)?.0, violation)))
            .collect();
    }
    if wrong.is_empty() {
        return Ok(rows);
    }
    Err(rows_refused(wrong))
}

/// Returns the error for rows with violations, given with their row numbers.
fn rows_refused(wrong: Vec<(u32, Violation)>) -> ApiError {
    let refused: BTreeSet<u32> = wrong.iter().map(|(number, _)| *number).collect();
    let told = wrong
        .into_iter()
        .map(|(number, violation)| violation.under(&format!("/rows/{number}")));
    ApiError::rows_refused(refused.len(), told)
}

/// The steps that lead to a list, its doubtful rows, and the edition it agrees with best.
type Planned = (Arc<[ReadyStep]>, Arc<[Doubt]>, Option<Agreement>);

struct Import {
    rows: Vec<(u32, Listed)>,
    caller: Arc<Principal>,
    edition: Edition,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    _place: Place,
}

impl Import {
    /// Plans the steps from the current areas of the list's provinces to the list, and finds its doubtful rows.
    fn plan(&self, conn: &mut AnyConnection) -> Result<Planned, ApiError> {
        let listed: Vec<Listed> = self.rows.iter().map(|(_, row)| row.clone()).collect();
        let registered = areas::registered_of(conn, &self.caller.visible, &listed)?;
        let provinces = self.rows.iter().filter(|(_, row)| row.level == Level::Province);
        let not_ours: Vec<Violation> = provinces
            .filter(|(_, row)| !registered.iter().any(|area| area.code == row.code))
            .map(|(number, _)| unknown_area(format!("/rows/{number}/code")))
            .collect();
        if !not_ours.is_empty() {
            return Err(ApiError::invalid(not_ours));
        }
        let new_id = || AreaId::generate(self.clock.as_ref(), self.entropy.as_ref());
        let Plan {
            steps,
            cut_short,
            wrong,
            doubts,
            agrees_best,
        } = self.edition.plan(conn, &listed, &registered, new_id)?;
        if let Some(cut_short) = cut_short {
            return Err(ApiError::invalid(vec![cut_short]));
        }
        if !wrong.is_empty() {
            return Err(rows_refused(self.numbered(wrong)));
        }
        if steps.len() > MOST_STEPS {
            return Err(ApiError::invalid(vec![too_many_steps(steps.len())]));
        }
        Ok((steps.into(), doubts.into(), agrees_best))
    }

    /// Returns the row number in the file for index `place` of the list.
    fn number(&self, place: usize) -> Option<u32> {
        self.rows.get(place).map(|(number, _)| *number)
    }

    fn numbered<T>(&self, found: impl IntoIterator<Item = (usize, T)>) -> Vec<(u32, T)> {
        let numbered = |(place, what)| Some((self.number(place)?, what));
        found.into_iter().filter_map(numbered).collect()
    }

    fn doubtful<'a>(&self, doubts: &'a [Doubt]) -> Vec<(u32, &'a Doubt)> {
        self.numbered(doubts.iter().map(|doubt| (doubt.row, doubt)))
    }

    /// Returns the error for unconfirmed doubtful rows. A row that looks like an area with another code is not treated
    /// as a recoding without confirmation.
    fn unconfirmed(&self, doubts: &[Doubt]) -> ApiError {
        if doubts.is_empty() {
            return ApiError::invalid(vec![no_such_doubts()]);
        }
        let told = doubts
            .iter()
            .map(|doubt| (doubt.row, doubt.violation(doubts.len())));
        rows_refused(self.numbered(told))
    }

    /// Returns the refused steps with the reason for each, and its row.
    fn told(&self, steps: &[ReadyStep], refused: Vec<(usize, StoreError)>) -> Result<Vec<Refused>, ApiError> {
        let told = refused.into_iter().filter_map(|(place, error)| {
            let dated = &steps.get(place)?.dated;
            Some(why_refused(error).map(|violations| Refused {
                row: dated.row.and_then(|place| self.number(place)),
                area: before_vacated(dated.step.code()).to_owned(),
                violations,
            }))
        });
        Ok(told.collect::<Result<_, StoreError>>()?)
    }
}

fn too_many_steps(steps: usize) -> Violation {
    Violation::new(
        "",
        "too_many_steps",
        format!(
            "与系统相差 {steps} 步，一次最多 {MOST_STEPS} 步；请由管理员用命令 qiaojian import areas 更新。"
        ),
        format!(
            "The table differs from the register by {steps} steps; at most {MOST_STEPS} are allowed. Ask an administrator to run \
             `qiaojian import areas`."
        ),
    )
}

fn no_such_doubts() -> Violation {
    Violation::new(
        "/doubts",
        "no_such_doubts",
        "表中没有存疑的行，请不要填写 doubts。",
        "No row is doubtful. Omit `doubts`.",
    )
}
