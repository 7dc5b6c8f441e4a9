//! The tree of administrative divisions and parks.

pub mod children;
pub mod counts;
pub mod create;
pub mod get;
pub mod import;
mod import_reply;
pub mod list;
pub mod reopen;
pub mod turns;
pub mod wire;
