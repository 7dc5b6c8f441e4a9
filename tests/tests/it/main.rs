//! Every suite in one binary.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::needless_pass_by_value,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on fails"
)]

mod api;
mod article;
mod blackbox;
mod check;
mod demo;
mod statistics;
mod store;
mod worker;
