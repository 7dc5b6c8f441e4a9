//! 应建未建: what should be there and is not.

pub mod list;
pub mod tasks;
