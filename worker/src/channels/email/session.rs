//! Sending one mail step by step, so that it is always known how far it got.
//!
//! | step | no answer | temporary refusal (4xx) | permanent refusal (5xx) |
//! |---|---|---|---|
//! | connect, greeting, EHLO, STARTTLS, AUTH, MAIL | relay | relay | relay |
//! | RCPT | relay | the endpoint's (421: relay) | dead |
//! | DATA | relay | relay | dead |
//! | the message | **uncertain** | relay | dead |
//! | QUIT | nobody waits for it | | |
//!
//! "Relay" is [`FailureClass::Relay`]: it is retried and not attributed to an endpoint. A relay that requires a login,
//! or refuses ours, may say so at any step.

use std::time::Duration;

use lettre::address::Envelope;
use lettre::transport::smtp;
use lettre::transport::smtp::authentication::DEFAULT_MECHANISMS;
use lettre::transport::smtp::client::AsyncSmtpConnection;
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::{Extension, MailBodyParameter, MailParameter};
use qiaojian_domain::delivery::{FailureClass, SendResult};
use tokio::time::timeout;

use super::link::{self, LinkError};
use super::login::PAUSE;
use super::relay::Relay;
use crate::config::MailLimits;

/// The reply code that asks for the message.
const GO_ON: u16 = 354;

/// The progress of a mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Step {
    /// Including the greeting and EHLO.
    Connect,
    StartTls,
    Login,
    Sender,
    Recipient,
    Data,
    /// From its first byte to the relay's reply.
    Message,
}

impl std::fmt::Display for Step {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Connect => "connecting",
            Self::StartTls => "STARTTLS",
            Self::Login => "AUTH",
            Self::Sender => "MAIL",
            Self::Recipient => "RCPT",
            Self::Data => "DATA",
            Self::Message => "the message",
        })
    }
}

