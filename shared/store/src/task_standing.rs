//! The status of a programme's tasks on a date, for each area they were assigned to.

use chrono::NaiveDate;
use diesel::prelude::*;
use qiaojian_domain::access::Post;
use qiaojian_domain::assignment::AssignmentStatus;
use qiaojian_domain::ids::{AreaId, AssignmentId, ProgramId};

use crate::db::AnyConnection;
use crate::db::schema::{area_versions, assignment_versions, assignments, tasks};
use crate::predicates::{area_by, true_on, within_or_ended};
use crate::{Moment, Recorded, Subtree, fact_rows};

/// One area's assignment of one task.
#[derive(Debug, Clone, PartialEq, Eq, Queryable)]
pub struct Standing {
    pub area: AreaId,
    pub no: i32,
    pub content: String,
    pub due_on: NaiveDate,
    pub status: AssignmentStatus,
    pub submitted_on: Option<NaiveDate>,
}

/// An assignment: its id, area, due date, status, and the date of the current submission.
pub type FellDue = (
    AssignmentId,
    AreaId,
    NaiveDate,
    AssignmentStatus,
    Option<NaiveDate>,
);

/// Returns the assignments of a programme in areas of `within` (a path in the tree of `as_of`) that fell due after
/// `from` and on or before `to`, as of `as_of` and as known at `known`. Excludes cancelled ones and those whose due
/// date was not over at `known`. Includes only tasks issued by an area above `within`, or, if there is none above, by
/// its own area.
///
/// # Errors
/// Returns an error if the database fails.
pub fn fell_due(
    conn: &mut AnyConnection,
    within: &Subtree,
    program: Option<ProgramId>,
    (from, to): (NaiveDate, NaiveDate),
    Moment { as_of, known }: Moment,
) -> QueryResult<Vec<FellDue>> {
    use assignment_versions as v;
    let issuers = issuers(conn, within, as_of, known)?;
    let mut query = v::table
        .inner_join(assignments::table.on(assignments::id.eq(v::assignment_id)))
        .inner_join(tasks::table.on(tasks::id.eq(assignments::task_id)))
        .inner_join(area_by!(assignments::area_id, as_of, known))
        .filter(within_or_ended!(within))
        .filter(true_on!(v, as_of, known))
        .filter(v::due_on.gt(from).and(v::due_on.le(to)))
        .filter(v::due_on.lt(known.at.date_in_shanghai()))
        .filter(tasks::issuer_area_id.eq_any(issuers))
        .filter(v::status.ne(AssignmentStatus::Cancelled))
        .select((
            assignments::id,
            assignments::area_id,
            v::due_on,
            v::status,
            v::submitted_on,
        ))
        .into_boxed();
    if let Some(program) = program {
        query = query.filter(tasks::program_id.eq(program));
    }
    query.load(conn)
}

/// Returns the issuers whose tasks count for `within`: the areas above it, or, if there is none, its own area.
///
/// # Errors
/// Returns an error if the database fails.
pub fn issuers(
    conn: &mut AnyConnection,
    within: &Subtree,
    as_of: NaiveDate,
    known: Recorded,
) -> QueryResult<Vec<AreaId>> {
    let above = fact_rows::areas_above(conn, within.lower(), as_of, known)?;
    if !above.is_empty() {
        return Ok(above.into_iter().map(|(id, ..)| id).collect());
    }
    use area_versions as a;
    a::table
        .filter(a::path.eq(within.lower()))
        .filter(true_on!(a, as_of, known))
        .select(a::area_id)
        .load(conn)
}

/// Returns the tasks of `program` assigned to `post` in any of `areas`, as of `as_of` and as known at `known`, by
/// number.
///
/// # Errors
/// Returns an error if the database fails.
pub fn on(
    conn: &mut AnyConnection,
    program: ProgramId,
    areas: &[AreaId],
    post: Post,
    as_of: NaiveDate,
    known: Recorded,
) -> QueryResult<Vec<Standing>> {
    use assignment_versions as v;
    v::table
        .inner_join(assignments::table.on(assignments::id.eq(v::assignment_id)))
        .inner_join(tasks::table.on(tasks::id.eq(assignments::task_id)))
        .filter(tasks::program_id.eq(program))
        .filter(assignments::area_id.eq_any(areas).and(assignments::post.eq(post)))
        .filter(true_on!(v, as_of, known))
        .order((tasks::no, assignments::id))
        .select((
            assignments::area_id,
            tasks::no,
            tasks::content,
            v::due_on,
            v::status,
            v::submitted_on,
        ))
        .load(conn)
}
