//! The inbox: bulletins as addressed to one area and post.

pub mod acknowledge;
pub mod deliver;
pub mod document;
pub mod get;
pub mod list;
pub mod wire;
