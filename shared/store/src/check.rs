//! Consistency checks: recompute values from the rows and compare them with what the system holds or has published: the
//! hashes of the audit trail, the invariants of histories, the read model, and the figures frozen in bulletins. Checks
//! only read.

mod bulletins;
mod dates;
mod figures;
mod histories;

use chrono::NaiveDate;
use serde::Serialize;

use crate::db::AnyConnection;
use crate::{StoreResult, audit};

/// Maximum number of differences that a check describes; the rest are only counted.
const TOLD: usize = 10;

qiaojian_domain::text_enum! {
    /// The subject of a check.
    pub enum Check {
        /// The audit trail's hash chain.
        AuditTrail => "audit_trail",
        /// Areas: their histories, and that each is below its parent.
        Areas => "areas",
        /// Organizations: their histories, and that each is in an existing area.
        Organizations => "organizations",
        /// Assignments: their histories.
        Assignments => "assignments",
        /// The read model, updated step by step to the present, against the rows; and a plain count of the rows.
        Figures => "figures",
        /// Published bulletins: their digests, and their figures composed again.
        Bulletins => "bulletins",
        /// That nothing is dated after today, as a clock that was ahead would have written.
        Dates => "dates",
    }
}

/// The result of one check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    pub check: Check,
    /// Number of rows examined.
    pub rows: u64,
    /// Number of differences.
    pub differences: u64,
    /// The first differences, as text.
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

    /// Returns whether there are no differences.
    pub fn is_clean(&self) -> bool {
        self.differences == 0
    }
}

/// Runs one check. Run it in one snapshot (`db::snapshot`). Figures are those of `today` (Asia/Shanghai).
///
/// # Errors
/// Returns an error if the database fails or a row cannot be read.
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
            "the hash chain is broken at entry {seq}.{ordinal}: the entry or an adjacent one was changed or removed"
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
