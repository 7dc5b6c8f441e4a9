//! Deliveries of notices to endpoints.

pub mod get;
pub mod list;
pub mod steps;
pub mod wire;
