//! The register of organizations.

pub mod batch;
pub mod create;
pub mod delete;
pub mod dormant;
pub mod get;
pub mod history;
pub mod list;
pub mod merge;
pub mod patch;
pub mod renewals;
pub mod split;
pub mod steps;
pub mod turns;
pub mod unveilings;
pub mod verify;
pub mod wire;
