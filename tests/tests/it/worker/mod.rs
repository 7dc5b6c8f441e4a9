//! The worker on the ledger, on both databases from one body. No test sleeps: the clock is set, and passes are called.

mod crash;
mod deliver;
mod forget;
mod mail;
pub mod office;
mod publish;
mod stop;
mod tick;
