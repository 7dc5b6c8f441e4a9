//! Tokens, which admins issue, list and revoke.

pub mod create;
pub mod get;
mod life;
pub mod list;
pub mod renew;
pub mod revoke;
pub mod rotate;
pub mod wire;
