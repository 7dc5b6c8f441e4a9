//! Transaction times.

use qiaojian_domain::clock::UtcTime;
use serde::Serialize;

/// A transaction time: the ledger position and the instant at which the system recorded something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Recorded {
    /// The ledger position; also the cursor of the change feed.
    pub seq: i64,
    /// UTC. Strictly later than every earlier one.
    pub at: UtcTime,
}
