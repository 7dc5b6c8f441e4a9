//! Assignments of tasks to areas and posts.

pub mod acts;
pub mod get;
pub mod list;
pub mod wire;
