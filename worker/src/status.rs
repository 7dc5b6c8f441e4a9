//! The status of a worker for an operator: the row it keeps in `worker_nodes`.

use qiaojian_domain::clock::UtcTime;
use qiaojian_store::deliveries::Reclaimed;
use qiaojian_store::schedules::Ticked;
use serde::Serialize;

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

/// The result of a compose pass.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Composed {
    /// Number of published bulletins.
    pub published: usize,
    /// Number of drafts that wait for a person.
    pub drafts: usize,
    /// Number of occurrences left to another worker that was faster.
    pub taken: usize,
    /// Number of occurrences that could not be composed; they are retried later.
    pub failed: usize,
    /// Whether more may be ready immediately.
    pub more: bool,
}

/// The result of a deliver pass.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Delivered {
    /// Number accepted by the recipient's side.
    pub sent: usize,
    /// Number refused or not reached; the row says what happens next.
    pub failed: usize,
    /// Number for which it is unknown whether they were accepted.
    pub uncertain: usize,
    /// Number released unsent, because the worker was asked to stop or had no free slot in time.
    pub released: usize,
    /// Number that belonged to another worker by then: not sent, or the result not recorded.
    pub lost: usize,
    /// Whether more may be ready immediately.
    pub more: bool,
}
