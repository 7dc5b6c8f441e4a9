//! Checks that the frozen content of published bulletins matches its digest and can be computed again.

use qiaojian_documents::page::{self, PageError};
use qiaojian_domain::Conflict;
use qiaojian_domain::digest::sha256_hex;
use qiaojian_domain::program::Cohort;

use super::{Check, Report};
use crate::bulletins::{BulletinKey, BulletinRow, ComposedBulletin, published_after};
use crate::composition::compose_as_known;
use crate::db::AnyConnection;
use crate::notices::{self, NoticeRow};
use crate::schedules::Recipients;
use crate::{StoreError, StoreResult, ledger};

/// Bulletins read at a time.
const CHUNK: i64 = 20;

pub(super) fn bulletins(conn: &mut AnyConnection) -> StoreResult<Report> {
    let mut report = Report::of(Check::Bulletins);
    let mut after = None;
    loop {
        let part = published_after(conn, after, CHUNK)?;
        let Some(last) = part.last() else {
            return Ok(report);
        };
        after = Some(last.id);
        for bulletin in &part {
            let notices = notices::of_bulletin(conn, bulletin.id)?;
            report.looked_at(1 + notices.len());
            digests(&mut report, bulletin, &notices);
            match composed_again(conn, bulletin, &notices)? {
                None => report.differs(format!(
                    "bulletin {}: no cohort has the recipients it was sent to",
                    bulletin.id
                )),
                Some(again) => match in_frozen_format(bulletin, again) {
                    Ok(again) => figures(&mut report, bulletin, &notices, &again),
                    Err(error) => report.differs(format!("bulletin {}: {error}", bulletin.id)),
                },
            }
        }
    }
}

fn digests(report: &mut Report, bulletin: &BulletinRow, notices: &[NoticeRow]) {
    if sha256_hex(&bulletin.figures) != bulletin.digest {
        report.differs(format!(
            "bulletin {}: the digest does not match its frozen figures",
            bulletin.id
        ));
    }
    for notice in notices {
        if sha256_hex(&notice.figures) != notice.digest {
            report.differs(format!(
                "notice {} of bulletin {}: the digest does not match its frozen figures",
                notice.id, bulletin.id
            ));
        }
    }
}

fn figures(report: &mut Report, bulletin: &BulletinRow, notices: &[NoticeRow], again: &ComposedBulletin) {
    let id = bulletin.id;
    if again.rules != bulletin.rules {
        report.differs(format!(
            "bulletin {id}: its rules are {}, but the rows give {}",
            bulletin.rules, again.rules
        ));
    }
    if again.figures != bulletin.figures {
        report.differs(format!(
            "bulletin {id}: its common figures differ from those of the rows for {} as known at {}",
            bulletin.as_of, bulletin.known_at
        ));
    }
    for notice in notices {
        let own = again.notices.iter().find(|own| own.area == notice.area_id);
        if own.is_some_and(|own| own.figures != notice.figures) {
            report.differs(format!(
                "notice {} of bulletin {id}: its figures differ from those of the rows",
                notice.id
            ));
        }
    }
}

/// Converts a newly composed bulletin to the format in which the bulletin was frozen: additions of later formats are
/// not differences.
fn in_frozen_format(bulletin: &BulletinRow, again: ComposedBulletin) -> Result<ComposedBulletin, PageError> {
    let format = page::format_of(bulletin.kind, &bulletin.figures)?;
    let mut again = ComposedBulletin {
        figures: page::common_in_format(&again.figures, format)?,
        ..again
    };
    for notice in &mut again.notices {
        notice.figures = page::own_in_format(&notice.figures, format)?;
    }
    Ok(again)
}

/// Composes the bulletin again, for the cohort of its recipients: the bulletin itself does not record its cohort.
fn composed_again(
    conn: &mut AnyConnection,
    bulletin: &BulletinRow,
    notices: &[NoticeRow],
) -> StoreResult<Option<ComposedBulletin>> {
    let Some(first) = notices.first() else {
        return Ok(None);
    };
    let key = BulletinKey {
        issuer: bulletin.issuer_area_id,
        program: bulletin.program_id,
        kind: bulletin.kind,
        subject: bulletin.subject.clone(),
        period: bulletin.period,
    };
    let known = ledger::known_at(conn, Some(bulletin.known_at))?.known;
    for cohort in Cohort::ALL {
        let recipients = Recipients {
            cohort: *cohort,
            post: first.post,
        };
        match compose_as_known(conn, &key, &recipients, bulletin.as_of, known) {
            Ok(again) if is_for(&again, notices) => return Ok(Some(again)),
            Ok(_) | Err(StoreError::Conflict(Conflict::NoRecipients)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

fn is_for(composed: &ComposedBulletin, notices: &[NoticeRow]) -> bool {
    composed.notices.len() == notices.len()
        && composed
            .notices
            .iter()
            .all(|own| notices.iter().any(|notice| notice.area_id == own.area))
}
