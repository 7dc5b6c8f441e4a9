//! The HTTP contract, route by route.

mod area_kinds;
mod area_turns;
mod areas;
mod assignments;
mod batch;
mod bulletin_members;
pub mod bulletins;
mod changes;
mod contract;
mod deliveries;
mod due;
mod endpoints;
mod figures;
mod gaps;
mod lives;
mod milestones;
mod notices;
mod organizations;
mod periods;
mod programs;
mod register;
mod rules;
mod schedules;
pub mod tasks;
mod tokens;
mod two_times;
