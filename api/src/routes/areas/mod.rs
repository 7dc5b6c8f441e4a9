//! The tree of administrative divisions and parks.

pub mod children;
pub mod counts;
pub mod create;
pub mod get;
pub mod list;
pub mod turns;
pub mod wire;
