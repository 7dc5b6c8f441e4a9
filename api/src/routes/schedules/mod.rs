//! Schedules for composing bulletins.

pub mod create;
pub mod delete;
pub mod get;
pub mod list;
pub mod occurrences;
pub mod patch;
pub mod preview;
pub mod steps;
pub mod wire;
