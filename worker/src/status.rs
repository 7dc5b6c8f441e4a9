//! What an operator can read of a worker: the row it keeps in `worker_nodes`.

use qiaojian_domain::clock::UtcTime;
use qiaojian_store::deliveries::Reclaimed;
use qiaojian_store::schedules::Ticked;
use serde::Serialize;

use crate::passes::{Composed, Delivered};

/// The last pass, and how things stand.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct WorkerStatus {
    /// When the last pass ended well.
    pub last_pass_at: Option<UtcTime>,
    /// Passes since the start, in which something was done.
    pub busy_passes: u64,
    /// What the last of these ticked.
    pub ticked: Ticked,
    /// What it composed.
    pub composed: Composed,
    /// What it took back.
    pub reclaimed: Reclaimed,
    /// What it delivered.
    pub delivered: Delivered,
    /// Channels through which nothing goes out for now, and why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub trouble: Vec<String>,
    /// Failed passes since the last good one.
    pub failed_passes: u32,
    /// What the last failed one said.
    pub last_error: Option<String>,
    /// Why it holds back, while the clock or the database is in doubt.
    pub held: Option<String>,
}
