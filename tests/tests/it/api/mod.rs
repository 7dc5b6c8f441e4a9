//! The HTTP contract, route by route.

mod area_import;
mod area_turns;
mod areas;
mod assignments;
mod batch;
pub mod bulletins;
mod changes;
mod contract;
mod deliveries;
mod due;
mod endpoints;
mod export;
mod figures;
mod gaps;
mod import;
mod import_files;
mod lives;
mod notices;
mod organizations;
mod programs;
mod register;
mod rules;
mod schedules;
pub mod tasks;
mod tokens;
