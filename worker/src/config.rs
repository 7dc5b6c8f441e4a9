//! The configuration of a worker. The design assumes the defaults; tests shorten some of them.

use std::path::PathBuf;
use std::time::Duration;

use chrono::TimeDelta;
use qiaojian_store::guard::Comparing;

use crate::faults::Faults;

/// The configuration of a worker.
#[derive(Debug, Clone)]
pub struct WorkerConfig {
    /// Notices of the `file` channel are written to the subdirectory `notices/`.
    pub data_dir: PathBuf,
    /// How mail is sent. Without it, mail waits in the queue.
    pub mail: Option<MailConfig>,
    /// Maximum time between two passes if nothing wakes the worker.
    pub poll: Duration,
    /// How often the ledger is checked for new entries, which wake the worker.
    pub glance: Duration,
    /// How long a claimed delivery is leased to this worker. Longer than a send and the waits for the database
    /// together.
    pub lease: TimeDelta,
    /// Time limit of a send as a whole. Longer than the steps of a mail together; it catches sends that hang
    /// nevertheless.
    pub send_timeout: Duration,
    /// Time limits of the steps of a mail.
    pub mail_limits: MailLimits,
    /// How long other workers leave an occurrence to the one that is composing it.
    pub compose_lease: TimeDelta,
    /// Maximum number of concurrent sends per channel, so that a channel that hangs does not delay the others.
    pub concurrency: usize,
    /// How long a pass continues to claim deliveries. Deliveries claimed by then are still sent.
    pub claim_for: Duration,
    /// A pass that takes longer starts nothing new; sends in progress may finish.
    pub longest_pass: Duration,
    /// How long sends may continue after the worker was asked to stop.
    pub drain: Duration,
    /// The checks of the clock and the database before a pass. While they are in doubt, the worker does nothing.
    pub comparing: Comparing,
    /// The points at which the process is made to die, in tests.
    pub faults: Faults,
}

/// Time limits of the steps of one mail.
#[derive(Debug, Clone, Copy)]
pub struct MailLimits {
    /// For connecting to one address of the relay.
    pub connect: Duration,
    /// From connecting until the relay is ready for the message. If it expires, it is certain that nothing was sent.
    pub before_message: Duration,
    /// For the message and the relay's reply to it. If it expires, the result is unknown. A relay that scans the
    /// message before it replies needs most of this time. RFC 5321, 4.5.3.2.6, recommends minutes, but each additional
    /// minute delays the detection of a crash.
    pub message: Duration,
    /// For QUIT, which nothing waits for.
    pub quit: Duration,
}

impl Default for MailLimits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(CONNECT_S),
            before_message: Duration::from_secs(BEFORE_MESSAGE_S),
            message: Duration::from_secs(MESSAGE_S),
            quit: Duration::from_secs(1),
        }
    }
}

// The send limit is calculated from the steps of a mail, and the lease from the send limit.

/// For connecting.
const CONNECT_S: u64 = 5;
/// For connecting, login, sender and recipient, until the relay is ready for the message.
const BEFORE_MESSAGE_S: u64 = 30;
/// A minute for the reply, and some seconds for the message itself.
const MESSAGE_S: u64 = 70;
/// For one send as a whole.
const SEND_S: u64 = BEFORE_MESSAGE_S + MESSAGE_S + 5;
/// For the database: waiting for its lock and a commit, before the send and after it, and again if it was unavailable.
const DATABASE_S: u64 = 40;
/// For one claimed delivery.
const LEASE_S: u64 = CONNECT_S + SEND_S + DATABASE_S;

/// The configuration for sending mail.
#[derive(Clone)]
pub struct MailConfig {
    /// `smtp://host:port` without TLS, `smtp://user:password@host?tls=required` for STARTTLS, or
    /// `smtps://user:password@host` for TLS. With `ca=<file>`, the certificates in that file are also trusted.
    pub smtp_url: String,
    /// The sender: `安徽省侨联 <notice@example.org>`.
    pub from: String,
}

impl std::fmt::Debug for MailConfig {
    /// Omits the URL, which may contain a password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MailConfig")
            .field("from", &self.from)
            .finish_non_exhaustive()
    }
}

impl WorkerConfig {
    /// Returns the defaults, with files below `data_dir`. Only the machine's own clock is checked.
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self {
            data_dir: data_dir.into(),
            mail: None,
            poll: Duration::from_secs(5),
            glance: Duration::from_millis(100),
            lease: TimeDelta::from_std(Duration::from_secs(LEASE_S)).unwrap_or(TimeDelta::MAX),
            send_timeout: Duration::from_secs(SEND_S),
            mail_limits: MailLimits::default(),
            compose_lease: TimeDelta::seconds(15),
            concurrency: 16,
            claim_for: Duration::from_secs(30),
            longest_pass: Duration::from_secs(300),
            drain: Duration::from_secs(25),
            comparing: Comparing::default(),
            faults: Faults::none(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limits_fit_into_each_other() {
        let config = WorkerConfig::new("data");
        let mail = config.mail_limits;
        assert_eq!(mail.connect, Duration::from_secs(5));
        assert!(mail.connect < mail.before_message);
        assert!(
            mail.message >= Duration::from_secs(60),
            "a slow relay is no doubt"
        );
        assert!(mail.before_message + mail.message < config.send_timeout);
        let database = Duration::from_secs(30);
        assert!(config.lease.to_std().unwrap() > mail.connect + config.send_timeout + database);
        assert!(config.claim_for < config.longest_pass);
        assert_eq!(config.lease, TimeDelta::seconds(150));
    }
}
