//! Every suite in one binary.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::needless_pass_by_value,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on fails"
)]

/// Makes two tests of one body, `…::case_1_sqlite` and `…::case_2_postgres`.
#[rstest_reuse::template]
#[rstest::rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
pub fn both_databases(#[case] backend: Backend) {}

mod api;
mod article;
mod blackbox;
mod check;
mod demo;
mod statistics;
mod store;
mod worker;
