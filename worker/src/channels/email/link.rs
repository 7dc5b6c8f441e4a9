//! The connection to the relay: plain, or encrypted from the first byte or after STARTTLS.
//!
//! It is implemented here instead of by the mail library for two reasons. The trusted certificates come from the system
//! or a file, not only from a built-in list. And a reply without text, such as a bare `250`, is valid (RFC 5321,
//! 4.2.1), but the library cannot read it.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use lettre::transport::smtp::client::AsyncTokioStream;
use lettre::transport::smtp::extension::ClientId;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader, ReadBuf};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_rustls::client::TlsStream;

use super::relay::{Relay, Security};
use super::session::Step;

/// Maximum length of a reply before STARTTLS, in bytes.
const MOST_REPLY: usize = 64 * 1024;

/// The reason why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(super) enum LinkError {
    #[error("the name of the mail server has no address")]
    NoAddress,
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("no connection within {} s", .0.as_secs_f32())]
    TooSlow(Duration),
    #[error("{0} {1}")]
    Refused(u16, String),
    #[error("the mail server sent a response that is not valid SMTP")]
    NoReply,
    #[error("the mail server does not offer STARTTLS")]
    NoStartTls,
    #[error("the mail server sent more data before the connection was encrypted")]
    SpokeOn,
}

/// Opens a connection on which the SMTP dialogue starts with the greeting. `step` is set to the current step.
pub(super) async fn open(relay: &Relay, limit: Duration, step: &mut Step) -> Result<Replies, LinkError> {
    let tcp = dial(relay, limit).await?;
    let link = match &relay.security {
        Security::Never => return Ok(Replies::of(Link::Plain(tcp), "")),
        Security::Always(tls) => Link::Tls(Box::new(tls.encrypt(tcp).await?)),
        Security::StartTls(tls) => {
            *step = Step::StartTls;
            let tcp = start_tls(tcp, &relay.hello).await?;
            // The relay has already sent its greeting, but the library still expects one.
            let link = Link::Tls(Box::new(tls.encrypt(tcp).await?));
            return Ok(Replies::of(link, "220 encrypted\r\n"));
        }
    };
    Ok(Replies::of(link, ""))
}

/// Connects to the first address that responds.
async fn dial(relay: &Relay, limit: Duration) -> Result<TcpStream, LinkError> {
    let mut last = LinkError::NoAddress;
    for address in lookup_host((relay.host.as_str(), relay.port)).await? {
        match timeout(limit, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => last = error.into(),
            Err(_) => last = LinkError::TooSlow(limit),
        }
    }
    Err(last)
}

/// Runs the dialogue from the greeting until the relay is ready for TLS.
async fn start_tls(tcp: TcpStream, hello: &ClientId) -> Result<TcpStream, LinkError> {
    let mut link = BufReader::new(tcp);
    reply(&mut link, 220).await?;
    link.write_all(format!("EHLO {hello}\r\n").as_bytes()).await?;
    let offered = reply(&mut link, 250).await?;
    let offers = |line: &String| line.trim().eq_ignore_ascii_case("STARTTLS");
    if !offered.iter().any(offers) {
        return Err(LinkError::NoStartTls);
    }
    link.write_all(b"STARTTLS\r\n").await?;
    reply(&mut link, 220).await?;
    // Data received along with the reply was not encrypted, but would be taken for encrypted data.
    if !link.buffer().is_empty() {
        return Err(LinkError::SpokeOn);
    }
    Ok(link.into_inner())
}

/// Reads a reply and returns its texts if it has the code `wanted`.
async fn reply(link: &mut BufReader<TcpStream>, wanted: u16) -> Result<Vec<String>, LinkError> {
    let mut texts = Vec::new();
    let mut length = 0;
    loop {
        let mut line = String::new();
        if link.read_line(&mut line).await? == 0 {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
        length += line.len();
        let line = line.trim_end();
        let code = line.get(..3).and_then(|code| code.parse::<u16>().ok());
        let code = code.filter(|_| length <= MOST_REPLY).ok_or(LinkError::NoReply)?;
        let rest = line.get(3..).unwrap_or_default();
        texts.push(rest.get(1..).unwrap_or_default().to_owned());
        if rest.starts_with('-') {
            continue;
        }
        if code == wanted {
            return Ok(texts);
        }
        return Err(LinkError::Refused(code, texts.join(" ")));
    }
}

#[derive(Debug)]
enum Link {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// A connection that adds a text to every reply without one, and starts with the given bytes.
#[derive(Debug)]
pub(super) struct Replies {
    link: Link,
    ready: VecDeque<u8>,
    /// The length so far of the line being read.
    column: usize,
}

impl Replies {
    fn of(link: Link, begin_with: &str) -> Self {
        Self {
            link,
            ready: begin_with.bytes().collect(),
            column: 0,
        }
    }

    fn take(&mut self, bytes: &[u8]) {
        for byte in bytes {
            if matches!(byte, b'\r' | b'\n') {
                if self.column == 3 {
                    self.ready.push_back(b' ');
                }
                self.column = 0;
            } else {
                self.column += 1;
            }
            self.ready.push_back(*byte);
        }
    }
}

impl AsyncRead for Replies {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.ready.is_empty() {
            let mut bytes = [0; 4096];
            let mut read = ReadBuf::new(&mut bytes);
            ready!(match &mut this.link {
                Link::Plain(link) => Pin::new(link).poll_read(context, &mut read),
                Link::Tls(link) => Pin::new(link.as_mut()).poll_read(context, &mut read),
            })?;
            this.take(read.filled());
        }
        while buffer.remaining() > 0
            && let Some(byte) = this.ready.pop_front()
        {
            buffer.put_slice(&[byte]);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Replies {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match &mut self.get_mut().link {
            Link::Plain(link) => Pin::new(link).poll_write(context, bytes),
            Link::Tls(link) => Pin::new(link.as_mut()).poll_write(context, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().link {
            Link::Plain(link) => Pin::new(link).poll_flush(context),
            Link::Tls(link) => Pin::new(link.as_mut()).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().link {
            Link::Plain(link) => Pin::new(link).poll_shutdown(context),
            Link::Tls(link) => Pin::new(link.as_mut()).poll_shutdown(context),
        }
    }
}

impl AsyncTokioStream for Replies {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        match &self.link {
            Link::Plain(link) => link.peer_addr(),
            Link::Tls(link) => link.get_ref().0.peer_addr(),
        }
    }
}
