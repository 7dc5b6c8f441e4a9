//! 作用发挥: whether an organization is active.

text_enum! {
    /// Why an organization is listed as dormant.
    pub enum Dormancy {
        /// Activities were recorded earlier, but none within the past year.
        Dormant => "dormant",
        /// No activity was ever recorded, so it is unknown whether the organization is active.
        Unknown => "unknown",
    }
}
