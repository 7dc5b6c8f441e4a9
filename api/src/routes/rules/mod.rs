//! The rules by which figures are computed: reference data.

pub mod create;
pub mod list;
