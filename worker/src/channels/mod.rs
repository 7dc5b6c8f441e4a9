//! The delivery channels, behind one trait.

mod email;
mod file;
mod message;

use std::collections::BTreeMap;
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;

use qiaojian_domain::clock::Clock;
use qiaojian_domain::delivery::{Channel, SendResult};
use qiaojian_store::deliveries::Outgoing;

use crate::config::WorkerConfig;
use email::EmailCourier;
use file::FileCourier;

/// The result of one send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The outcome.
    pub result: SendResult,
    /// The page, if the channel wrote one.
    pub page: Option<PathBuf>,
}

impl From<SendResult> for Receipt {
    fn from(result: SendResult) -> Self {
        Self { result, page: None }
    }
}

/// The future result of a send.
pub type Answer<'a> = Pin<Box<dyn Future<Output = Receipt> + Send + 'a>>;

/// Sends a notice to an endpoint.
pub trait Courier: Send + Sync + 'static {
    /// Sends it. Sending the same delivery again must be harmless, or at least recognisable by its id. The caller
    /// limits the time.
    fn send(&self, outgoing: Arc<Outgoing>) -> Answer<'_>;

    /// Returns the reason why this channel is temporarily unavailable, if it is. Deliveries then wait in the queue.
    fn trouble(&self) -> Option<String> {
        None
    }
}

/// The reason why a channel cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The SMTP URL is invalid.
    #[error("QIAOJIAN_SMTP_URL cannot be read: {0}")]
    SmtpUrl(String),
    /// The sender is invalid.
    #[error("QIAOJIAN_MAIL_FROM is not an email address; write `安徽省侨联 <notice@example.org>`")]
    From,
    /// The file of a certificate authority is invalid.
    #[error("the file {} of QIAOJIAN_SMTP_URL (ca) cannot be read, or contains no certificate in PEM format", .0.display())]
    MailCa(PathBuf),
}

/// Sends nothing, because the notice itself is in the inbox.
struct InboxCourier;

impl Courier for InboxCourier {
    fn send(&self, _outgoing: Arc<Outgoing>) -> Answer<'_> {
        Box::pin(std::future::ready(
            SendResult::Sent("in the inbox".to_owned()).into(),
        ))
    }
}

/// Returns every channel that this worker serves.
pub(crate) fn all(
    config: &WorkerConfig,
    clock: &Arc<dyn Clock>,
) -> Result<BTreeMap<Channel, Arc<dyn Courier>>, SetupError> {
    let mut couriers: BTreeMap<Channel, Arc<dyn Courier>> = BTreeMap::new();
    couriers.insert(Channel::Inbox, Arc::new(InboxCourier));
    couriers.insert(Channel::File, Arc::new(FileCourier::new(config)?));
    if let Some(mail) = &config.mail {
        couriers.insert(
            Channel::Email,
            Arc::new(EmailCourier::new(mail, config.mail_limits, Arc::clone(clock))?),
        );
    }
    Ok(couriers)
}
