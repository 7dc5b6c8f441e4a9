//! The worker: what is due becomes a bulletin, a bulletin becomes notices, a notice reaches its endpoints.
//!
//! ```text
//! schedule ─tick→ occurrence ─compose→ bulletin ─publish→ notice ─→ delivery ─→ attempt
//! ```
//!
//! Rows and their UNIQUE keys decide what happens once; the loop and its timer only decide when somebody looks. Any number of
//! workers may run, be killed and come back. Each pass can be called by itself, takes no input and says what it did.

mod channels;
mod config;
mod faults;
mod housekeeping;
mod passes;
mod run;
mod status;
mod timer;
mod worker;

pub use channels::{Answer, Courier, Receipt, SetupError};
pub use config::{MailConfig, MailLimits, WorkerConfig};
pub use faults::{FaultPoint, Faults};
pub use passes::{Composed, Delivered, Noted, PassError};
pub use qiaojian_store::deliveries::Reclaimed;
pub use qiaojian_store::schedules::Ticked;
pub use run::run;
pub use status::WorkerStatus;
pub use worker::{Composer, Event, Order, Worker};
