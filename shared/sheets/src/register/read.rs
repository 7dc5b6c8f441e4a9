//! Reads a row of cells as an organization.

use qiaojian_domain::Violation;
use qiaojian_domain::organization::{
    Basis, ChecklistItem, Facts, FiveHave, Host, Kind, Life, Reopening, StandingRules, Status,
};

use super::Record;
use super::aside::aside;
use super::columns::{BASES, COLUMNS, Field, HOSTS, KINDS, POSTS, SHORT_KINDS, STATUSES, YES_NO};
use crate::row::{RowReader, chosen};
use crate::{Cell, Layout, MOST_ROWS, Sheet, SheetRow, clean, half_width, read_day, read_precise, shortened};

/// A row of the register.
#[derive(Debug, Clone)]
pub struct RegisterRow {
    /// The row number as displayed in a spreadsheet, from 1.
    pub number: u32,
    /// The content, as far as it can be read.
    pub record: Record,
    /// The violations of the row.
    pub wrong: Vec<Violation>,
}

/// The register as read from a file.
#[derive(Debug)]
pub struct Table {
    pub layout: Layout<Field>,
    pub rows: Vec<RegisterRow>,
    pub skipped: Vec<Skipped>,
}

/// A row that is not part of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// The row number as displayed in a spreadsheet, from 1.
    pub number: u32,
    /// The beginning of its text.
    pub text: String,
}

impl Skipped {
    fn of(row: &SheetRow) -> Self {
        let text = row.cells.first().map_or("", |(_, cell)| clean(cell.text()));
        Self {
            number: row.number,
            text: shortened(text),
        }
    }
}

/// Reads a file as the register.
///
/// # Errors
/// Returns the fault of the file as a whole, or all violations of its header.
pub fn open(bytes: &[u8]) -> Result<(Sheet, Table), Vec<Violation>> {
    let (sheet, layout) = Sheet::with_columns(bytes, MOST_ROWS, COLUMNS, aside)?;
    let table = rows(&sheet, layout);
    Ok((sheet, table))
}

/// Reads a sheet as the register.
///
/// # Errors
/// Returns all violations of the header.
pub fn read(sheet: &Sheet) -> Result<Table, Vec<Violation>> {
    Ok(rows(sheet, Layout::of(&sheet.header, COLUMNS)?))
}

fn rows(sheet: &Sheet, layout: Layout<Field>) -> Table {
    let rows = sheet.rows.iter().map(|row| {
        let reader = RowReader::of(&layout, row, |field| !is_shown_only(field));
        let area_name = shown_text(&layout, row, Field::AreaName);
        let (record, wrong) = record(reader, area_name);
        RegisterRow {
            number: row.number,
            record,
            wrong,
        }
    });
    Table {
        rows: rows.collect(),
        skipped: sheet
            .above
            .iter()
            .chain(&sheet.skipped)
            .map(Skipped::of)
            .collect(),
        layout,
    }
}

/// Returns the text entered in a column that is for information only.
fn shown_text(layout: &Layout<Field>, row: &SheetRow, field: Field) -> Option<String> {
    let of_field = |(column, _): &&(u32, Cell)| layout.at(*column) == Some(field);
    match row.cells.iter().find(of_field) {
        Some((_, Cell::Text(text))) => Some(clean(text).to_owned()),
        _ => None,
    }
}

fn record(mut row: RowReader<'_, Field>, area_name: Option<String>) -> (Record, Vec<Violation>) {
    let record = Record {
        id: row.id(Field::Id),
        area: row.code(Field::Area).unwrap_or_default(),
        area_name,
        parent: row.id(Field::Parent).map(Into::into),
        facts: facts(&mut row),
    };
    for field in [Field::Area, Field::Kind, Field::Name] {
        row.require(field);
    }
    (record, row.finish())
}

/// Invalid values are recorded as violations and replaced by defaults; a row with violations is not imported.
fn facts(row: &mut RowReader<'_, Field>) -> Facts {
    Facts {
        host: row.word(Field::Host, HOSTS).unwrap_or(Host::Area),
        kind: row
            .word_or(Field::Kind, KINDS, SHORT_KINDS)
            .unwrap_or(Kind::Federation),
        name: row.text(Field::Name).unwrap_or_default(),
        life: Life {
            status: row.word(Field::Status, STATUSES).unwrap_or(Status::Preparing),
            approved: row.date(Field::ApprovalOn),
            established: row.date(Field::EstablishedOn),
            unveiled: row.date(Field::UnveiledOn),
            closed: row.date(Field::ClosedOn),
            reopenings: reopenings(row),
        },
        approval_post: row.word(Field::ApprovalPost, POSTS),
        approval_doc_no: row.text(Field::ApprovalDocNo),
        basis: row.word(Field::Basis, BASES).unwrap_or(Basis::New),
        replaces: row.text(Field::Replaces),
        has_office: row
            .read(Field::HasOffice, ("是、否", "true, false"), yes_no)
            .unwrap_or(false),
        affiliation: row.text(Field::Affiliation),
        quota_posts: row.number(Field::QuotaPosts),
        posts_filled: row.number(Field::PostsFilled),
        five_have: FiveHave {
            organization: item(row, Field::FiveOrganization),
            team: item(row, Field::FiveTeam),
            funding: item(row, Field::FiveFunding),
            venue: item(row, Field::FiveVenue),
            activity: item(row, Field::FiveActivity),
        },
        standing_rules: StandingRules {
            learning: row.day(Field::Learning),
            management: row.day(Field::Management),
            contact: row.day(Field::Contact),
            service: row.day(Field::Service),
        },
        term_ends_on: row.day(Field::TermEndsOn),
        note: row.text(Field::Note),
    }
}

fn item(row: &mut RowReader<'_, Field>, field: Field) -> Option<ChecklistItem> {
    let expected = (
        "是或否，可再写日期和文号",
        "是 or 否, optionally followed by date and document, separated by semicolons",
    );
    row.read(field, expected, |text| {
        let mut parts = text.splitn(3, ['；', ';']).map(clean);
        Some(ChecklistItem {
            have: yes_no(parts.next()?)?,
            on: match parts.next() {
                None | Some("") => None,
                Some(day) => Some(read_day(day)?),
            },
            doc_no: parts
                .next()
                .filter(|doc_no| !doc_no.is_empty())
                .map(str::to_owned),
        })
    })
}

fn reopenings(row: &mut RowReader<'_, Field>) -> Vec<Reopening> {
    let expected = (
        "“撤销日期~恢复日期”，多次用分号隔开",
        "closed~reopened, several of them separated by semicolons",
    );
    let read = |text: &str| {
        text.split(['；', ';'])
            .map(|one| {
                let (closed, reopened) = one.split_once(['~', '～'])?;
                Some(Reopening::between(read_precise(closed)?, read_precise(reopened)?))
            })
            .collect::<Option<Vec<_>>>()
    };
    row.read(Field::Reopenings, expected, read).unwrap_or_default()
}

pub(super) const fn is_shown_only(field: Field) -> bool {
    matches!(field, Field::AreaName | Field::Verification | Field::Errors)
}

fn yes_no(text: &str) -> Option<bool> {
    match half_width(text).to_ascii_lowercase().as_str() {
        "有" | "yes" | "1" => Some(true),
        "无" | "没有" | "no" | "0" => Some(false),
        other => chosen(YES_NO, other)?.parse().ok(),
    }
}
