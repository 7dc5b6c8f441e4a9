//! The few statements that the two databases do not share. Each has one arm per database and a test that runs on both.

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::BigInt;
use qiaojian_domain::clock::UtcTime;
use qiaojian_domain::delivery::{Channel, DeliveryState, EndpointStatus};
use qiaojian_domain::ids::{DeliveryId, NodeId};

use super::AnyConnection;
use super::types::{SqlInstant, SqlUuid};

diesel::define_sql_function! {
    /// The text with its ASCII letters in lower case: what a search compares, so that both databases find the same.
    fn lower(text: diesel::sql_types::Text) -> diesel::sql_types::Text;
}

/// Inserts a row unless one with its UNIQUE key is there; `Ok(true)` when it was inserted. A key that another process has
/// just written is waited for and then absorbed: the transaction goes on.
macro_rules! insert_if_absent {
    ($conn:expr, $table:expr, $row:expr) => {
        match $conn {
            $crate::db::AnyConnection::Postgres(conn) => diesel::insert_into($table)
                .values($row)
                .on_conflict_do_nothing()
                .execute(conn),
            $crate::db::AnyConnection::Sqlite(conn) => diesel::insert_into($table)
                .values($row)
                .on_conflict_do_nothing()
                .execute(conn),
        }
        .map(|inserted| inserted == 1)
    };
}
pub(crate) use insert_if_absent;

/// Runs one body on the connection inside, whichever it is. Only for the hottest reads: through `AnyConnection` a query's SQL
/// is written anew at each execution and each field of a row is boxed, a tenth of a short read (docs/decisions/0002).
macro_rules! on_either {
    ($conn:expr, |$inner:ident| $body:expr) => {
        match $conn {
            $crate::db::AnyConnection::Postgres($inner) => $body,
            $crate::db::AnyConnection::Sqlite($inner) => $body,
        }
    };
}
pub(crate) use on_either;

/// PostgreSQL's timeline, which changes when another server becomes the primary; none on a standby, and none on SQLite.
///
/// # Errors
/// The database's.
pub fn timeline(conn: &mut AnyConnection) -> QueryResult<Option<String>> {
    let AnyConnection::Postgres(conn) = conn else {
        return Ok(None);
    };
    let of_log = "CASE WHEN pg_is_in_recovery() THEN NULL ELSE substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) END";
    diesel::select(diesel::dsl::sql::<
        diesel::sql_types::Nullable<diesel::sql_types::Text>,
    >(of_log))
    .get_result(conn)
}

/// Has PostgreSQL plan anew what it planned for tables that have grown since within the transaction: the checks of foreign keys, planned
/// when a table was empty, would read all of it for each row. SQLite plans nothing by size.
///
/// # Errors
/// The database's.
pub fn forget_plans(conn: &mut AnyConnection) -> QueryResult<()> {
    match conn {
        AnyConnection::Postgres(conn) => conn.batch_execute("DISCARD PLANS"),
        AnyConnection::Sqlite(_) => Ok(()),
    }
}

/// The tables that grow, whose sizes decide about plans.
const GROWING_TABLES: &str = "areas, area_versions, area_counts, area_successions, organizations, organization_versions, activities, \
    activity_versions, activity_areas, tasks, assignments, assignment_versions, bulletins, notices, deliveries, delivery_attempts, \
    tokens, idempotency_keys, audit_entries";

/// Refreshes the statistics that PostgreSQL plans by. By itself it does so up to a minute after much was added, and until then plans for
/// what was there before: a list of 50 organizations then takes 20 s. SQLite plans nothing by size.
///
/// # Errors
/// The database's.
pub(super) fn analyze(conn: &mut AnyConnection) -> QueryResult<()> {
    match conn {
        AnyConnection::Postgres(conn) => conn.batch_execute(&format!("ANALYZE {GROWING_TABLES}")),
        AnyConnection::Sqlite(_) => Ok(()),
    }
}

/// Who claims deliveries, and how many.
#[derive(Debug, Clone, Copy)]
pub struct Claim<'a> {
    /// The worker.
    pub node: NodeId,
    /// The present.
    pub now: UtcTime,
    /// When the lease ends.
    pub lease_until: UtcTime,
    /// Only through these, which the worker serves: the others wait.
    pub channels: &'a [Channel],
    /// At most this many of one endpoint, so that none can starve the others.
    pub per_endpoint: i64,
    /// At most this many in all.
    pub most: i64,
}

/// A delivery that is ours until the lease ends, as long as its generation is this one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, QueryableByName)]
pub struct Claimed {
    /// Which.
    #[diesel(sql_type = SqlUuid)]
    pub id: DeliveryId,
    /// The fence: every update of ours asks for it.
    #[diesel(sql_type = BigInt)]
    pub lease_gen: i64,
}

/// Claims queued deliveries that are due, oldest first, of endpoints that may be used now. Two workers never get the same one.
///
/// # Errors
/// The database's.
pub fn claim_deliveries(conn: &mut AnyConnection, claim: &Claim<'_>) -> QueryResult<Vec<Claimed>> {
    let (leased, queued) = (DeliveryState::Leased, DeliveryState::Queued);
    let active = EndpointStatus::Active;
    // Words of our own, none of them a caller's; an empty list claims nothing.
    let served: Vec<String> = claim
        .channels
        .iter()
        .map(|channel| format!("'{channel}'"))
        .collect();
    if served.is_empty() {
        return Ok(Vec::new());
    }
    let served = served.join(", ");
    let update = format!(
        "UPDATE deliveries SET state = '{leased}', lease_owner = $1, lease_until = $2, lease_gen = lease_gen + 1, updated_at = $3, \
             version = version + 1"
    );
    let due = format!(
        "SELECT id FROM ( \
             SELECT d.id, d.not_before, row_number() OVER (PARTITION BY d.endpoint_id ORDER BY d.not_before, d.id) AS place \
             FROM deliveries d JOIN endpoints e ON e.id = d.endpoint_id \
             WHERE d.state = '{queued}' AND d.not_before <= $3 AND d.expires_at > $3 AND d.channel IN ({served}) \
               AND e.status = '{active}' AND (e.blocked_until IS NULL OR e.blocked_until <= $3) \
         ) AS ranked WHERE place <= $4 ORDER BY not_before, id LIMIT $5"
    );
    macro_rules! run {
        ($conn:expr, $statement:expr) => {
            sql_query($statement)
                .bind::<SqlUuid, _>(claim.node)
                .bind::<SqlInstant, _>(claim.lease_until)
                .bind::<SqlInstant, _>(claim.now)
                .bind::<BigInt, _>(claim.per_endpoint)
                .bind::<BigInt, _>(claim.most)
                .load($conn)
        };
    }
    match conn {
        // A row that another worker is claiming is passed over, not waited for; `state` is asked again on its latest version.
        AnyConnection::Postgres(conn) => run!(
            conn,
            format!(
                "WITH due AS ({due}), free AS ( \
                     SELECT id FROM deliveries WHERE id IN (SELECT id FROM due) AND state = '{queued}' FOR UPDATE SKIP LOCKED \
                 ) {update} WHERE id IN (SELECT id FROM free) RETURNING id, lease_gen"
            )
        ),
        // One statement under the write lock. Parameters are numbered by first appearance, which is why `update` comes first.
        AnyConnection::Sqlite(conn) => {
            run!(
                conn,
                format!("{update} WHERE id IN ({due}) RETURNING id, lease_gen")
            )
        }
    }
}
