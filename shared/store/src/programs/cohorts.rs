//! The pilot and comparison areas of a programme, with their dates.

use chrono::NaiveDate;
use diesel::prelude::*;
use qiaojian_domain::clock::UtcTime;
use qiaojian_domain::ids::{AreaId, CohortId, ProgramId};
use qiaojian_domain::program::Cohort;
use qiaojian_domain::{Conflict, Noun};

use crate::Recorded;
use crate::areas::AreaVersion;
use crate::audit::Entry;
use crate::db::AnyConnection;
use crate::db::schema::{area_versions, program_cohorts};
use crate::ledger::Recording;
use crate::predicates::{area_on, head, known_at, true_on};
use crate::{StoreError, StoreResult};

/// A row of `program_cohorts`.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = program_cohorts)]
pub struct CohortRow {
    pub id: CohortId,
    pub program_id: ProgramId,
    pub area_id: AreaId,
    pub recorded_seq: i64,
    pub recorded_at: UtcTime,
    pub superseded_seq: Option<i64>,
    pub superseded_at: Option<UtcTime>,
    pub valid_from: NaiveDate,
    pub valid_to: Option<NaiveDate>,
    pub cohort: Cohort,
}

/// Assigns an area to a cohort from `from` on. Earlier dates keep their recorded state.
///
/// # Errors
/// [`StoreError::Conflict`] `cohort_earlier` if a later change is already recorded, or a database error.
pub fn set_cohort(
    recording: &mut Recording<'_, '_>,
    id: CohortId,
    program: ProgramId,
    area: AreaId,
    cohort: Cohort,
    from: NaiveDate,
) -> StoreResult<CohortRow> {
    let recorded = recording.recorded();
    let head: Option<CohortRow> = program_cohorts::table
        .filter(
            program_cohorts::program_id
                .eq(program)
                .and(program_cohorts::area_id.eq(area)),
        )
        .filter(head!(program_cohorts))
        .select(CohortRow::as_select())
        .first(recording.conn())
        .optional()?;
    let row = CohortRow {
        id,
        program_id: program,
        area_id: area,
        recorded_seq: recorded.seq,
        recorded_at: recorded.at,
        superseded_seq: None,
        superseded_at: None,
        valid_from: from,
        valid_to: None,
        cohort,
    };
    if let Some(head) = head {
        if head.valid_from > from {
            return Err(StoreError::Conflict(Conflict::CohortEarlier));
        }
        if head.cohort == cohort {
            return Ok(head);
        }
        diesel::update(program_cohorts::table.find(head.id))
            .set((
                program_cohorts::superseded_seq.eq(recorded.seq),
                program_cohorts::superseded_at.eq(recorded.at),
            ))
            .execute(recording.conn())?;
        if head.valid_from < from {
            // Days before `from` keep their state: the same row, closed, with an id derived from the new one.
            let closed = CohortRow {
                id: CohortId(uuid::Uuid::from_u128(id.0.as_u128() ^ 1)),
                recorded_seq: recorded.seq,
                recorded_at: recorded.at,
                valid_to: Some(from),
                ..head
            };
            diesel::insert_into(program_cohorts::table)
                .values(&closed)
                .execute(recording.conn())?;
        }
    }
    diesel::insert_into(program_cohorts::table)
        .values(&row)
        .execute(recording.conn())?;
    let text = program.to_string();
    recording.audit(&Entry {
        verb: "set_cohort",
        resource: Noun::Program,
        id: &text,
        area: Some(area),
        before: None,
        after: Some(cohort.as_str()),
    })?;
    Ok(row)
}

/// Returns whether an area was assigned to a cohort after a ledger position and up to `known`.
///
/// # Errors
/// Returns an error if the database fails.
pub fn cohorts_changed(conn: &mut AnyConnection, since: i64, known: Recorded) -> QueryResult<bool> {
    let recorded = program_cohorts::recorded_seq
        .gt(since)
        .and(program_cohorts::recorded_seq.le(known.seq));
    diesel::select(diesel::dsl::exists(program_cohorts::table.filter(recorded))).get_result(conn)
}

/// Returns the days on which an area joined or left a cohort of a programme, as known at `known`.
///
/// # Errors
/// Returns an error if the database fails.
pub fn cohort_days(
    conn: &mut AnyConnection,
    program: ProgramId,
    known: Recorded,
) -> QueryResult<Vec<NaiveDate>> {
    let rows: Vec<(NaiveDate, Option<NaiveDate>)> = program_cohorts::table
        .filter(program_cohorts::program_id.eq(program))
        .filter(known_at!(program_cohorts, known))
        .select((program_cohorts::valid_from, program_cohorts::valid_to))
        .load(conn)?;
    Ok(rows
        .into_iter()
        .flat_map(|(from, to)| [Some(from), to])
        .flatten()
        .collect())
}

/// Returns the cohorts of a programme on `as_of`, as known at `known`, each with its area, by path.
///
/// # Errors
/// Returns an error if the database fails.
pub fn cohorts(
    conn: &mut AnyConnection,
    program: ProgramId,
    as_of: NaiveDate,
    known: Recorded,
) -> QueryResult<Vec<(CohortRow, AreaVersion)>> {
    program_cohorts::table
        .inner_join(area_on!(program_cohorts::area_id, as_of, known))
        .filter(program_cohorts::program_id.eq(program))
        .filter(true_on!(program_cohorts, as_of, known))
        .order(area_versions::path)
        .select((CohortRow::as_select(), AreaVersion::as_select()))
        .load(conn)
}
