//! The register of organizations.

pub mod batch;
pub mod create;
pub mod delete;
pub mod get;
pub mod history;
pub mod list;
pub mod merge;
mod moment;
pub mod patch;
pub mod split;
pub mod steps;
pub mod turns;
pub mod verify;
pub mod wire;
