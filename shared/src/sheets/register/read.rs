//! A row of cells as an organization.

use chrono::NaiveDate;
use uuid::Uuid;

use super::columns::{BASES, COLUMNS, Field, HOSTS, KINDS, POSTS, STATUSES, YES_NO};
use super::{Record, show};
use crate::domain::Violation;
use crate::domain::organization::{
    Basis, ChecklistItem, Facts, FiveHave, Host, Life, PreciseDate, Reopening, StandingRules, Status,
};
use crate::sheets::{
    Cell, Choices, Layout, MOST_CHARS, Sheet, SheetRow, clean, half_width, read_day, read_precise,
};

/// A row of the register.
#[derive(Debug, Clone)]
pub struct RegisterRow {
    /// As a spreadsheet counts, from 1.
    pub number: u32,
    /// What it says, or all that cannot be read of it.
    pub record: Result<Record, Vec<Violation>>,
}

/// The register, read from a file.
#[derive(Debug)]
pub struct Table {
    pub layout: Layout<Field>,
    pub rows: Vec<RegisterRow>,
}

/// Reads a sheet as the register.
///
/// # Errors
/// Everything that is wrong with the header.
pub fn read(sheet: &Sheet) -> Result<Table, Vec<Violation>> {
    let layout = Layout::of(&sheet.header, COLUMNS)?;
    let rows = sheet.rows.iter().map(|row| RegisterRow {
        number: row.number,
        record: Reader::of(&layout, row).record(),
    });
    Ok(Table {
        rows: rows.collect(),
        layout,
    })
}

/// The cells of a row by column, and what is wrong with them so far.
struct Reader<'a> {
    cells: Vec<(Field, &'a str)>,
    wrong: Vec<Violation>,
}

impl<'a> Reader<'a> {
    fn of(layout: &Layout<Field>, row: &'a SheetRow) -> Self {
        let (mut cells, mut wrong) = (Vec::with_capacity(row.cells.len()), Vec::new());
        for (column, cell) in &row.cells {
            let Some(field) = layout.at(*column) else {
                wrong.push(no_column(*column));
                continue;
            };
            if is_shown_only(field) {
                continue;
            }
            match cell {
                Cell::Text(text) => cells.push((field, clean(text))),
                Cell::Formula(_) => wrong.push(formula(field)),
                Cell::TooLong(chars) => wrong.push(too_long(field, *chars)),
            }
        }
        Self { cells, wrong }
    }

    fn record(mut self) -> Result<Record, Vec<Violation>> {
        let record = Record {
            id: self.id(Field::Id),
            area: self
                .required(Field::Area, |text| Some(half_width(text).to_uppercase()))
                .unwrap_or_default(),
            parent: self.id(Field::Parent).map(Into::into),
            facts: self.facts(),
        };
        if self.wrong.is_empty() {
            Ok(record)
        } else {
            Err(self.wrong)
        }
    }

    fn facts(&mut self) -> Facts {
        // What is missing or wrong was noted, and then nothing is taken of the row.
        let kind = self.word(Field::Kind, KINDS);
        if kind.is_none() {
            self.missing(Field::Kind);
        }
        Facts {
            host: self.word(Field::Host, HOSTS).unwrap_or(Host::Area),
            kind: kind.unwrap_or(crate::domain::organization::Kind::Federation),
            name: self
                .required(Field::Name, |text| Some(lines(text)))
                .unwrap_or_default(),
            life: Life {
                status: self.word(Field::Status, STATUSES).unwrap_or(Status::Preparing),
                approved: self.date(Field::ApprovalOn),
                established: self.date(Field::EstablishedOn),
                unveiled: self.date(Field::UnveiledOn),
                closed: self.date(Field::ClosedOn),
                reopenings: self.reopenings(),
            },
            approval_post: self.word(Field::ApprovalPost, POSTS),
            approval_doc_no: self.text(Field::ApprovalDocNo),
            basis: self.word(Field::Basis, BASES).unwrap_or(Basis::New),
            replaces: self.text(Field::Replaces),
            has_office: self.yes_no(Field::HasOffice).unwrap_or(false),
            affiliation: self.text(Field::Affiliation),
            quota_posts: self.number(Field::QuotaPosts),
            posts_filled: self.number(Field::PostsFilled),
            five_have: FiveHave {
                organization: self.item(Field::FiveOrganization),
                team: self.item(Field::FiveTeam),
                funding: self.item(Field::FiveFunding),
                venue: self.item(Field::FiveVenue),
                activity: self.item(Field::FiveActivity),
            },
            standing_rules: StandingRules {
                learning: self.day(Field::Learning),
                management: self.day(Field::Management),
                contact: self.day(Field::Contact),
                service: self.day(Field::Service),
            },
            term_ends_on: self.day(Field::TermEndsOn),
            note: self.text(Field::Note),
        }
    }

