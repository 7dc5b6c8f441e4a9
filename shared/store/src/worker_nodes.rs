//! Runs of worker processes: which are alive, and what their last pass did.

use diesel::prelude::*;
use qiaojian_domain::clock::UtcTime;
use qiaojian_domain::ids::NodeId;

use crate::db::AnyConnection;
use crate::db::schema::worker_nodes;

/// Workers looked at for what holds them back: those heard of last.
const FEW: i64 = 5;

/// One run of a worker.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = worker_nodes)]
pub struct WorkerNodeRow {
    pub id: NodeId,
    pub started_at: UtcTime,
    pub heartbeat_at: UtcTime,
    /// It has been asked to stop and takes no new work.
    pub draining: bool,
    /// The last pass, as JSON.
    pub status: String,
}

/// Says that the node is alive. The first call adds it.
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

/// Forgets nodes that have not been heard of since `before`.
///
/// # Errors
/// Returns an error if the database fails.
pub fn forget_silent(conn: &mut AnyConnection, before: UtcTime) -> QueryResult<usize> {
    diesel::delete(worker_nodes::table.filter(worker_nodes::heartbeat_at.lt(before))).execute(conn)
}

/// All nodes, the one heard of last first.
///
/// # Errors
/// Returns an error if the database fails.
pub fn list(conn: &mut AnyConnection) -> QueryResult<Vec<WorkerNodeRow>> {
    worker_nodes::table
        .order(worker_nodes::heartbeat_at.desc())
        .select(WorkerNodeRow::as_select())
        .load(conn)
}

/// Why a worker that lives holds back, if one does.
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
