//! Identifies the UNIQUE rule of the schema that a statement violated.
//!
//! PostgreSQL names the constraint or index. SQLite names neither; its message lists the columns.

use diesel::result::DatabaseErrorInformation;

const SQLITE_PREFIX: &str = "UNIQUE constraint failed: ";

/// A UNIQUE rule that a request can violate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UniqueKey {
    /// Each code, and so each path, belongs to one area in use.
    AreaCode,
    /// One programme per code.
    ProgramCode,
    /// One active organization in its own right per area and kind.
    ActiveOrganization,
    /// One task per programme, issuer and number.
    TaskNumber,
    /// One assignment per task, area and post.
    Assignee,
    /// One endpoint in use per area, post, channel and address key.
    EndpointAddress,
}

/// Each rule with its name in PostgreSQL and its columns as SQLite lists them.
const KEYS: [(UniqueKey, &str, &str); 7] = [
    (
        UniqueKey::AreaCode,
        "area_versions_head_code",
        "area_versions.code",
    ),
    (
        UniqueKey::AreaCode,
        "area_versions_head_path",
        "area_versions.path",
    ),
    (
        UniqueKey::ProgramCode,
        "program_versions_head_code",
        "program_versions.code",
    ),
    (
        UniqueKey::ActiveOrganization,
        "organization_versions_one_active",
        "organization_versions.area_id, organization_versions.kind",
    ),
    (
        UniqueKey::TaskNumber,
        "tasks_program_id_issuer_area_id_issuer_post_no_key",
        "tasks.program_id, tasks.issuer_area_id, tasks.issuer_post, tasks.no",
    ),
    (
        UniqueKey::Assignee,
        "assignments_task_id_area_id_post_key",
        "assignments.task_id, assignments.area_id, assignments.post",
    ),
    (
        UniqueKey::EndpointAddress,
        "endpoints_address",
        "endpoints.area_id, endpoints.post, endpoints.channel, endpoints.address_key",
    ),
];

impl UniqueKey {
    /// Returns the rule that a unique violation refers to; `None` for any other, such as a primary key.
    pub fn broken(information: &(dyn DatabaseErrorInformation + Send + Sync)) -> Option<Self> {
        let constraint = information.constraint_name();
        let columns = information.message().strip_prefix(SQLITE_PREFIX);
        KEYS.iter()
            .find(|(_, name, listed)| constraint == Some(*name) || columns == Some(*listed))
            .map(|(key, ..)| *key)
    }
}
