//! The rules figures are made by: reference data.

pub mod list;
