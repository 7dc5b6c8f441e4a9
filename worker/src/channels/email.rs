//! SMTP. One connection per message: an idle one dies unnoticed, and a bulletin is sent once a month.
//!
//! The relay is ours, the mailbox is the recipient's. What goes wrong before the relay has been asked about the recipient is
//! our own trouble: tried again, and held against nobody. See [`session`] for the steps.

mod relay;
mod session;

use std::sync::Arc;

use lettre::message::Mailbox;
use qiaojian_shared::domain::delivery::{FailureClass, SendResult};
use qiaojian_shared::store::deliveries::Outgoing;

use super::message::MessageError;
use super::{Answer, Courier, SetupError, message};
use crate::config::{MailConfig, MailLimits};
use relay::Relay;

pub(crate) struct EmailCourier {
    relay: Relay,
    limits: MailLimits,
    from: Mailbox,
}

impl EmailCourier {
    pub(crate) fn new(config: &MailConfig, limits: MailLimits) -> Result<Self, SetupError> {
        Ok(Self {
            relay: Relay::at(&config.smtp_url)?,
            limits,
            from: config.from.parse().map_err(|_| SetupError::From)?,
        })
    }

    async fn deliver(&self, outgoing: &Outgoing) -> SendResult {
        match message::build(outgoing, &self.from, &outgoing.endpoint.address) {
            Ok(message) => {
                session::send(
                    &self.relay,
                    &self.limits,
                    message.envelope(),
                    &message.formatted(),
                )
                .await
            }
            Err(error @ MessageError::Address) => SendResult::failed(FailureClass::Config, error.to_string()),
            Err(error) => SendResult::failed(FailureClass::Permanent, error.to_string()),
        }
    }
}

impl Courier for EmailCourier {
    fn send(&self, outgoing: Arc<Outgoing>) -> Answer<'_> {
        Box::pin(async move { self.deliver(&outgoing).await.into() })
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
        let courier = |url: &str, from: &str| EmailCourier::new(&config(url, from), MailLimits::default());
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
