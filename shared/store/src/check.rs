//! Everything recomputed from the rows, and compared with what the system holds or has published: the audit trail's hashes, what must
//! hold of every history, the read model, and the figures frozen in bulletins. It reads only.

mod bulletins;
mod dates;
mod figures;
mod histories;

use chrono::NaiveDate;
use serde::Serialize;

use crate::db::AnyConnection;
use crate::{StoreResult, audit};

/// How many differences of one check are told in words; the others are counted.
const TOLD: usize = 10;

qiaojian_domain::text_enum! {
    /// What is compared.
    pub enum Check {
        /// The audit trail's chain of hashes.
        AuditTrail => "audit_trail",
        /// Areas: their histories, and that each stands under its parent.
        Areas => "areas",
        /// Organizations: their histories, and that each stands in an area that is there.
        Organizations => "organizations",
        /// Assignments: their histories.
        Assignments => "assignments",
        /// The read model, brought up to the present step by step, beside the rows; and a plain count of the rows.
        Figures => "figures",
        /// Published bulletins: their digests, and their figures composed again.
        Bulletins => "bulletins",
        /// That nothing is dated after today: what a clock that ran ahead has written.
        Dates => "dates",
    }
}

/// What came of one check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    pub check: Check,
    /// How many rows were looked at.
    pub rows: u64,
    /// How many differences there are.
    pub differences: u64,
    /// The first of them, in words.
    pub first: Vec<String>,
}

impl Report {
    fn of(check: Check) -> Self {
        Self {
            check,
            rows: 0,
            differences: 0,
            first: Vec::new(),
        }
    }

    fn looked_at(&mut self, rows: usize) {
        self.rows += u64::try_from(rows).unwrap_or(u64::MAX);
    }

    fn differs(&mut self, what: impl Into<String>) {
        self.differences += 1;
        if self.first.len() < TOLD {
            self.first.push(what.into());
        }
    }

    /// Whether nothing differs.
    pub fn is_clean(&self) -> bool {
        self.differences == 0
    }
}

/// Runs one check. Run it in one snapshot (`db::snapshot`). Figures are those of `today` (Asia/Shanghai).
///
/// # Errors
/// The database's, and a row that cannot be read.
pub fn run(conn: &mut AnyConnection, check: Check, today: NaiveDate) -> StoreResult<Report> {
    match check {
        Check::AuditTrail => audit_trail(conn),
        Check::Areas => histories::areas(conn),
        Check::Organizations => histories::organizations(conn),
        Check::Assignments => histories::assignments(conn),
        Check::Figures => figures::figures(conn, today),
        Check::Bulletins => bulletins::bulletins(conn),
        Check::Dates => dates::dates(conn, today),
    }
}

fn audit_trail(conn: &mut AnyConnection) -> StoreResult<Report> {
    let mut report = Report::of(Check::AuditTrail);
    let chain = audit::chain(conn)?;
    report.rows = chain.entries;
    if let Some((seq, ordinal)) = chain.first_break {
        report.differs(format!(
            "the chain of hashes breaks at entry {seq}.{ordinal}: it, or what stood around it, was changed or taken out"
        ));
    }
    Ok(report)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_differences_are_told_and_all_are_counted() {
        let mut report = Report::of(Check::Areas);
        assert!(report.is_clean());
        for number in 0..25 {
            report.differs(number.to_string());
        }
        assert_eq!((report.differences, report.first.len()), (25, TOLD));
        assert_eq!(report.first.first().map(String::as_str), Some("0"));
        assert!(!report.is_clean());
    }
}
