//! The worker: it composes bulletins when they are due, creates their notices, and delivers the notices to their
//! endpoints.
//!
//! ```text
//! schedule ─tick→ occurrence ─compose→ bulletin ─publish→ notice ─→ delivery ─→ attempt
//! ```
//!
//! Rows and their UNIQUE keys ensure that everything happens once; the loop and its timer only decide when to check.
//! Any number of workers may run, be killed and restart. Each pass can be called separately, takes no input and reports
//! what it did.

mod channels;
mod config;
mod error;
mod faults;
mod housekeeping;
mod passes;
mod run;
mod status;
mod timer;
mod worker;

pub use channels::{Answer, Courier, Receipt, SetupError};
pub use config::{MailConfig, MailLimits, WorkerConfig};
pub use error::PassError;
pub use faults::{FaultPoint, Faults};
pub use passes::Noted;
pub use qiaojian_store::deliveries::Reclaimed;
pub use qiaojian_store::schedules::Ticked;
pub use run::run;
pub use status::{Composed, Delivered, WorkerStatus};
pub use worker::{Composer, Event, Order, Worker};
