//! Tokens of callers.

column_enum! {
    /// The status of a token. Expiry depends on the time and is not a stored status.
    pub enum TokenStatus {
        /// Issued as a one-time code that has not been redeemed yet.
        Enrolling => "enrolling",
        /// In use.
        Active => "active",
        /// Revoked permanently.
        Revoked => "revoked",
    }
}
