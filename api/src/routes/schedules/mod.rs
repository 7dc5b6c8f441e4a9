//! When bulletins are composed.

pub mod create;
pub mod get;
pub mod list;
pub mod occurrences;
pub mod preview;
pub mod steps;
pub mod wire;
