//! What the API and the worker both need: the pure rules (`domain`), the rows (`store`), the two databases (`db`), the
//! figures, the documents, and the clock they are all handed.

#[macro_use]
mod text_enum;

pub mod check;
pub mod clock;
pub mod composition;
pub mod db;
pub mod digest;
pub mod documents;
pub mod domain;
pub mod figures;
pub mod files;
pub mod guard;
pub mod ids;
pub mod milestones;
pub mod secrets;
pub mod sheets;
pub mod store;
