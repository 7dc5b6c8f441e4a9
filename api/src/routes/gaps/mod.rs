//! 应建未建: gaps, which are organizations and posts that are required but missing.

pub mod list;
pub mod tasks;
