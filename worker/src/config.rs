//! How a worker is set up. The defaults are what the design was reckoned with; tests shorten some.

use std::path::PathBuf;
use std::time::Duration;

use chrono::TimeDelta;

use crate::faults::Faults;

/// How a worker is set up.
#[derive(Debug, Clone)]
pub struct WorkerConfig {
    /// Notices of the `file` channel are written below its `notices/`.
    pub data_dir: PathBuf,
    /// How mail is sent; without it, mail waits in the queue.
    pub mail: Option<MailConfig>,
    /// Longest pause between two looks when nothing wakes the worker.
    pub poll: Duration,
    /// How long a claimed delivery is ours. More than a send and the database's own waits together.
    pub lease: TimeDelta,
    /// How long one send may take in all.
    pub send_timeout: Duration,
    /// How long other workers leave an occurrence to the one that composes it.
    pub compose_lease: TimeDelta,
    /// Sends at the same time.
    pub concurrency: usize,
    /// How long sends may go on after the worker was asked to stop.
    pub drain: Duration,
    /// Where the process is made to die, in tests.
    pub faults: Faults,
}

/// How mail is sent.
#[derive(Clone)]
pub struct MailConfig {
    /// `smtp://`, `smtps://`, or `smtp://…?tls=required` for STARTTLS, with user and password if needed.
    pub smtp_url: String,
    /// The sender: `安徽省侨联 <notice@example.org>`.
    pub from: String,
}

impl std::fmt::Debug for MailConfig {
    /// Never shows the URL: it may hold a password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MailConfig")
            .field("from", &self.from)
            .finish_non_exhaustive()
    }
}

impl WorkerConfig {
    /// The defaults, with files below `data_dir`.
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self {
            data_dir: data_dir.into(),
            mail: None,
            poll: Duration::from_millis(200),
            lease: TimeDelta::seconds(90),
            send_timeout: Duration::from_secs(20),
            compose_lease: TimeDelta::seconds(15),
            concurrency: 16,
            drain: Duration::from_secs(25),
            faults: Faults::none(),
        }
    }
}
