//! The status of a worker for an operator: the row it keeps in `worker_nodes`.

use qiaojian_domain::clock::UtcTime;
use qiaojian_store::deliveries::Reclaimed;
use qiaojian_store::schedules::Ticked;
use serde::Serialize;

use crate::passes::{Composed, Delivered};

/// The results of the last pass and the current state.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct WorkerStatus {
    /// When the last pass succeeded.
    pub last_pass_at: Option<UtcTime>,
    /// Number of passes since the start in which something was done.
    pub busy_passes: u64,
    /// The ticks of the last such pass.
    pub ticked: Ticked,
    /// Its compositions.
    pub composed: Composed,
    /// Its reclaimed deliveries.
    pub reclaimed: Reclaimed,
    /// Its deliveries.
    pub delivered: Delivered,
    /// Channels that are temporarily unavailable, with the reason.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub trouble: Vec<String>,
    /// Number of failed passes since the last successful one.
    pub failed_passes: u32,
    /// The error of the last failed pass.
    pub last_error: Option<String>,
    /// Why the worker is holding back, while the clock or the database is in doubt.
    pub held: Option<String>,
}
