//! What a caller holds.

column_enum! {
    /// Where a token stands. Whether it has expired is a question of the time, not a stored state.
    pub enum TokenStatus {
        /// Issued as a one-time code, not yet taken up.
        Enrolling => "enrolling",
        /// In use.
        Active => "active",
        /// Withdrawn for good.
        Revoked => "revoked",
    }
}
