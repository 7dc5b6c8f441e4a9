//! Runs of worker processes: which are alive, and the status of their last pass.

use diesel::prelude::*;
use qiaojian_domain::clock::UtcTime;
use qiaojian_domain::ids::NodeId;

use crate::db::AnyConnection;
use crate::db::schema::worker_nodes;

/// Number of most recently seen workers examined for a reason to be suspended.
const FEW: i64 = 5;

/// A run of a worker.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = worker_nodes)]
pub struct WorkerNodeRow {
    pub id: NodeId,
    pub started_at: UtcTime,
    pub heartbeat_at: UtcTime,
    /// Whether it was asked to stop and takes no new work.
    pub draining: bool,
    /// The status of the last pass, as JSON.
    pub status: String,
}

/// Records a heartbeat of the node. The first call inserts it.
///
/// # Errors
/// Returns an error if the database fails.
pub fn beat(conn: &mut AnyConnection, node: &WorkerNodeRow) -> QueryResult<()> {
    let updated = diesel::update(worker_nodes::table.find(node.id))
        .set((
            worker_nodes::heartbeat_at.eq(node.heartbeat_at),
            worker_nodes::draining.eq(node.draining),
            worker_nodes::status.eq(&node.status),
        ))
        .execute(conn)?;
    if updated == 0 {
        diesel::insert_into(worker_nodes::table)
            .values(node)
            .execute(conn)?;
    }
    Ok(())
}

/// Deletes nodes without a heartbeat since `before`.
///
/// # Errors
/// Returns an error if the database fails.
pub fn forget_silent(conn: &mut AnyConnection, before: UtcTime) -> QueryResult<usize> {
    diesel::delete(worker_nodes::table.filter(worker_nodes::heartbeat_at.lt(before))).execute(conn)
}

/// Returns all nodes, most recent heartbeat first.
///
/// # Errors
/// Returns an error if the database fails.
pub fn list(conn: &mut AnyConnection) -> QueryResult<Vec<WorkerNodeRow>> {
    worker_nodes::table
        .order(worker_nodes::heartbeat_at.desc())
        .select(WorkerNodeRow::as_select())
        .load(conn)
}

/// Returns why an active worker is suspended, if one is.
///
/// # Errors
/// Returns an error if the database fails.
pub fn held(conn: &mut AnyConnection) -> QueryResult<Option<String>> {
    #[derive(serde::Deserialize)]
    struct Held {
        held: Option<String>,
    }
    let newest: Vec<String> = worker_nodes::table
        .filter(worker_nodes::draining.eq(false))
        .order(worker_nodes::heartbeat_at.desc())
        .limit(FEW)
        .select(worker_nodes::status)
        .load(conn)?;
    Ok(newest
        .iter()
        .find_map(|status| serde_json::from_str::<Held>(status).ok()?.held))
}
