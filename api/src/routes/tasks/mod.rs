//! The task breakdown table (任务分解表).

pub mod assignments;
pub mod create;
pub mod get;
pub mod list;
pub mod wire;
