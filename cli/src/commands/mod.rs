//! One file per command.

pub mod api;
pub mod check;
pub mod demo;
pub mod import;
pub mod migrate;
pub mod openapi;
pub mod resume;
pub mod token;
pub mod up;
pub mod worker;