    fn cell(&self, field: Field) -> Option<&'a str> {
        self.cells
            .iter()
            .find(|(of, _)| *of == field)
            .map(|(_, text)| *text)
    }

    /// What the cell says, unless it is blank; what cannot be read is noted.
    fn read<T>(
        &mut self,
        field: Field,
        expected: (&str, &str),
        read: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let text = self.cell(field)?;
        let value = read(text);
        if value.is_none() {
            self.wrong.push(wrong_value(field, text, expected));
        }
        value
    }

    fn text(&mut self, field: Field) -> Option<String> {
        self.cell(field).map(lines)
    }

    fn required<T>(&mut self, field: Field, read: impl Fn(&str) -> Option<T>) -> Option<T> {
        let value = self.cell(field).and_then(read);
        if value.is_none() {
            self.missing(field);
        }
        value
    }

    /// Unless something else was said of it.
    fn missing(&mut self, field: Field) {
        let pointer = pointer(field);
        if self.cell(field).is_none() && !self.wrong.iter().any(|wrong| wrong.pointer == pointer) {
            self.wrong.push(Violation::new(
                pointer,
                "missing_field",
                "缺少必填内容。",
                "This has to be filled in.",
            ));
        }
    }

    fn id(&mut self, field: Field) -> Option<Uuid> {
        self.read(field, ("系统编号（UUID）", "an id (UUID)"), |text| {
            half_width(text).parse().ok()
        })
    }

    fn word<T: std::str::FromStr>(&mut self, field: Field, choices: Choices) -> Option<T> {
        let shown: Vec<&str> = choices.iter().map(|(_, shown)| *shown).collect();
        let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
        self.read(field, (&shown.join("、"), &words.join(", ")), |text| {
            chosen(choices, text)?.parse().ok()
        })
    }

    fn yes_no(&mut self, field: Field) -> Option<bool> {
        self.read(field, ("是、否", "true, false"), yes_no)
    }

    fn number(&mut self, field: Field) -> Option<i32> {
        self.read(field, ("整数", "a whole number"), |text| {
            half_width(text).parse().ok()
        })
    }

    fn day(&mut self, field: Field) -> Option<NaiveDate> {
        let expected = ("日期，如 2022-03-01", "a date such as 2022-03-01");
        self.read(field, expected, read_day)
    }

    fn date(&mut self, field: Field) -> Option<PreciseDate> {
        let expected = (
            "日期，如 2022-03-01、2022-03下旬或 2022-03",
            "a date such as 2022-03-01, 2022-03下旬 or 2022-03",
        );
        self.read(field, expected, read_precise)
    }

    fn item(&mut self, field: Field) -> Option<ChecklistItem> {
        let expected = (
            "是或否，可再写日期和文号",
            "是 or 否, with date and document behind semicolons",
        );
        self.read(field, expected, |text| {
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

    fn reopenings(&mut self) -> Vec<Reopening> {
        let expected = (
            "“撤销日期~恢复日期”，多次用分号隔开",
            "closed~reopened, several of them behind semicolons",
        );
        let read = |text: &str| {
            text.split(['；', ';'])
                .map(|one| {
                    let (closed, reopened) = one.split_once(['~', '～'])?;
                    Some(Reopening::between(read_precise(closed)?, read_precise(reopened)?))
                })
                .collect::<Option<Vec<_>>>()
        };
        self.read(Field::Reopenings, expected, read).unwrap_or_default()
    }
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

/// The stored word of what a cell says.
fn chosen(choices: Choices, text: &str) -> Option<&'static str> {
    let text = half_width(text);
    let is_meant = |(word, shown): &&(&str, &str)| text.eq_ignore_ascii_case(word) || text == *shown;
    choices.iter().find(is_meant).map(|(word, _)| *word)
}

/// Line breaks are `\n`, whatever the file has.
fn lines(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n")
}

fn pointer(field: Field) -> String {
    format!("/{}", field.as_str().replace('.', "/"))
}

fn wrong_value(field: Field, text: &str, (zh, en): (&str, &str)) -> Violation {
    let text = show::shortened(text);
    Violation::new(
        pointer(field),
        "wrong_value",
        format!("“{text}”无法识别；应为{zh}。"),
        format!("“{text}” cannot be read; expected {en}."),
    )
}

fn formula(field: Field) -> Violation {
    Violation::new(
        pointer(field),
        "formula",
        "单元格是公式；请直接填写内容。",
        "The cell is a formula. Type the value in.",
    )
}

fn too_long(field: Field, chars: usize) -> Violation {
    Violation::new(
        pointer(field),
        "too_long",
        format!("最多 {MOST_CHARS} 个字，现有 {chars} 个。"),
        format!("At most {MOST_CHARS} characters; there are {chars}."),
    )
}

fn no_column(column: u32) -> Violation {
    let column = column + 1;
    Violation::new(
        "",
        "outside_columns",
        format!("第 {column} 列没有表头，却有内容；请删除或移到正确的列。"),
        format!("Column {column} has content and no header. Remove it, or move it to its column."),
    )
}
