//! Where the tasks of a programme stood, for each area they were given to, on a date.

use chrono::NaiveDate;
use diesel::prelude::*;

use crate::db::AnyConnection;
use crate::db::schema::{assignment_versions, assignments, tasks};
use crate::domain::access::Post;
use crate::domain::assignment::AssignmentStatus;
use crate::ids::{AreaId, ProgramId};
use crate::store::Recorded;
use crate::store::predicates::true_on;

/// One area's part in one task.
#[derive(Debug, Clone, PartialEq, Eq, Queryable)]
pub struct Standing {
    pub area: AreaId,
    pub no: i32,
    pub content: String,
    pub due_on: NaiveDate,
    pub status: AssignmentStatus,
    pub submitted_on: Option<NaiveDate>,
}

/// The tasks of `program` given to `post` in any of `areas`, as they stood on `as_of` and as known at `known`, by number.
///
/// # Errors
/// The database's.
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
