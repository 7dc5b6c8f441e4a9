//! A notice as a mail message. The same delivery always produces the same bytes: same Message-ID, date and boundary.
//! Only a delivery that a person redelivers, perhaps a month later, has the new date.

use std::time::{Duration, UNIX_EPOCH};

use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart, SinglePart};
use lettre::{Address, Message};
use qiaojian_domain::delivery::lifetime;
use qiaojian_store::deliveries::Outgoing;

/// The reason why no message can be built.
#[derive(Debug, thiserror::Error)]
pub(super) enum MessageError {
    /// The endpoint's address is invalid.
    #[error("the endpoint's address is not an email address")]
    Address,
    /// Anything else, which is a bug.
    #[error("the message cannot be built: {0}")]
    Build(String),
}

fn auto_submitted() -> HeaderValue {
    let name = HeaderName::new_from_ascii_str("Auto-Submitted");
    HeaderValue::new(name, "auto-generated".to_owned())
}

/// Returns the title, which marks a late issue.
fn subject(outgoing: &Outgoing) -> String {
    let late = if outgoing.bulletin.late_since().is_some() {
        "【补发】"
    } else {
        ""
    };
    format!("{late}{}", outgoing.notice.title)
}

/// Builds the message of this delivery, from `from` to `to`.
pub(super) fn build(outgoing: &Outgoing, from: &Mailbox, to: &str) -> Result<Message, MessageError> {
    let to: Address = to.parse().map_err(|_| MessageError::Address)?;
    if outgoing.notice.text.is_empty() {
        return Err(MessageError::Build("the notice has no text".to_owned()));
    }
    let id = outgoing.delivery.id;
    // When it was queued or queued again, which is when its lifetime began.
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
        // Prevents automatic replies (RFC 3834).
        .raw_header(auto_submitted())
        .multipart(body)
        .map_err(|error| MessageError::Build(error.to_string()))
}
