//! Plain texts of notices that were published by an earlier version, which stored only the page and rendered the text
//! on request.

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::Text;
use qiaojian_documents::page;
use qiaojian_domain::clock::UtcTime;
use qiaojian_domain::ids::NoticeId;

use super::publish::with_letterhead;
use super::{BulletinRow, by_id};
use crate::db::AnyConnection;
use crate::db::schema::notices as notices_table;
use crate::notices::NoticeRow;
use crate::{StoreError, StoreResult, areas, ledger};

/// Fills in a missing text of a notice, rendered with the area name on the page: that of the day of publication.
///
/// # Errors
/// If the frozen figures cannot be read, or a database error.
pub fn fill_text(
    conn: &mut AnyConnection,
    bulletin: &BulletinRow,
    notice: &mut NoticeRow,
) -> StoreResult<()> {
    if notice.text.is_empty() {
        let name = name_at_publication(conn, bulletin, notice)?;
        notice.text = with_letterhead(bulletin, notice, &name, page::text)?;
    }
    Ok(())
}

/// Returns whether any notice has no text.
///
/// # Errors
/// Returns an error if the database fails.
pub fn is_text_missing(conn: &mut AnyConnection) -> QueryResult<bool> {
    // Ordered by id, to match the partial index of these rows.
    let first: Option<NoticeId> = notices_table::table
        .filter(notices_table::text.eq(sql::<Text>("''")))
        .order(notices_table::id)
        .select(notices_table::id)
        .first(conn)
        .optional()?;
    Ok(first.is_some())
}

/// Freezes the texts of up to `limit` notices that have none. Returns their number; less than `limit` if none remain.
///
/// # Errors
/// If the frozen figures cannot be read, or a database error.
pub fn freeze_missing_texts(conn: &mut AnyConnection, limit: i64) -> StoreResult<usize> {
    let missing: Vec<NoticeRow> = notices_table::table
        .filter(notices_table::text.eq(sql::<Text>("''")))
        .order(notices_table::id)
        .limit(limit)
        .select(NoticeRow::as_select())
        .load(conn)?;
    for mut notice in missing.iter().cloned() {
        let bulletin = by_id(conn, notice.bulletin_id)?;
        fill_text(conn, &bulletin, &mut notice)?;
        diesel::update(notices_table::table.find(notice.id))
            .set(notices_table::text.eq(notice.text))
            .execute(conn)?;
    }
    Ok(missing.len())
}

fn name_at_publication(
    conn: &mut AnyConnection,
    bulletin: &BulletinRow,
    notice: &NoticeRow,
) -> StoreResult<String> {
    let on = bulletin.published_at.map(UtcTime::date_in_shanghai);
    if let Some(on) = on {
        let known = ledger::known_at(conn, bulletin.published_at)?.known;
        match areas::on_day(conn, notice.area_id, on, known) {
            Ok(area) => return Ok(area.name),
            Err(StoreError::NotFound(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(areas::by_id(conn, notice.area_id)?.name)
}
