//! Notices on their way.

pub mod get;
pub mod list;
pub mod steps;
pub mod wire;
