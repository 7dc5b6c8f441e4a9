//! Counts of overseas-linked persons and households of an area (涉侨人员、涉侨家庭): append-only. Unknown is not zero.

use chrono::NaiveDate;
use diesel::prelude::*;
use qiaojian_domain::clock::UtcTime;
use qiaojian_domain::digest::digest_of;
use qiaojian_domain::ids::{AreaId, CountId};
use qiaojian_domain::violation::{NAME_CHARS, check_line};
use qiaojian_domain::{Noun, Violation};
use serde::Serialize;

use super::Recorded;
use super::audit::Entry;
use super::ledger::Recording;
use super::predicates::known_at;
use super::{StoreError, StoreResult, same_request};
use crate::db::AnyConnection;
use crate::db::schema::area_counts;

/// The maximum value of a count.
const MOST: i32 = 10_000_000;

/// A count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Queryable, Selectable, Insertable)]
#[diesel(table_name = area_counts)]
pub struct CountRow {
    pub id: CountId,
    pub area_id: AreaId,
    pub recorded_seq: i64,
    pub recorded_at: UtcTime,
    pub superseded_seq: Option<i64>,
    pub superseded_at: Option<UtcTime>,
    pub persons: Option<i32>,
    pub households: Option<i32>,
    pub counted_on: NaiveDate,
    pub source: String,
}

/// A count to record.
#[derive(Debug, Clone)]
pub struct NewCount {
    pub id: CountId,
    pub area: AreaId,
    /// `None` if unknown.
    pub persons: Option<i32>,
    /// `None` if unknown.
    pub households: Option<i32>,
    pub counted_on: NaiveDate,
    pub source: String,
}

impl NewCount {
    /// Returns all violations, as of today (Asia/Shanghai).
    fn violations(&self, today: NaiveDate) -> Vec<Violation> {
        let mut found = Vec::new();
        check_line(&mut found, "/source", &self.source, NAME_CHARS);
        if self.counted_on > today {
            found.push(Violation::in_future("/counted_on", today));
        }
        if self.persons.is_none() && self.households.is_none() {
            found.push(Violation::new(
                "/persons",
                "nothing_counted",
                "人数和户数至少填写一项。",
                "Give persons, households, or both.",
            ));
        }
        for (pointer, count) in [("/persons", self.persons), ("/households", self.households)] {
            if count.is_some_and(|count| !(0..=MOST).contains(&count)) {
                found.push(Violation::new(
                    pointer,
                    "out_of_range",
                    format!("应在 0 与 {MOST} 之间。"),
                    format!("Must be between 0 and {MOST}."),
                ));
            }
        }
        found
    }
}

/// Returns the count that the same request has already recorded.
///
/// # Errors
/// [`StoreError::Conflict`] `id_taken` if the id belongs to another count, or a database error.
pub fn made_before(conn: &mut AnyConnection, new: &NewCount) -> StoreResult<Option<CountRow>> {
    let known: Option<CountRow> = area_counts::table
        .find(new.id)
        .select(CountRow::as_select())
        .first(conn)
        .optional()?;
    same_request::made_before(known, |row| {
        row.area_id == new.area
            && row.persons == new.persons
            && row.households == new.households
            && row.counted_on == new.counted_on
            && row.source == new.source
    })
}

/// Records a count. It replaces an earlier count of the same area and day. Call [`made_before`] first.
///
/// # Errors
/// [`StoreError::Invalid`], or a database error.
pub fn record(recording: &mut Recording<'_, '_>, new: &NewCount, today: NaiveDate) -> StoreResult<CountRow> {
    let violations = new.violations(today);
    if !violations.is_empty() {
        return Err(StoreError::Invalid(violations));
    }
    let recorded = recording.recorded();
    diesel::update(
        area_counts::table
            .filter(area_counts::area_id.eq(new.area))
            .filter(area_counts::counted_on.eq(new.counted_on))
            .filter(area_counts::superseded_seq.is_null()),
    )
    .set((
        area_counts::superseded_seq.eq(recorded.seq),
        area_counts::superseded_at.eq(recorded.at),
    ))
    .execute(recording.conn())?;
    let row = CountRow {
        id: new.id,
        area_id: new.area,
        recorded_seq: recorded.seq,
        recorded_at: recorded.at,
        superseded_seq: None,
        superseded_at: None,
        persons: new.persons,
        households: new.households,
        counted_on: new.counted_on,
        source: new.source.clone(),
    };
    diesel::insert_into(area_counts::table)
        .values(&row)
        .execute(recording.conn())?;
    let id = row.id.to_string();
    recording.audit(&Entry {
        verb: "record",
        resource: Noun::Counts,
        id: &id,
        area: Some(row.area_id),
        before: None,
        after: Some(&digest_of(&row)?),
    })?;
    Ok(row)
}

/// Returns the counts of an area as known at `known`, latest day first, before `before`.
///
/// # Errors
/// Returns an error if the database fails.
pub fn list(
    conn: &mut AnyConnection,
    area: AreaId,
    known: Recorded,
    before: Option<NaiveDate>,
    limit: i64,
) -> QueryResult<Vec<CountRow>> {
    let mut query = area_counts::table
        .filter(area_counts::area_id.eq(area))
        .filter(known_at!(area_counts, known))
        .order(area_counts::counted_on.desc())
        .limit(limit)
        .select(CountRow::as_select())
        .into_boxed();
    if let Some(before) = before {
        query = query.filter(area_counts::counted_on.lt(before));
    }
    query.load(conn)
}
