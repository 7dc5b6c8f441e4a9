//! Returning the imported file itself, with the errors next to each row.

use std::sync::Arc;

use actix_web::HttpResponse;
use qiaojian_domain::Violation;
use qiaojian_sheets::register::{COLUMNS, DATA_SHEET, Field, NOTES, field_of};
use qiaojian_sheets::{
    Column, CsvWriter, Format, Layout, MOST_KEPT_UNITS, Sheet, SheetRow, SheetStyle, WriteError, XlsxWriter,
};
use qiaojian_store::organizations::Verdict;

use super::import::Import;
use crate::attachment::{attachment, written};
use crate::problem::{ApiError, Language};

/// Returns the file as sent, each cell in its place, with an additional column that lists the errors of its row. In a
/// workbook, invalid cells are coloured, and the rest is styled like the template.
pub(super) async fn handed_back(
    sheet: Sheet,
    import: Arc<Import>,
    verdicts: Vec<Verdict>,
    language: Language,
) -> Result<HttpResponse, ApiError> {
    let format = sheet.format;
    let bytes = written(move || {
        let file = File::of(&sheet, &import.layout, &verdicts, language);
        match format {
            Format::Csv => Ok(file.csv()),
            Format::Xlsx => file.xlsx(&import.layout),
        }
    })
    .await?;
    Ok(attachment(format, "organizations-checked").body(bytes))
}

/// A line of the file: its number, its cells by column, and the columns of the invalid cells.
type Line = (u32, Vec<String>, Vec<usize>);

struct File {
    header: Vec<String>,
    header_row: u32,
    above: Vec<Line>,
    below: Vec<Line>,
}

impl File {
    fn of(sheet: &Sheet, layout: &Layout<Field>, verdicts: &[Verdict], language: Language) -> Self {
        let (mut header, known) = (sheet.header.clone(), layout.place(Field::Errors));
        // After all existing columns, because a cell without a header is one of the errors.
        let width = sheet.width();
        let place = known.unwrap_or(width);
        if known.is_none() {
            header.resize(place, String::new());
            let errors = COLUMNS.iter().find(|column| column.field == Field::Errors);
            header.extend(errors.map(Column::header));
        }
        let width = header.len().max(width);
        let line = |row: &SheetRow| {
            let mut cells = vec![String::new(); width];
            for (column, cell) in &row.cells {
                let column = usize::try_from(*column).unwrap_or(usize::MAX);
                if let Some(place) = cells.get_mut(column) {
                    cell.text().clone_into(place);
                }
            }
            (row.number, cells, Vec::new())
        };
        let judged = sheet.rows.iter().zip(verdicts).map(|(row, verdict)| {
            let (number, mut cells, mut wrong) = line(row);
            let violations = match verdict {
                Verdict::Refused(violations) => violations.as_slice(),
                Verdict::New(_) | Verdict::Unchanged => &[],
            };
            if let Some(place) = cells.get_mut(place) {
                *place = told(violations, language);
            }
            if !violations.is_empty() {
                wrong.push(place);
                wrong.extend(violations.iter().filter_map(|wrong| place_of(layout, wrong)));
            }
            (number, cells, wrong)
        });
        let mut below: Vec<Line> = judged.chain(sheet.skipped.iter().map(line)).collect();
        below.sort_by_key(|(number, ..)| *number);
        Self {
            header,
            header_row: sheet.header_row,
            above: sheet.above.iter().map(line).collect(),
            below,
        }
    }

    fn csv(self) -> Vec<u8> {
        let mut file = CsvWriter::default();
        let mut at = 0;
        let header = (self.header_row, self.header, Vec::new());
        let lines = self.above.into_iter().chain([header]).chain(self.below);
        for (number, cells, _) in lines {
            // Blank lines are kept, so that every row keeps its number.
            while at + 1 < number {
                file.row::<&str>([]);
                at += 1;
            }
            file.row(cells);
            at = number;
        }
        file.finish().into_bytes()
    }

    fn xlsx(self, layout: &Layout<Field>) -> Result<Vec<u8>, WriteError> {
        let style = SheetStyle::of_file(DATA_SHEET, &self.header, |place| {
            let is_errors = place + 1 == self.header.len() && layout.place(Field::Errors).is_none();
            let field = match u32::try_from(place).ok().and_then(|place| layout.at(place)) {
                None if is_errors => Some(Field::Errors),
                field => field,
            };
            COLUMNS.iter().find(|column| Some(column.field) == field)
        });
        let above = self
            .above
            .iter()
            .map(|(number, cells, _)| (*number, cells.as_slice()));
        let mut file = XlsxWriter::begin_below(&style, above, self.header_row)?;
        for (number, cells, wrong) in &self.below {
            file.marked_row_at(*number, cells, wrong)?;
        }
        file.explain(COLUMNS, NOTES)?;
        file.finish()
    }
}

/// Returns the column of the file that a violation refers to.
fn place_of(layout: &Layout<Field>, wrong: &Violation) -> Option<usize> {
    layout.place(field_of(&wrong.pointer).parse().ok()?)
}

/// Returns the errors of a row, with the names of its columns.
fn told(violations: &[Violation], language: Language) -> String {
    let one = |violation: &Violation| {
        let field = field_of(&violation.pointer);
        let column = COLUMNS.iter().find(|column| column.field.as_str() == field);
        match column {
            Some(column) => format!("{}：{}", column.zh, language.sentence(violation)),
            None => language.sentence(violation).to_owned(),
        }
    };
    let all = violations.iter().map(one).collect::<Vec<_>>().join(" ");
    // The length of a cell is limited.
    all.chars().take(MOST_KEPT_UNITS / 2).collect()
}
