//! SMTP. One connection per message: an idle one dies unnoticed, and a bulletin is sent once a month.

use std::sync::Arc;

use lettre::message::Mailbox;
use lettre::transport::smtp;
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Tokio1Executor};
use qiaojian_shared::domain::delivery::{FailureClass, SendResult};
use qiaojian_shared::store::deliveries::Outgoing;

use super::message::MessageError;
use super::{Answer, Courier, SetupError, message};
use crate::config::MailConfig;

pub(super) struct EmailCourier {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
}

impl EmailCourier {
    pub(super) fn new(config: &MailConfig) -> Result<Self, SetupError> {
        let from = config.from.parse().map_err(|_| SetupError::From)?;
        // The crate's own timeout covers connecting only; the worker's covers the whole send.
        let transport = AsyncSmtpTransport::<Tokio1Executor>::from_url(&config.smtp_url)
            .map_err(|error| SetupError::SmtpUrl(error.to_string()))?
            .build();
        Ok(Self { transport, from })
    }

    async fn deliver(&self, outgoing: &Outgoing) -> SendResult {
        let message = match message::build(outgoing, &self.from, &outgoing.endpoint.address) {
            Ok(message) => message,
            Err(error @ MessageError::Address) => {
                return SendResult::failed(FailureClass::Config, error.to_string());
            }
            Err(error) => return SendResult::failed(FailureClass::Permanent, error.to_string()),
        };
        match self.transport.send(message).await {
            Ok(response) => SendResult::Sent(response.message().collect::<Vec<_>>().join(" ")),
            Err(error) => read(&error),
        }
    }
}

impl Courier for EmailCourier {
    fn send(&self, outgoing: Arc<Outgoing>) -> Answer<'_> {
        Box::pin(async move { self.deliver(&outgoing).await.into() })
    }
}

/// What an SMTP failure means. A reply code is an answer; a link that breaks may have broken after the message was taken.
fn read(error: &smtp::Error) -> SendResult {
    let detail = error.to_string();
    if let Some(code) = error.status() {
        return SendResult::failed(class_of(u16::from(code)), detail);
    }
    // The connection itself failed: no message was begun. The crate says so in words only.
    let not_connected = detail.starts_with("Connection error");
    if not_connected || error.is_tls() {
        SendResult::failed(FailureClass::Transient, detail)
    } else if error.is_client() {
        SendResult::failed(FailureClass::Config, detail)
    } else {
        SendResult::Uncertain(detail)
    }
}

fn class_of(code: u16) -> FailureClass {
    match code {
        // Must authenticate, wrong password, encryption needed.
        530 | 534 | 535 | 538 => FailureClass::Config,
        500..=599 => FailureClass::Permanent,
        _ => FailureClass::Transient,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_code_says_what_is_next() {
        for (code, class) in [
            (421, FailureClass::Transient),
            (450, FailureClass::Transient),
            (454, FailureClass::Transient),
            (535, FailureClass::Config),
            (550, FailureClass::Permanent),
            (552, FailureClass::Permanent),
        ] {
            assert_eq!(class_of(code), class, "{code}");
        }
    }

    #[tokio::test]
    async fn a_refused_connection_is_tried_again() {
        let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = closed.local_addr().unwrap().port();
        drop(closed);
        let transport =
            AsyncSmtpTransport::<Tokio1Executor>::from_url(&format!("smtp://127.0.0.1:{port}")).unwrap();
        let error = transport
            .build::<Tokio1Executor>()
            .test_connection()
            .await
            .unwrap_err();
        let SendResult::Failed { class, .. } = read(&error) else {
            panic!("{error}")
        };
        assert_eq!(class, FailureClass::Transient);
    }

    #[test]
    fn settings_that_cannot_be_read_are_named() {
        let config = |url: &str, from: &str| MailConfig {
            smtp_url: url.to_owned(),
            from: from.to_owned(),
        };
        assert!(
            EmailCourier::new(&config(
                "smtp://localhost:1025",
                "安徽省侨联 <notice@example.org>"
            ))
            .is_ok()
        );
        assert!(matches!(
            EmailCourier::new(&config("localhost", "a@example.org")),
            Err(SetupError::SmtpUrl(_))
        ));
        assert!(matches!(
            EmailCourier::new(&config("smtp://localhost", "nobody")),
            Err(SetupError::From)
        ));
        assert!(!format!("{:?}", config("smtp://u:secret@h", "a@b.c")).contains("secret"));
    }
}
