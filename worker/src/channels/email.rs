//! SMTP. Each message has its own connection, because an idle connection can break unnoticed and a bulletin is sent
//! only once a month.
//!
//! The relay is ours, the mailbox is the recipient's. Errors before the relay has been asked about the recipient are
//! our own problem: they are retried and not attributed to an endpoint. See [`session`] for the steps.

mod link;
mod login;
mod relay;
mod session;
mod tls;

use std::sync::Arc;
use std::time::Duration;

use lettre::address::Envelope;
use lettre::message::Mailbox;
use qiaojian_domain::clock::Clock;
use qiaojian_domain::delivery::{FailureClass, SendResult};
use qiaojian_domain::mask::mask_addresses;
use qiaojian_store::deliveries::Outgoing;
use tokio::time::timeout;

use super::message::MessageError;
use super::{Answer, Courier, SetupError, message};
use crate::config::{MailConfig, MailLimits};
use login::{Login, Turn};
use relay::Relay;

/// How long a mail waits for another one that is trying to log in to the relay. It must fit into the time limit of a
/// send.
const LONGEST_WAIT: Duration = Duration::from_secs(4);

pub(crate) struct EmailCourier {
    relay: Relay,
    limits: MailLimits,
    from: Mailbox,
    clock: Arc<dyn Clock>,
    login: Login,
}

impl MailConfig {
    /// Checks the settings before anything is sent with them.
    ///
    /// # Errors
    /// Returns a sentence that names the setting. It never contains the URL, which may contain a password.
    pub fn check(&self) -> Result<(), String> {
        check(self).map_err(|error| error.to_string())
    }
}

/// Refuses invalid settings.
pub(crate) fn check(config: &MailConfig) -> Result<(), SetupError> {
    read_settings(config).map(drop)
}

/// Returns the relay and the sender.
fn read_settings(config: &MailConfig) -> Result<(Relay, Mailbox), SetupError> {
    let relay = Relay::at(&config.smtp_url)?;
    let from = config.from.parse().map_err(|_| SetupError::From)?;
    Ok((relay, from))
}

impl EmailCourier {
    pub(crate) fn new(
        config: &MailConfig,
        limits: MailLimits,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, SetupError> {
        let (relay, from) = read_settings(config)?;
        Ok(Self {
            relay,
            limits,
            from,
            clock,
            login: Login::default(),
        })
    }

    /// Sends a message, unless the relay refuses our login.
    async fn send_in_turn(&self, envelope: &Envelope, message: &[u8]) -> SendResult {
        let turn = timeout(LONGEST_WAIT, self.login.turn(self.clock.now())).await;
        let mut trying = match turn {
            Ok(Turn::Try(trying)) => trying,
            Ok(Turn::Rest(refusal)) => {
                return SendResult::Failed {
                    class: FailureClass::Relay,
                    wait: Some(refusal.until.as_chrono() - self.clock.now().as_chrono()),
                    detail: format!("not sent: the mail server refused our login ({})", refusal.said),
                };
            }
            Err(_) => {
                let detail = "not sent: it is not yet known whether the mail server accepts our login";
                return SendResult::failed(FailureClass::Relay, detail);
            }
        };
        let tell = |let_in: Result<(), &str>| {
            match let_in {
                Ok(()) => self.login.let_in(),
                Err(said) => self.note_refusal(said),
            }
            drop(trying.take());
        };
        session::send(&self.relay, &self.limits, envelope, message, tell).await
    }

    fn note_refusal(&self, said: &str) {
        if self.login.refused(self.clock.now(), mask_addresses(said)) {
            tracing::error!(
                "The mail server refuses our login: all mail waits, and the login is retried every 30 minutes. Correct QIAOJIAN_SMTP_URL \
                 and restart the worker."
            );
        }
    }

    async fn deliver(&self, outgoing: &Outgoing) -> SendResult {
        match message::build(outgoing, &self.from, &outgoing.endpoint.address) {
            Ok(message) => self.send_in_turn(message.envelope(), &message.formatted()).await,
            Err(error @ MessageError::Address) => SendResult::failed(FailureClass::Config, error.to_string()),
            Err(error) => SendResult::failed(FailureClass::Permanent, error.to_string()),
        }
    }
}

impl Courier for EmailCourier {
    fn send(&self, outgoing: Arc<Outgoing>) -> Answer<'_> {
        Box::pin(async move { self.deliver(&outgoing).await.into() })
    }

    fn trouble(&self) -> Option<String> {
        let refusal = self.login.refusal(self.clock.now())?;
        Some(format!(
            "the mail server refused our login; all mail waits until {}: {}",
            refusal.until, refusal.said
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_cannot_be_read_are_named() {
        let config = |url: &str, from: &str| MailConfig {
            smtp_url: url.to_owned(),
            from: from.to_owned(),
        };
        let courier = |url: &str, from: &str| read_settings(&config(url, from));
        assert!(courier("smtp://localhost:1025", "安徽省侨联 <notice@example.org>").is_ok());
        assert!(matches!(
            courier("localhost", "a@example.org"),
            Err(SetupError::SmtpUrl(_))
        ));
        assert!(matches!(
            courier("smtp://localhost", "nobody"),
            Err(SetupError::From)
        ));
        assert!(!format!("{:?}", config("smtp://u:secret@h", "a@b.c")).contains("secret"));
    }
}
