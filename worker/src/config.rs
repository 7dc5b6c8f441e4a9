//! How a worker is set up. The defaults are what the design was reckoned with; tests shorten some.

use std::path::PathBuf;
use std::time::Duration;

use chrono::TimeDelta;
use qiaojian_store::guard::Comparing;

use crate::channels::check_mail;
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
    /// How often it is asked whether something was written to the ledger, which wakes the worker.
    pub glance: Duration,
    /// How long a claimed delivery is ours. More than a send and the database's own waits together.
    pub lease: TimeDelta,
    /// How long one send may take in all. More than the steps of a mail together: it is there for what hangs in spite of them.
    pub send_timeout: Duration,
    /// How long the steps of a mail may take.
    pub mail_limits: MailLimits,
    /// How long other workers leave an occurrence to the one that composes it.
    pub compose_lease: TimeDelta,
    /// Sends at the same time through one channel, so that a channel that hangs does not hold up the others.
    pub concurrency: usize,
    /// How long a pass goes on claiming. What it has claimed by then it still sends.
    pub claim_for: Duration,
    /// A pass that takes longer begins nothing more; what it is sending may finish.
    pub longest_pass: Duration,
    /// How long sends may go on after the worker was asked to stop.
    pub drain: Duration,
    /// What the worker compares before it does anything; in doubt it holds back.
    pub comparing: Comparing,
    /// Where the process is made to die, in tests.
    pub faults: Faults,
}

/// How long the steps of one mail may take.
#[derive(Debug, Clone, Copy)]
pub struct MailLimits {
    /// To connect to one address of the relay.
    pub connect: Duration,
    /// From connecting to the relay's word that it is ready for the message. Past it nothing was sent, for sure.
    pub before_message: Duration,
    /// For the message and the relay's answer to it. Past it nobody can tell. A relay that checks what it takes before it
    /// answers needs most of this: RFC 5321, 4.5.3.2.6, speaks of minutes, but each minute more is a minute that a crash is
    /// noticed later.
    pub message: Duration,
    /// For a goodbye, which nobody waits for.
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

// The send limit is reckoned from the steps of a mail, and the lease from the send limit.

/// To connect.
const CONNECT_S: u64 = 5;
/// To connect and be let in, for sender, recipient and the word to go on.
const BEFORE_MESSAGE_S: u64 = 30;
/// A minute for the answer, and some seconds for the message itself.
const MESSAGE_S: u64 = 70;
/// For one send.
const SEND_S: u64 = BEFORE_MESSAGE_S + MESSAGE_S + 5;
/// For the database: the wait for its lock and a commit, before the send and after it, and again if it was away.
const DATABASE_S: u64 = 40;
/// For a delivery in hand.
const LEASE_S: u64 = CONNECT_S + SEND_S + DATABASE_S;

/// How mail is sent.
#[derive(Clone)]
pub struct MailConfig {
    /// `smtp://host:port` without TLS, `smtp://user:password@host?tls=required` for STARTTLS, or
    /// `smtps://user:password@host` for TLS; with `ca=<file>`, the certificates of that file are believed, too.
    pub smtp_url: String,
    /// The sender: `安徽省侨联 <notice@example.org>`.
    pub from: String,
}

impl MailConfig {
    /// Refuses what cannot work, before anything is sent by it.
    ///
    /// # Errors
    /// A sentence that names the setting; never the URL, which may hold a password.
    pub fn check(&self) -> Result<(), String> {
        check_mail(self).map_err(|error| error.to_string())
    }
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
    /// The defaults, with files below `data_dir`; of clocks it compares the machine's own alone.
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
