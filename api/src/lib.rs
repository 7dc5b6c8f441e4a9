//! The REST service. `shared` defines what a request means; this crate handles authorization, request parsing and
//! replies. All URLs are listed in `routes/mod.rs`.

mod app;
mod attachment;
mod auth;
mod contract;
mod derived_schema;
mod extract;
mod headers;
mod middleware;
mod moment;
mod openapi;
mod page;
mod problem;
mod request_log;
mod routes;
mod server;
mod under_way;
mod uploads;
mod waiting;
mod wire;
mod write;

pub use app::App;
pub use openapi::document as openapi_document;
pub use problem::why_refused;
pub use server::{Listening, listen, serve};
