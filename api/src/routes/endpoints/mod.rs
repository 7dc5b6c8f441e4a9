//! The endpoints at which posts receive notices.

pub mod create;
pub mod delete;
pub mod get;
pub mod list;
pub mod patch;
pub mod steps;
pub mod wire;
