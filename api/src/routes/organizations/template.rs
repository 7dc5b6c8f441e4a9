//! The blank table of the register.

use actix_web::{HttpResponse, get};
use qiaojian_sheets::register::{COLUMNS, DATA_SHEET, Field, NOTES};
use qiaojian_sheets::{Column, CsvWriter, Format, SheetStyle, WriteError, XlsxWriter};
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
pub struct TemplateParams {
    /// Defaults to `xlsx`.
    #[param(inline)]
    format: Option<Format>,
}

/// Returns a blank table of the register.
///
/// The table has explanations of its columns, drop-downs, and columns that keep codes and dates as text.
#[utoipa::path(
    tag = "organizations",
    security(("oauth" = ["org:read"])),
    params(TemplateParams),
    responses(
        (status = 200, description = "The file", content(
            (Workbook = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
            (String = "text/csv"),
        ))
    )
)]
#[get("/organizations/template")]
pub async fn template(
    _: Caller<needs::OrgRead>,
    params: Params<TemplateParams>,
) -> Result<HttpResponse, ApiError> {
    let format = params.format.unwrap_or(Format::Xlsx);
    let bytes = written(move || match format {
        Format::Csv => Ok(csv()),
        Format::Xlsx => xlsx(),
    })
    .await?;
    Ok(attachment(format, "organizations-template").body(bytes))
}

/// The columns of a file, without those added to a returned file.
pub(super) fn columns() -> impl Iterator<Item = &'static Column<Field>> {
    COLUMNS.iter().filter(|column| column.field != Field::Errors)
}

/// The style of the register's sheet.
pub(super) fn style() -> SheetStyle {
    SheetStyle::of(DATA_SHEET, columns())
}

fn csv() -> Vec<u8> {
    let mut file = CsvWriter::default();
    file.row(columns().map(Column::header));
    file.finish().into_bytes()
}

fn xlsx() -> Result<Vec<u8>, WriteError> {
    let mut file = XlsxWriter::begin(&style(), 1)?;
    file.explain(COLUMNS, NOTES)?;
    file.finish()
}
