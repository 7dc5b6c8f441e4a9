//! The statements that differ between the two databases. Each has one arm per database and a test that runs on both.

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
    /// Lowercases the ASCII letters of a text. Searches compare this form, so that both databases return the same
    /// matches.
    fn lower(text: diesel::sql_types::Text) -> diesel::sql_types::Text;
}

/// Inserts a row unless one with the same UNIQUE key exists; returns `Ok(true)` if it was inserted. If another process
/// is inserting the key concurrently, the statement waits for it and then does nothing; the transaction continues.
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

/// Runs the same body on the inner connection of either database. Only for the hottest reads: `AnyConnection` rebuilds
/// the SQL at each execution and boxes each field of a row, which costs a tenth of a short read (docs/decisions/0002).
macro_rules! on_either {
    ($conn:expr, |$inner:ident| $body:expr) => {
        match $conn {
            $crate::db::AnyConnection::Postgres($inner) => $body,
            $crate::db::AnyConnection::Sqlite($inner) => $body,
        }
    };
}
pub(crate) use on_either;

/// Returns PostgreSQL's timeline, which changes when another server becomes the primary; `None` on a standby and on
/// SQLite.
///
/// # Errors
/// Returns an error if the database fails.
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

/// Discards PostgreSQL's cached plans for tables that have grown within the transaction: a foreign-key check planned
/// while a table was empty would scan the whole table for each row. SQLite's plans do not depend on table sizes.
///
/// # Errors
/// Returns an error if the database fails.
pub fn forget_plans(conn: &mut AnyConnection) -> QueryResult<()> {
    match conn {
        AnyConnection::Postgres(conn) => conn.batch_execute("DISCARD PLANS"),
        AnyConnection::Sqlite(_) => Ok(()),
    }
}

/// The tables that grow and whose sizes affect query plans.
const GROWING_TABLES: &str = "areas, area_versions, area_counts, area_successions, organizations, organization_versions, activities, \
    activity_versions, activity_areas, tasks, assignments, assignment_versions, bulletins, notices, deliveries, delivery_attempts, \
    tokens, idempotency_keys, audit_entries";

/// Refreshes the statistics that PostgreSQL's planner uses. Autovacuum does so up to a minute after a bulk insert;
/// until then plans assume the former sizes, and a list of 50 organizations takes 20 s. SQLite's plans do not depend on
/// table sizes.
///
/// # Errors
/// Returns an error if the database fails.
pub(super) fn analyze(conn: &mut AnyConnection) -> QueryResult<()> {
    match conn {
        AnyConnection::Postgres(conn) => conn.batch_execute(&format!("ANALYZE {GROWING_TABLES}")),
        AnyConnection::Sqlite(_) => Ok(()),
    }
}

/// The parameters of a claim on due deliveries.
#[derive(Debug, Clone, Copy)]
pub struct Claim<'a> {
    /// The claiming worker.
    pub node: NodeId,
    /// The current time.
    pub now: UtcTime,
    /// When the lease expires.
    pub lease_until: UtcTime,
    /// The channels that the worker serves; deliveries of other channels stay queued.
    pub channels: &'a [Channel],
    /// Maximum number per endpoint, so that none can starve the others.
    pub per_endpoint: i64,
    /// Maximum number in total.
    pub most: i64,
}

/// A claimed delivery. The claim is valid until the lease expires, provided `lease_gen` is unchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, QueryableByName)]
pub struct Claimed {
    /// The delivery.
    #[diesel(sql_type = SqlUuid)]
    pub id: DeliveryId,
    /// The fencing token: every update by the claimant checks it.
    #[diesel(sql_type = BigInt)]
    pub lease_gen: i64,
}

/// Claims queued deliveries that are due, oldest first, of endpoints that are usable now. Two workers never claim the
/// same delivery.
///
/// # Errors
/// Returns an error if the database fails.
pub fn claim_deliveries(conn: &mut AnyConnection, claim: &Claim<'_>) -> QueryResult<Vec<Claimed>> {
    let (leased, queued) = (DeliveryState::Leased, DeliveryState::Queued);
    let active = EndpointStatus::Active;
    // These are our own constants, never a caller's input; an empty list claims nothing.
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
        // Rows being claimed by another worker are skipped, not waited for; `state` is checked again on their latest
        // version.
        AnyConnection::Postgres(conn) => run!(
            conn,
            format!(
                "WITH due AS ({due}), free AS ( \
                     SELECT id FROM deliveries WHERE id IN (SELECT id FROM due) AND state = '{queued}' FOR UPDATE SKIP LOCKED \
                 ) {update} WHERE id IN (SELECT id FROM free) RETURNING id, lease_gen"
            )
        ),
        // A single statement under the write lock. Parameters are numbered by first appearance, which is why `update`
        // comes first.
        AnyConnection::Sqlite(conn) => {
            run!(
                conn,
                format!("{update} WHERE id IN ({due}) RETURNING id, lease_gen")
            )
        }
    }
}
