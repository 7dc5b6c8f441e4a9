//! Which areas came out of which.

use chrono::NaiveDate;
use diesel::prelude::*;

use crate::clock::UtcTime;
use crate::db::AnyConnection;
use crate::db::schema::area_successions;
use crate::ids::AreaId;
use crate::store::ledger::Recording;

text_enum! {
    /// How one area came out of another.
    pub enum SuccessionKind {
        /// It took the other in.
        Merge => "merge",
        /// It was a part of the other.
        Split => "split",
    }
}

/// One area came out of another on a day.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = area_successions)]
pub struct Succession {
    pub predecessor_id: AreaId,
    pub successor_id: AreaId,
    pub recorded_seq: i64,
    pub recorded_at: UtcTime,
    pub superseded_seq: Option<i64>,
    pub superseded_at: Option<UtcTime>,
    pub kind: SuccessionKind,
    pub on_date: NaiveDate,
}

pub(super) fn record(
    recording: &mut Recording<'_, '_>,
    (predecessor, successor): (AreaId, AreaId),
    kind: SuccessionKind,
    on: NaiveDate,
) -> QueryResult<()> {
    let recorded = recording.recorded();
    diesel::insert_into(area_successions::table)
        .values(&Succession {
            predecessor_id: predecessor,
            successor_id: successor,
            recorded_seq: recorded.seq,
            recorded_at: recorded.at,
            superseded_seq: None,
            superseded_at: None,
            kind,
            on_date: on,
        })
        .execute(recording.conn())?;
    Ok(())
}

/// What the area came out of, and what came out of it, the earliest first.
///
/// # Errors
/// The database's.
pub fn of_area(conn: &mut AnyConnection, area: AreaId) -> QueryResult<Vec<Succession>> {
    area_successions::table
        .filter(area_successions::superseded_seq.is_null())
        .filter(
            area_successions::predecessor_id
                .eq(area)
                .or(area_successions::successor_id.eq(area)),
        )
        .order((area_successions::on_date, area_successions::recorded_seq))
        .select(Succession::as_select())
        .load(conn)
}
