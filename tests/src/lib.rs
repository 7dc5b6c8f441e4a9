//! The harness: every test has a database of its own, and one body runs on both.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::needless_pass_by_value,
    reason = "a harness that cannot go on fails the test"
)]

mod database;
mod declared;

pub use database::{Backend, TestDb, with_database};

pub mod api;
pub mod fixtures;