/// The reason why the dialogue stopped.
#[derive(Debug, thiserror::Error)]
enum Stop {
    #[error("{0}")]
    Smtp(#[from] smtp::Error),
    #[error("{0}")]
    Link(#[from] LinkError),
    #[error("the relay accepts only ASCII addresses (no SMTPUTF8)")]
    AsciiOnly,
    #[error("the relay accepts only ASCII messages (no 8BITMIME)")]
    SevenBit,
    #[error("the relay did not accept the DATA command")]
    NotReady,
    #[error("no answer within {} s", .0.as_secs_f32())]
    Silence(Duration),
}

impl Stop {
    /// Returns the reply code, if the relay has replied.
    fn code(&self) -> Option<u16> {
        match self {
            Self::Smtp(error) => error.status().map(u16::from),
            Self::Link(LinkError::Refused(code, _)) => Some(*code),
            _ => None,
        }
    }
}

/// Sends one message through the relay. `tell` is called as soon as it is known whether the relay accepts our login; a
/// refusal is passed with the relay's reply.
pub(super) async fn send(
    relay: &Relay,
    limits: &MailLimits,
    envelope: &Envelope,
    message: &[u8],
    mut tell: impl FnMut(Result<(), &str>),
) -> SendResult {
    let mut step = Step::Connect;
    let ready = timeout(
        limits.before_message,
        prepare(relay, limits, envelope, message, &mut step),
    )
    .await
    .unwrap_or(Err(Stop::Silence(limits.before_message)));
    let mut connection = match ready {
        Ok(connection) => connection,
        Err(stop) => {
            let result = result_of(step, &stop, envelope);
            if is_login_refused(step, stop.code()) {
                tell(Err(result.detail()));
            } else if step > Step::Sender {
                tell(Ok(())); // the sender was accepted
            }
            return result;
        }
    };
    tell(Ok(()));
    let answer = timeout(limits.message, connection.message(message)).await;
    match answer {
        Ok(Ok(taken)) => {
            say_goodbye(connection, limits.quit);
            SendResult::Sent(taken.message().collect::<Vec<_>>().join(" ").trim().to_owned())
        }
        Ok(Err(error)) => {
            let code = error.status().map(u16::from);
            if code.is_some() {
                say_goodbye(connection, limits.quit);
            }
            let result = result_of(Step::Message, &error.into(), envelope);
            if is_login_refused(Step::Message, code) {
                tell(Err(result.detail()));
            }
            result
        }
        Err(_) => result_of(Step::Message, &Stop::Silence(limits.message), envelope),
    }
}

/// Runs the steps from connecting until the relay is ready for the message. `step` is always set to the current step.
async fn prepare(
    relay: &Relay,
    limits: &MailLimits,
    envelope: &Envelope,
    message: &[u8],
    step: &mut Step,
) -> Result<AsyncSmtpConnection, Stop> {
    let mut connection = connect(relay, limits.connect, step).await?;
    match announce(&mut connection, envelope, message, step).await {
        Ok(()) => Ok(connection),
        Err(stop) => {
            // A relay that has sent a refusal is still listening.
            if stop.code().is_some() {
                say_goodbye(connection, limits.quit);
            }
            Err(stop)
        }
    }
}

/// Opens a connection and encrypts and authenticates it according to the settings.
async fn connect(relay: &Relay, limit: Duration, step: &mut Step) -> Result<AsyncSmtpConnection, Stop> {
    let link = link::open(relay, limit, step).await?;
    *step = Step::Connect;
    let mut connection = AsyncSmtpConnection::connect_with_transport(Box::new(link), &relay.hello).await?;
    if let Some(credentials) = &relay.credentials {
        *step = Step::Login;
        connection.auth(DEFAULT_MECHANISMS, credentials).await?;
    }
    Ok(connection)
}

/// Sends the sender, the recipients and the DATA command.
async fn announce(
    connection: &mut AsyncSmtpConnection,
    envelope: &Envelope,
    message: &[u8],
    step: &mut Step,
) -> Result<(), Stop> {
    *step = Step::Sender;
    let server = connection.server_info();
    let mut parameters = Vec::new();
    if !has_ascii_sender(envelope) || !has_ascii_recipients(envelope) {
        if !server.supports_feature(Extension::SmtpUtfEight) {
            return Err(Stop::AsciiOnly);
        }
        parameters.push(MailParameter::SmtpUtfEight);
    }
    if !message.is_ascii() {
        if !server.supports_feature(Extension::EightBitMime) {
            return Err(Stop::SevenBit);
        }
        parameters.push(MailParameter::Body(MailBodyParameter::EightBitMime));
    }
    connection
        .command(Mail::new(envelope.from().cloned(), parameters))
        .await?;
    *step = Step::Recipient;
    for recipient in envelope.to() {
        connection
            .command(Rcpt::new(recipient.clone(), Vec::new()))
            .await?;
    }
    *step = Step::Data;
    if connection.command(Data).await?.has_code(GO_ON) {
        Ok(())
    } else {
        Err(Stop::NotReady)
    }
}

/// Sends QUIT in the background. Whatever its result, the message has already been accepted or refused.
fn say_goodbye(mut connection: AsyncSmtpConnection, limit: Duration) {
    tokio::spawn(async move {
        if !matches!(timeout(limit, connection.quit()).await, Ok(Ok(_))) {
            tracing::debug!("The mail relay did not acknowledge QUIT.");
        }
    });
}

fn has_ascii_sender(envelope: &Envelope) -> bool {
    envelope
        .from()
        .is_none_or(|address| address.to_string().is_ascii())
}

fn has_ascii_recipients(envelope: &Envelope) -> bool {
    envelope.to().iter().all(|address| address.to_string().is_ascii())
}

fn result_of(step: Step, stop: &Stop, envelope: &Envelope) -> SendResult {
    let detail = format!("{step}: {stop}");
    let code = stop.code();
    if step == Step::Message && code.is_none() {
        return SendResult::Uncertain(detail);
    }
    let class = match stop {
        // An address that this relay will never accept, which is shown at the endpoint.
        Stop::AsciiOnly if has_ascii_sender(envelope) => FailureClass::Config,
        _ => class_of(step, code),
    };
    SendResult::Failed {
        class,
        wait: is_login_refused(step, code).then_some(PAUSE),
        detail,
    }
}

/// Returns the class of a failure at this step, with or without a refusal. For the message itself, only a refusal is
/// passed.
fn class_of(step: Step, code: Option<u16>) -> FailureClass {
    match (step, code) {
        _ if is_login_refused(step, code) => FailureClass::Relay,
        // 421: the relay is shutting down, whatever it was asked.
        (Step::Recipient, Some(400..=420 | 422..=499)) => FailureClass::Transient,
        (Step::Recipient | Step::Data | Step::Message, Some(500..=599)) => FailureClass::Permanent,
        _ => FailureClass::Relay,
    }
}

/// Whether the relay refuses our login: wrong password, or login or encryption required. It may say so at any step.
fn is_login_refused(step: Step, code: Option<u16>) -> bool {
    match code {
        Some(530 | 534 | 535 | 538) => true,
        Some(500..=599) => step == Step::Login,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_step_is_answered_decides_whose_trouble_it_is() {
        use FailureClass::{Permanent, Relay, Transient};
        use Step::{Connect, Data, Login, Message, Recipient, Sender, StartTls};
        for step in [Connect, StartTls, Login, Sender] {
            for code in [
                None,
                Some(421),
                Some(451),
                Some(500),
                Some(535),
                Some(550),
                Some(554),
            ] {
                assert_eq!(class_of(step, code), Relay, "{step} {code:?}");
            }
        }
        for (step, code, class) in [
            (Recipient, None, Relay),
            (Recipient, Some(421), Relay),
            (Recipient, Some(450), Transient),
            (Recipient, Some(451), Transient),
            (Recipient, Some(452), Transient),
            (Recipient, Some(530), Relay),
            (Recipient, Some(535), Relay),
            (Recipient, Some(550), Permanent),
            (Recipient, Some(552), Permanent),
            (Data, None, Relay),
            (Data, Some(451), Relay),
            (Data, Some(530), Relay),
            (Data, Some(554), Permanent),
            (Message, Some(421), Relay),
            (Message, Some(452), Relay),
            (Message, Some(552), Permanent),
            (Message, Some(554), Permanent),
        ] {
            assert_eq!(class_of(step, code), class, "{step} {code:?}");
        }
    }

    #[test]
    fn a_refused_login_is_not_tried_again_at_once() {
        for (step, code, refused) in [
            (Step::Login, Some(535), true),
            (Step::Login, Some(501), true),
            (Step::Login, Some(454), false),
            (Step::Login, None, false),
            (Step::Sender, Some(530), true),
            (Step::Recipient, Some(535), true),
            (Step::Sender, Some(550), false),
        ] {
            assert_eq!(is_login_refused(step, code), refused, "{step} {code:?}");
        }
    }

    fn envelope(from: &str, to: &str) -> Envelope {
        Envelope::new(Some(from.parse().unwrap()), vec![to.parse().unwrap()]).unwrap()
    }

    #[test]
    fn silence_is_a_doubt_only_after_the_first_byte() {
        let envelope = envelope("a@example.org", "b@example.org");
        for (step, certain) in [
            (Step::Connect, true),
            (Step::Recipient, true),
            (Step::Data, true),
            (Step::Message, false),
        ] {
            let result = result_of(step, &Stop::Silence(Duration::from_secs(30)), &envelope);
            let failed = matches!(
                result,
                SendResult::Failed {
                    class: FailureClass::Relay,
                    ..
                }
            );
            assert_eq!(failed, certain, "{step}: {result:?}");
            assert_eq!(matches!(result, SendResult::Uncertain(_)), !certain, "{step}");
        }
    }

    #[test]
    fn an_address_the_relay_cannot_take_is_the_endpoints_unless_it_is_ours() {
        let class = |from, to| match result_of(Step::Sender, &Stop::AsciiOnly, &envelope(from, to)) {
            SendResult::Failed { class, .. } => class,
            other => panic!("{other:?}"),
        };
        assert_eq!(class("a@example.org", "侨联@example.org"), FailureClass::Config);
        assert_eq!(class("侨联@example.org", "b@example.org"), FailureClass::Relay);
    }

    #[tokio::test]
    async fn a_relay_that_is_not_there_is_tried_again() {
        let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = closed.local_addr().unwrap().port();
        drop(closed);
        let relay = Relay::at(&format!("smtp://127.0.0.1:{port}")).unwrap();
        let envelope = envelope("a@example.org", "b@example.org");
        let nothing_known = |_: Result<(), &str>| panic!("it did not come to that");
        let result = send(&relay, &MailLimits::default(), &envelope, b"x", nothing_known).await;
        let SendResult::Failed { class, detail, .. } = &result else {
            panic!("{result:?}")
        };
        assert_eq!(*class, FailureClass::Relay);
        assert!(detail.starts_with("connecting: "), "{detail}");
    }
}
