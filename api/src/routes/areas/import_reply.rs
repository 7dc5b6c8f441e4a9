//! What is answered to a list of areas.

use chrono::NaiveDate;
use qiaojian_shared::domain::Violation;
use qiaojian_shared::domain::area::AreaKind;
use qiaojian_shared::domain::area::update::Step;
use qiaojian_shared::store::areas::ReadyStep;
use serde::Serialize;
use utoipa::ToSchema;

use crate::problem::Language;

/// A step that cannot be taken.
pub struct Refused {
    /// Of the list, if the area is in it.
    pub row: Option<u32>,
    pub area: String,
    pub violations: Vec<Violation>,
}

impl Refused {
    /// What is wrong, at its row or its area.
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

/// The steps to a list, taken or tried.
#[derive(Debug, Serialize, ToSchema)]
pub struct AreaImportReply {
    /// Whether nothing was done.
    dry_run: bool,
    /// The day of the update.
    on: NaiveDate,
    /// Rows of the list.
    rows: usize,
    added: usize,
    renamed: usize,
    /// Of another kind than before.
    rekinded: usize,
    moved: usize,
    merged: usize,
    closed: usize,
    /// In the order in which they are taken.
    steps: Vec<StepTold>,
    /// Steps that cannot be taken; in a dry run only, else nothing is.
    errors: Vec<StepError>,
}

/// One step. Codes are those the areas have when its turn comes.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct StepTold {
    /// `add`, `rename`, `rekind`, `move`, `merge` or `close`.
    verb: &'static str,
    code: String,
    on: NaiveDate,
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
}

/// Why a step cannot be taken.
#[derive(Debug, Serialize, ToSchema)]
pub struct StepError {
    /// As a spreadsheet counts, if the area is in the list.
    row: Option<u32>,
    /// The area's code.
    area: String,
    /// Stable, for programs.
    code: &'static str,
    detail: String,
}

impl AreaImportReply {
    pub(super) fn of(
        rows: usize,
        (dry_run, on): (bool, NaiveDate),
        steps: &[ReadyStep],
        refused: &[Refused],
        language: Language,
    ) -> Self {
        let steps: Vec<StepTold> = steps.iter().map(told).collect();
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
            renamed: count("rename"),
            rekinded: count("rekind"),
            moved: count("move"),
            merged: count("merge"),
            closed: count("close"),
            errors: errors.collect(),
            steps,
        }
    }
}

fn told(step: &ReadyStep) -> StepTold {
    let of = |verb: &'static str| StepTold {
        verb,
        code: step.dated.step.code().to_owned(),
        on: step.turn.on,
        ..StepTold::default()
    };
    match &step.dated.step {
        Step::Add { came_out_of, .. } => StepTold {
            name: step.row.as_ref().map(|row| row.name.clone()),
            parent: step.row.as_ref().and_then(|row| row.parent.clone()),
            came_out_of: came_out_of.clone(),
            ..of("add")
        },
        Step::Rename { name, new_code, .. } => StepTold {
            name: name.clone(),
            new_code: new_code.clone(),
            ..of("rename")
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
    }
}
