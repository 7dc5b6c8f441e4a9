//! The rules figures are made by: reference data.

pub mod create;
pub mod list;
