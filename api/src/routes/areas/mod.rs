//! The tree of administrative divisions and parks.

pub mod children;
pub mod correspondence;
pub mod counts;
pub mod create;
pub mod get;
pub mod import;
mod import_reply;
pub mod list;
pub mod reopen;
pub mod template;
pub mod turns;
pub mod wire;
