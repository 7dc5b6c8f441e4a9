//! The rows, on both databases from one body.

mod area_above;
mod areas;
mod assignments;
mod changes;
mod figures;
mod foreseen;
mod forks;
mod histories;
mod lacking;
mod lanes;
mod ledger;
pub mod organizations;
mod plans;
mod reached;
mod register;
mod writer;
