//! The two times of a read.

use chrono::NaiveDate;

use super::Recorded;

/// A day, as known at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// The day on which it is true.
    pub as_of: NaiveDate,
    /// The place in the ledger up to which it is known.
    pub known: Recorded,
}
