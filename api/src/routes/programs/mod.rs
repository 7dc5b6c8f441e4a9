//! Pilot programmes and their cohorts: reference data, readable by every token that reads areas.

pub mod cohort;
pub mod create;
pub mod get;
pub mod list;
pub mod meant;
pub mod patch;
pub mod set_cohort;
pub mod wire;
