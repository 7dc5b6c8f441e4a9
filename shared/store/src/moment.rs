//! The point in time of a read: valid time and transaction time.

use chrono::NaiveDate;

use super::Recorded;

/// A point in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// The valid time.
    pub as_of: NaiveDate,
    /// The transaction time.
    pub known: Recorded,
}
