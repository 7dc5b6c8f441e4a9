//! The reply to an import of areas.

use chrono::NaiveDate;
use qiaojian_domain::Violation;
use qiaojian_domain::area::AreaKind;
use qiaojian_domain::area::update::{Doubt, Step, before_vacated};
use qiaojian_store::areas::{Agreement, ReadyStep};
use serde::Serialize;
use utoipa::ToSchema;

use crate::problem::Language;

/// A step that cannot be taken.
pub struct Refused {
    /// The row of the list, if the area is in it.
    pub row: Option<u32>,
    pub area: String,
    pub violations: Vec<Violation>,
}

impl Refused {
    /// Returns the violation with a pointer to its row or its area.
    pub fn pointed(self) -> Violation {
        let place = match self.row {
            Some(row) => format!("/rows/{row}/code"),
            None => format!("/areas/{}", self.area),
        };
        let zh: Vec<&str> = self
            .violations
            .iter()
            .map(|violation| violation.zh.as_ref())
            .collect();
        let en: Vec<&str> = self
            .violations
            .iter()
            .map(|violation| violation.en.as_ref())
            .collect();
        let code = self
            .violations
            .first()
            .map_or("refused", |violation| violation.code);
        Violation::new(place, code, zh.join(" "), en.join(" "))
    }
}

/// The steps that lead to the list, either taken or only tried.
#[derive(Debug, Serialize, ToSchema)]
pub struct AreaImportReply {
    /// Whether this was a dry run, in which nothing is changed.
    dry_run: bool,
    /// The day of the update.
    on: NaiveDate,
    /// Number of rows in the list.
    rows: usize,
    added: usize,
    renamed: usize,
    /// Areas whose kind changed.
    rekinded: usize,
    moved: usize,
    merged: usize,
    closed: usize,
    /// In the order in which they are taken.
    steps: Vec<StepTold>,
    /// The day of the register, before the import, with which the list agrees best. A day before the latest edition
    /// suggests that the list is outdated.
    agrees_best_with: Option<AgreementTold>,
    /// Rows that look like an area registered with another code. Give that code as the row's predecessor, or confirm
    /// the number of such rows.
    doubts: Vec<DoubtTold>,
    /// Steps that cannot be taken. Only in a dry run; otherwise the request is refused and nothing is changed.
    errors: Vec<StepError>,
}

/// How well a list agrees with the register on a day.
#[derive(Debug, Serialize, ToSchema)]
pub struct AgreementTold {
    as_of: NaiveDate,
    /// Number of rows whose code and name belonged to an area on that day.
    rows: usize,
}

/// A row without predecessors whose name belongs to an area with another code below the same parent.
#[derive(Debug, Serialize, ToSchema)]
pub struct DoubtTold {
    /// The row number in the spreadsheet.
    row: u32,
    code: String,
    name: String,
    /// The code under which its name is registered.
    known_as: String,
    /// The name under which its code is registered.
    #[serde(skip_serializing_if = "Option::is_none")]
    was_named: Option<String>,
}

/// One step. Codes are those the areas have when the step is taken.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct StepTold {
    /// `add`, `rename`, `recode`, `rekind`, `move`, `merge` or `close`.
    verb: &'static str,
    code: String,
    on: NaiveDate,
    /// The registered name.
    #[serde(skip_serializing_if = "Option::is_none")]
    old_name: Option<String>,
    /// The new name, if it changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    new_code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<AreaKind>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    into: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    came_out_of: Vec<String>,
    /// Of a `recode`: areas whose codes are exchanged at once.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    changes: Vec<RecodedTold>,
}

/// One of several areas that are recoded at once.
#[derive(Debug, Serialize, ToSchema)]
pub struct RecodedTold {
    code: String,
    old_name: String,
    new_code: String,
    /// The new name, if it changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
}

/// The reason why a step cannot be taken.
#[derive(Debug, Serialize, ToSchema)]
pub struct StepError {
    /// The row number in the spreadsheet, if the area is in the list.
    row: Option<u32>,
    /// The area's code.
    area: String,
    /// A stable identifier for programs.
    code: &'static str,
    detail: String,
}

impl AreaImportReply {
    pub(super) fn of(
        (rows, dry_run, on): (usize, bool, NaiveDate),
        (steps, doubts, agrees): (&[ReadyStep], Vec<(u32, &Doubt)>, Option<Agreement>),
        refused: &[Refused],
        language: Language,
    ) -> Self {
        let steps: Vec<StepTold> = steps.iter().filter_map(told).collect();
        let recoded: usize = steps.iter().map(|step| step.changes.len()).sum();
        let count = |verb: &str| steps.iter().filter(|step| step.verb == verb).count();
        let errors = refused.iter().flat_map(|refused| {
            refused.violations.iter().map(|violation| StepError {
                row: refused.row,
                area: refused.area.clone(),
                code: violation.code,
                detail: language.sentence(violation).to_owned(),
            })
        });
        Self {
            dry_run,
            on,
            rows,
            added: count("add"),
            renamed: count("rename") + recoded,
            rekinded: count("rekind"),
            moved: count("move"),
            merged: count("merge"),
            closed: count("close"),
            agrees_best_with: agrees.map(|agrees| AgreementTold {
                as_of: agrees.as_of,
                rows: agrees.rows,
            }),
            doubts: doubts.into_iter().map(doubt_told).collect(),
            errors: errors.collect(),
            steps,
        }
    }
}

fn doubt_told((row, doubt): (u32, &Doubt)) -> DoubtTold {
    DoubtTold {
        row,
        code: doubt.code.clone(),
        name: doubt.name.clone(),
        known_as: doubt.known_as.clone(),
        was_named: doubt.was_named.clone(),
    }
}

/// Returns the step, unless it only frees a code for other steps.
fn told(step: &ReadyStep) -> Option<StepTold> {
    let of = |verb: &'static str| StepTold {
        verb,
        code: before_vacated(step.dated.step.code()).to_owned(),
        on: step.turn.on,
        old_name: step.dated.named.clone(),
        ..StepTold::default()
    };
    Some(match &step.dated.step {
        Step::Vacate { .. } => return None,
        Step::Add { came_out_of, .. } => StepTold {
            name: step.row.as_ref().map(|row| row.name.clone()),
            parent: step.row.as_ref().and_then(|row| row.parent.clone()),
            came_out_of: came_out_of
                .iter()
                .map(|code| before_vacated(code).to_owned())
                .collect(),
            ..of("add")
        },
        Step::Rename { name, new_code, .. } => StepTold {
            name: name.clone(),
            new_code: new_code.clone(),
            ..of("rename")
        },
        Step::Recode { changes } => StepTold {
            old_name: None,
            changes: changes
                .iter()
                .map(|change| RecodedTold {
                    code: change.code.clone(),
                    old_name: change.named.clone(),
                    new_code: change.new_code.clone(),
                    name: change.name.clone(),
                })
                .collect(),
            ..of("recode")
        },
        Step::Rekind { kind, .. } => StepTold {
            kind: Some(*kind),
            ..of("rekind")
        },
        Step::Move { parent, .. } => StepTold {
            parent: Some(parent.clone()),
            ..of("move")
        },
        Step::Merge { into, .. } => StepTold {
            into: Some(into.clone()),
            ..of("merge")
        },
        Step::Close { .. } => of("close"),
    })
}
