//! Published documents with frozen figures.

pub mod create;
pub mod document;
pub mod get;
pub mod list;
pub mod members;
pub mod notices;
pub mod publish;
pub mod steps;
pub mod wire;
