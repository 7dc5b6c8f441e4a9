//! Tokens: issued, listed and revoked by admins.

pub mod create;
pub mod get;
pub mod list;
pub mod revoke;
pub mod rotate;
pub mod wire;
