//! Problem documents for bytes that are not a valid request. actix-http answers these itself with only a head, before
//! any of our services is called, and has no hook for it. Such a reply is therefore replaced on its way out with a
//! problem document that has a request id, like all others.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use actix_web::http::header::HeaderValue;
use actix_web::rt::net::TcpStream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::middleware::SECURITY_HEADERS;
use crate::problem::{ApiError, Language};

/// Generates the id of a request that could not be read.
pub type NewId = Arc<dyn Fn() -> String + Send + Sync>;

/// Maximum length of a head that actix-http writes by itself, with a margin.
const LONGEST: usize = 256;
/// How many of the received bytes are searched for the language.
const LOOKED_THROUGH: usize = 16 * 1024;
const LANGUAGE: &[u8] = b"accept-language:";

/// A connection on which replies without a body are replaced by problem documents.
pub struct Worded {
    stream: TcpStream,
    new_id: NewId,
    /// The preference of the last request that stated one.
    language: Language,
    /// The length of the replaced reply, and the remaining bytes of its replacement.
    instead: Option<(usize, Vec<u8>)>,
}

impl Worded {
    pub fn new(stream: TcpStream, new_id: NewId) -> Self {
        Self {
            stream,
            new_id,
            language: Language::Chinese,
            instead: None,
        }
    }

    /// Sends the replacement, and returns the length of the replaced reply.
    fn poll_instead(&mut self, cx: &mut Context<'_>, instead: (usize, Vec<u8>)) -> Poll<io::Result<usize>> {
        let (count, mut rest) = instead;
        while !rest.is_empty() {
            match Pin::new(&mut self.stream).poll_write(cx, &rest) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(sent)) => drop(rest.drain(..sent)),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => {
                    self.instead = Some((count, rest));
                    return Poll::Pending;
                }
            }
        }
        Poll::Ready(Ok(count))
    }
}

impl AsyncRead for Worded {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
        let come = buffer.filled().get(before..).unwrap_or_default();
        if let Some(language) = language_in(come) {
            self.language = language;
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Worded {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &[u8]) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        if let Some(begun) = this.instead.take() {
            return this.poll_instead(cx, begun);
        }
        if let Some(bare) = Bare::read(buffer) {
            let words = bare.in_words(this.language, &(this.new_id)());
            return this.poll_instead(cx, (buffer.len(), words));
        }
        Pin::new(&mut this.stream).poll_write(cx, buffer)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// Returns the language that a request's head prefers, if it states one.
fn language_in(come: &[u8]) -> Option<Language> {
    let looked_through = come.get(..LOOKED_THROUGH).unwrap_or(come);
    looked_through
        .split(|byte| *byte == b'\n')
        .rev()
        .find_map(|line| {
            let (name, value) = line.split_at_checked(LANGUAGE.len())?;
            if !name.eq_ignore_ascii_case(LANGUAGE) {
                return None;
            }
            let value = HeaderValue::from_bytes(value.trim_ascii()).ok()?;
            Some(Language::of(Some(&value)))
        })
}

/// A reply that actix-http made by itself: a head that only says that there is no body. Our own replies have a request
/// id.
struct Bare<'a> {
    /// Such as `HTTP/1.1 400 Bad Request`.
    first_line: &'a str,
    date: Option<&'a str>,
    error: ApiError,
}

impl<'a> Bare<'a> {
    fn read(buffer: &'a [u8]) -> Option<Self> {
        if buffer.len() > LONGEST {
            return None;
        }
        let head = std::str::from_utf8(buffer).ok()?.strip_suffix("\r\n\r\n")?;
        let mut lines = head.split("\r\n");
        let first_line = lines.next()?;
        let error = match first_line.strip_prefix("HTTP/1.")?.get(2..5)? {
            "400" => ApiError::unreadable(),
            "408" => ApiError::head_too_slow(),
            "431" => ApiError::head_too_large(),
            _ => return None,
        };
        let mut date = None;
        for line in lines {
            match line.split_once(": ")? {
                ("content-length", "0") | ("connection", _) => {}
                ("date", text) => date = Some(text),
                _ => return None,
            }
        }
        Some(Self {
            first_line,
            date,
            error,
        })
    }

    /// Returns the complete reply, and logs a line as for every refusal.
    fn in_words(&self, language: Language, request_id: &str) -> Vec<u8> {
        tracing::info!(
            request_id,
            status = self.error.status(),
            "Answered a message that is not a valid request."
        );
        let body = serde_json::to_string(&self.error.problem(language, request_id)).unwrap_or_default();
        let mut reply = format!(
            "{}\r\ncontent-type: application/problem+json\r\ncontent-language: {}\r\ncontent-length: {}\r\nx-request-id: {request_id}\r\n\
             connection: close\r\n",
            self.first_line,
            language.tag(),
            body.len()
        );
        for (name, value) in SECURITY_HEADERS {
            reply += &format!("{name}: {value}\r\n");
        }
        if let Some(date) = self.date {
            reply += &format!("date: {date}\r\n");
        }
        reply += "\r\n";
        reply += &body;
        reply.into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_head_of_actix_alone_is_put_in_words() {
        let date = "date: Sun, 29 Nov 2026 11:00:00 GMT\r\n";
        for head in [
            "HTTP/1.1 400 Bad Request",
            "HTTP/1.0 431 Request Header Fields Too Large",
        ] {
            let bare = format!("{head}\r\ncontent-length: 0\r\nconnection: close\r\n{date}\r\n");
            let worded = Bare::read(bare.as_bytes())
                .unwrap()
                .in_words(Language::English, "7");
            let worded = String::from_utf8(worded).unwrap();
            let (told, body) = worded.split_once("\r\n\r\n").unwrap();
            assert!(
                told.starts_with(head) && told.contains("x-request-id: 7"),
                "{told}"
            );
            assert!(
                told.contains(&format!("content-length: {}", body.len())),
                "{told}"
            );
            assert!(body.contains("\"instance\":\"7\""), "{body}");
        }
        for other in [
            "HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nx-request-id: 7\r\n\r\n",
            "HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n",
            "HTTP/1.1 400 Bad Request\r\ncontent-length: 2\r\n\r\n{}",
            "HTTP/1.1 100 Continue\r\n\r\n",
            "",
        ] {
            assert!(Bare::read(other.as_bytes()).is_none(), "{other}");
        }
    }

    #[test]
    fn the_language_is_read_from_the_head() {
        for (come, language) in [
            (
                "GET / HTTP/1.1\r\nAccept-Language: en-GB, zh;q=0.5\r\n\r\n",
                Some(Language::English),
            ),
            (
                "GET / HTTP/1.1\r\naccept-language:zh-CN\r\n",
                Some(Language::Chinese),
            ),
            ("GET / HTTP/1.1\r\nHost: h\r\n\r\n", None),
        ] {
            assert_eq!(language_in(come.as_bytes()), language, "{come}");
        }
    }
}
