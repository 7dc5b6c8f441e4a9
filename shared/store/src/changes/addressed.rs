//! Items that reach a reader from outside areas: tasks assigned to it, and published bulletins addressed to it.

use std::collections::{HashMap, HashSet};

use diesel::prelude::*;
use qiaojian_domain::clock::UtcTime;
use qiaojian_domain::ids::{BulletinId, TaskId};

use crate::areas::Subtree;
use crate::db::AnyConnection;
use crate::db::schema::{area_versions, assignments, bulletins, notices};
use crate::predicates::{head, within};

/// Returns those of these tasks that were assigned to areas of `visible`.
pub(super) fn given_tasks(
    conn: &mut AnyConnection,
    visible: &Subtree,
    ids: &[&str],
) -> QueryResult<HashSet<String>> {
    let ids: Vec<TaskId> = ids.iter().filter_map(|id| id.parse().ok()).collect();
    if ids.is_empty() {
        return Ok(HashSet::new());
    }
    let given: Vec<TaskId> = assignments::table
        .inner_join(area_versions::table.on(area_versions::area_id.eq(assignments::area_id)))
        .filter(assignments::task_id.eq_any(ids))
        .filter(head!(area_versions).and(within!(visible)))
        .select(assignments::task_id)
        .distinct()
        .load(conn)?;
    Ok(given.iter().map(ToString::to_string).collect())
}

/// Returns the publication times of those of these bulletins that are addressed to areas of `visible`.
pub(super) fn addressed_bulletins(
    conn: &mut AnyConnection,
    visible: &Subtree,
    ids: &[&str],
) -> QueryResult<HashMap<String, UtcTime>> {
    let ids: Vec<BulletinId> = ids.iter().filter_map(|id| id.parse().ok()).collect();
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let addressed: Vec<(BulletinId, UtcTime)> = notices::table
        .inner_join(bulletins::table.on(bulletins::id.eq(notices::bulletin_id)))
        .inner_join(area_versions::table.on(area_versions::area_id.eq(notices::area_id)))
        .filter(notices::bulletin_id.eq_any(ids))
        .filter(bulletins::published_at.is_not_null())
        .filter(head!(area_versions).and(within!(visible)))
        .select((bulletins::id, bulletins::published_at.assume_not_null()))
        .distinct()
        .load(conn)?;
    Ok(addressed
        .into_iter()
        .map(|(id, out_at)| (id.to_string(), out_at))
        .collect())
}
