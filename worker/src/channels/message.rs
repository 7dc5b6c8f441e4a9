//! A notice as a mail message. The same delivery always gives the same bytes: same Message-ID, same date, same boundary. Only one that a
//! person has sent again, perhaps a month later, carries the date of that.

use std::time::{Duration, UNIX_EPOCH};

use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart, SinglePart};
use lettre::{Address, Message};
use qiaojian_domain::delivery::lifetime;
use qiaojian_store::deliveries::Outgoing;

/// Why there is no message.
#[derive(Debug, thiserror::Error)]
pub(super) enum MessageError {
    /// The endpoint's address.
    #[error("the endpoint's address is not a mail address")]
    Address,
    /// Anything else; a mistake of ours.
    #[error("the message cannot be built: {0}")]
    Build(String),
}

fn auto_submitted() -> HeaderValue {
    let name = HeaderName::new_from_ascii_str("Auto-Submitted");
    HeaderValue::new(name, "auto-generated".to_owned())
}

/// The title; of a late issue it says so.
fn subject(outgoing: &Outgoing) -> String {
    let late = if outgoing.bulletin.late_since().is_some() {
        "【补发】"
    } else {
        ""
    };
    format!("{late}{}", outgoing.notice.title)
}

/// The message of this delivery, from `from` to `to`.
pub(super) fn build(outgoing: &Outgoing, from: &Mailbox, to: &str) -> Result<Message, MessageError> {
    let to: Address = to.parse().map_err(|_| MessageError::Address)?;
    if outgoing.notice.text.is_empty() {
        return Err(MessageError::Build("the notice has no text".to_owned()));
    }
    let id = outgoing.delivery.id;
    // When it was queued, or queued anew: its life began then.
    let life = lifetime(outgoing.bulletin.period.unit());
    let queued_at = outgoing.delivery.expires_at.plus(-life);
    let seconds = u64::try_from(queued_at.unix_seconds()).unwrap_or(0);
    let body = MultiPart::alternative()
        .boundary(format!("qiaojian-{}", id.0.simple()))
        .singlepart(
            SinglePart::builder()
                .header(ContentType::TEXT_PLAIN)
                .body(outgoing.notice.text.clone()),
        )
        .singlepart(
            SinglePart::builder()
                .header(ContentType::TEXT_HTML)
                .body(outgoing.notice.html.clone()),
        );
    Message::builder()
        .message_id(Some(format!("<{id}@{}>", from.email.domain())))
        .date(UNIX_EPOCH + Duration::from_secs(seconds))
        .from(from.clone())
        .to(Mailbox::new(None, to))
        .subject(subject(outgoing))
        // No program answers it: RFC 3834.
        .raw_header(auto_submitted())
        .multipart(body)
        .map_err(|error| MessageError::Build(error.to_string()))
}
