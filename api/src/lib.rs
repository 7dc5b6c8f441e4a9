//! The REST service: HTTP in, HTTP out. What a request means is in `shared`; here is who may ask, how it is read, and how it is
//! answered. The whole URL table is in `routes/mod.rs`.

mod app;
mod attachment;
mod auth;
mod extract;
mod headers;
mod middleware;
mod moment;
mod openapi;
mod page;
mod problem;
mod query;
mod request_log;
mod routes;
mod server;
mod under_way;
mod waiting;
mod wire;
mod write;

pub use app::App;
pub use openapi::document as openapi_document;
pub use problem::why_refused;
pub use server::{Listening, listen, serve};
