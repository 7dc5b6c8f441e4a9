//! The register of organizations.

pub mod batch;
pub mod create;
pub mod delete;
pub mod dormant;
pub mod export;
pub mod get;
pub mod history;
pub mod import;
mod import_file;
mod import_reply;
pub mod list;
pub mod merge;
pub mod patch;
pub mod renewals;
pub mod split;
pub mod steps;
pub mod template;
pub mod turns;
pub mod unveilings;
pub mod verify;
pub mod wire;
