//! 作用发挥: whether anything happens in an organization.

text_enum! {
    /// Why an organization is listed where nothing happens.
    pub enum Dormancy {
        /// Something was recorded of it or of its area before, and nothing for a year.
        Dormant => "dormant",
        /// No activity was ever recorded: nobody knows whether it is active.
        Unknown => "unknown",
    }
}
