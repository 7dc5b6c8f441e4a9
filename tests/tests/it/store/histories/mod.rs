//! Random histories: acts of an office, told to the register and reckoned by hand.

mod act;
mod edition;
mod effect;
mod numbered;
mod perform;
mod reckon;
mod strategy;
mod tally;
mod world;

use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

pub use act::Act;
pub use perform::{Outcome, begin, perform};
pub use reckon::{Lacking, numbers_of, sums, totals_of};
pub use strategy::{histories, some_day};
pub use tally::Tally;
pub use world::World;

/// Runs so many cases, which are the same each time; or as many as `HISTORIES_CASES` says, which are others each time.
pub fn runner(cases: u32) -> TestRunner {
    let more: Option<u32> = std::env::var("HISTORIES_CASES")
        .ok()
        .map(|cases| cases.parse().unwrap());
    let asked = Config::default();
    let config = Config {
        cases: more.unwrap_or(cases),
        failure_persistence: None,
        // Each trial takes seconds, and a test that hangs is ended.
        max_shrink_time: match asked.max_shrink_time {
            0 => 90_000,
            asked => asked,
        },
        max_shrink_iters: asked.max_shrink_iters.min(1_000),
        ..asked
    };
    match more {
        None => TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha)),
        Some(_) => TestRunner::new(config),
    }
}
