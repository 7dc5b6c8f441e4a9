//! The reply to an import: numbers and errors.

use qiaojian_domain::Violation;
use qiaojian_domain::text_enum;
use qiaojian_sheets::register::{Skipped, field_of};
use qiaojian_store::organizations::{Incoming, Verdict};
use serde::Serialize;
use utoipa::ToSchema;

use super::import::Import;
use crate::problem::{ApiError, Language, MOST_LISTED};

text_enum! {
    /// The format of the reply.
    pub enum ReplyAs {
        /// As JSON.
        Json => "json",
        /// As the file that was sent.
        File => "file",
    }
}

#[expect(clippy::derivable_impls, reason = "the macro declares the variants")]
impl Default for ReplyAs {
    fn default() -> Self {
        Self::Json
    }
}

/// The result of an import or of a dry run.
#[derive(Debug, Serialize, ToSchema)]
pub struct ImportReply {
    /// Whether this was a dry run, in which nothing is changed.
    dry_run: bool,
    /// Number of non-blank rows, not counting the header and skipped rows.
    rows: usize,
    /// Number of recorded organizations; in a dry run, of those that would be recorded.
    recorded: usize,
    /// Number of rows that match the register.
    unchanged: usize,
    /// Number of refused rows.
    refused: usize,
    /// The errors of the refused rows; at most 1,000.
    errors: Vec<RowError>,
    /// Number of further errors.
    more_errors: usize,
    /// Lines that are not part of the table: a title above the header; totals, signatures and remarks below it; at most
    /// 1,000.
    skipped: Vec<SkippedRow>,
}

/// A skipped line.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SkippedRow {
    /// The row number in the spreadsheet, starting at 1.
    row: u32,
    /// The beginning of its text.
    text: String,
}

impl From<Skipped> for SkippedRow {
    fn from(skipped: Skipped) -> Self {
        Self {
            row: skipped.number,
            text: skipped.text,
        }
    }
}

/// An error in a row.
#[derive(Debug, Serialize, ToSchema)]
pub struct RowError {
    /// The row number in the spreadsheet, starting at 1.
    row: u32,
    /// The column's field, as in its header; empty if the error concerns the whole row.
    field: String,
    /// A stable identifier for programs.
    code: &'static str,
    detail: String,
}

impl ImportReply {
    pub(super) fn of(
        import: &Import,
        verdicts: &[Verdict],
        (dry_run, partial): (bool, bool),
        language: Language,
    ) -> Self {
        let rows = &import.rows;
        let count = |of: fn(&Verdict) -> bool| verdicts.iter().filter(|verdict| of(verdict)).count();
        let refused = count(|verdict| matches!(verdict, Verdict::Refused(_)));
        let recorded = if refused > 0 && !partial {
            0
        } else {
            count(|verdict| matches!(verdict, Verdict::New(_)))
        };
        let listed = wrong(rows, verdicts)
            .take(MOST_LISTED)
            .map(|(row, violation)| RowError {
                row,
                field: field_of(&violation.pointer),
                code: violation.code,
                detail: language.sentence(violation).to_owned(),
            });
        Self {
            dry_run,
            rows: rows.len(),
            recorded,
            unchanged: count(|verdict| matches!(verdict, Verdict::Unchanged)),
            refused,
            errors: listed.collect(),
            more_errors: wrong(rows, verdicts).skip(MOST_LISTED).count(),
            skipped: import.skipped.iter().take(MOST_LISTED).cloned().collect(),
        }
    }
}

/// 422: a row is invalid, so nothing was recorded.
pub(super) fn refusal(rows: &[Incoming], verdicts: &[Verdict]) -> ApiError {
    let refused = verdicts
        .iter()
        .filter(|verdict| matches!(verdict, Verdict::Refused(_)));
    let told = wrong(rows, verdicts).map(|(row, violation)| Violation {
        pointer: format!("/rows/{row}/{}", field_of(&violation.pointer)).into(),
        ..violation.clone()
    });
    ApiError::rows_refused(refused.count(), told)
}

fn wrong<'a>(rows: &'a [Incoming], verdicts: &'a [Verdict]) -> impl Iterator<Item = (u32, &'a Violation)> {
    rows.iter().zip(verdicts).flat_map(|(row, verdict)| {
        let violations = match verdict {
            Verdict::Refused(violations) => violations.as_slice(),
            Verdict::New(_) | Verdict::Unchanged => &[],
        };
        violations.iter().map(|violation| (row.number, violation))
    })
}
