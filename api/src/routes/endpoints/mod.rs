//! Where posts receive.

pub mod create;
pub mod delete;
pub mod get;
pub mod list;
pub mod patch;
pub mod steps;
pub mod wire;
