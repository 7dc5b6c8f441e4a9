//! The persistence layer: rows of both databases, the figures computed from them, and the code that composes and checks
//! bulletins.
//!
//! Functions take a connection (or a [`Recording`], when they write facts) and return a result; they never see HTTP.
//! Queries on rows that an area owns start from a [`Subtree`].

pub mod activities;
pub mod areas;
pub mod audit;
pub mod bulletins;
pub mod changes;
pub mod check;
pub mod closing;
pub mod composition;
pub mod counts;
pub mod db;
pub mod deliveries;
pub mod endpoints;
pub mod error;
pub(crate) mod fact_rows;
pub mod figures;
pub mod files;
mod foreseen;
pub mod guard;
pub mod idempotency;
pub mod ledger;
pub mod lives;
pub mod milestones;
mod moment;
pub mod notices;
pub mod occurrences;
pub mod organizations;
pub(crate) mod predicates;
pub mod programs;
mod recorded;
pub mod rules;
mod same_request;
pub mod schedules;
pub mod secrets;
pub mod signing_keys;
pub mod task_standing;
pub mod tasks;
pub mod tokens;
mod tree_at;
pub mod worker_nodes;

pub use areas::Subtree;
pub use audit::Actor;
pub use error::{StoreError, StoreResult, unless_stale};
pub use foreseen::Foreseen;
pub use ledger::Recording;
pub use moment::Moment;
pub use recorded::Recorded;
