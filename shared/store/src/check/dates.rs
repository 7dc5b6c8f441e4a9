//! Checks that nothing is dated after today.

use chrono::{Days, NaiveDate};
use diesel::prelude::*;
use qiaojian_domain::clock::start_of_day_in_shanghai;

use super::{Check, Report};
use crate::StoreResult;
use crate::db::AnyConnection;
use crate::db::schema::{area_versions, audit_entries, bulletins, ledger_clock, organization_versions};

pub(super) fn dates(conn: &mut AnyConnection, today: NaiveDate) -> StoreResult<Report> {
    let mut report = Report::of(Check::Dates);
    let tomorrow = today.checked_add_days(Days::new(1)).unwrap_or(today);
    let end = start_of_day_in_shanghai(tomorrow);
    let clock: i64 = ledger_clock::table
        .find(1_i16)
        .select(ledger_clock::at_us)
        .first(conn)?;
    if clock >= end.micros() {
        report.differs(format!("the ledger's clock is after {today}"));
    }
    let looked: i64 = audit_entries::table.count().get_result(conn)?;
    report.looked_at(usize::try_from(looked).unwrap_or(usize::MAX));
    let entries: i64 = audit_entries::table
        .filter(audit_entries::at.ge(end))
        .count()
        .get_result(conn)?;
    let published: i64 = bulletins::table
        .filter(bulletins::published_at.ge(end))
        .count()
        .get_result(conn)?;
    let areas: i64 = area_versions::table
        .filter(area_versions::superseded_seq.is_null())
        .filter(area_versions::valid_from.ge(tomorrow))
        .count()
        .get_result(conn)?;
    let organizations: i64 = organization_versions::table
        .filter(organization_versions::superseded_seq.is_null())
        .filter(organization_versions::valid_from.ge(tomorrow))
        .count()
        .get_result(conn)?;
    for (count, what) in [
        (entries, "entries of the audit trail"),
        (published, "bulletins' days of issue"),
        (areas, "changes of areas"),
        (organizations, "changes of organizations"),
    ] {
        if count > 0 {
            report.differs(format!("{count} {what} are after {today}"));
        }
    }
    Ok(report)
}
