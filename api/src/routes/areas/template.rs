//! The blank table for a new edition of the national list.

use actix_web::{HttpResponse, get};
use qiaojian_sheets::areas::{COLUMNS, DATA_SHEET, NOTES};
use qiaojian_sheets::{CsvWriter, Format, SheetStyle, WriteError, XlsxWriter};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::attachment::{Workbook, attachment, written};
use crate::auth::{Caller, needs};
use crate::extract::Params;
use crate::problem::ApiError;

/// The format of the template.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AreaTemplateParams {
    /// Defaults to `xlsx`.
    #[param(inline)]
    format: Option<Format>,
}

/// Returns a blank table for `POST /v1/areas/import`, with its columns explained.
#[utoipa::path(
    tag = "areas",
    security(("oauth" = ["area:read"])),
    params(AreaTemplateParams),
    responses(
        (status = 200, description = "The file", content(
            (Workbook = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
            (String = "text/csv"),
        ))
    )
)]
#[get("/areas/template")]
pub async fn template(
    _: Caller<needs::AreaRead>,
    params: Params<AreaTemplateParams>,
) -> Result<HttpResponse, ApiError> {
    let format = params.format.unwrap_or(Format::Xlsx);
    let bytes = written(move || match format {
        Format::Csv => Ok(csv()),
        Format::Xlsx => xlsx(),
    })
    .await?;
    Ok(attachment(format, "areas-template").body(bytes))
}

fn csv() -> Vec<u8> {
    let mut file = CsvWriter::default();
    file.row(COLUMNS.iter().map(qiaojian_sheets::Column::header));
    file.finish().into_bytes()
}

fn xlsx() -> Result<Vec<u8>, WriteError> {
    let mut file = XlsxWriter::begin(&SheetStyle::of(DATA_SHEET, COLUMNS.iter()), 1)?;
    file.explain(COLUMNS, NOTES)?;
    file.finish()
}
