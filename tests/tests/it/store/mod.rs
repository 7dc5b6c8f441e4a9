//! The rows, on both databases from one body.

mod areas;
mod assignments;
mod changes;
mod figures;
mod ledger;
pub mod organizations;
mod plans;
mod register;
mod writer;
