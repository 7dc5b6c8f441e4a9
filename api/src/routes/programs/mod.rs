//! Pilot programmes and their cohorts: reference data that every token with access to areas may read.

pub mod cohort;
pub mod create;
pub mod get;
pub mod list;
pub mod meant;
pub mod patch;
pub mod set_cohort;
pub mod wire;
