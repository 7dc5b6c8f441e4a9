//! Benchmarks. `cargo bench -p qiaojian-benches` times pure functions; the binary `qiaojian-load` starts the real service and a
//! yardstick of ours side by side and prints ratios. How to run both, and what they said: docs/BENCHMARKS.md.

pub mod cases;
pub mod child;
pub mod cpu;
pub mod database;
pub mod facts;
pub mod fill;
pub mod http;
pub mod load;
pub mod random;
pub mod report;
pub mod tables;
pub mod yardstick;
