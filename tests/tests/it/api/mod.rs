//! The HTTP contract, route by route.

mod areas;
mod assignments;
mod batch;
mod bulletins;
mod contract;
mod deliveries;
mod due;
mod endpoints;
mod figures;
mod gaps;
mod lives;
mod notices;
mod organizations;
mod programs;
mod register;
mod rules;
mod schedules;
mod tasks;
mod tokens;
