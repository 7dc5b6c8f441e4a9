//! The worker on the ledger, on both databases from one body. No test waits for time to pass: the clock is set, and passes
//! are called.

mod crash;
mod deliver;
mod files;
mod forget;
mod guard;
mod health;
mod mail;
mod note;
pub mod office;
mod outage;
mod publish;
mod slow;
mod stop;
mod tick;
