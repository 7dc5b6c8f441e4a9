//! A closed-loop HTTP/1.1 client: each connection sends its next request when it has read the last reply whole. It does no more
//! than that, so that the server is what is measured.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::random::Random;

/// Writes the next request, head and body, into the buffer.
pub type Requests = Arc<dyn Fn(&mut Random, &mut Vec<u8>) + Send + Sync>;

/// How long a server may stay silent before the run is given up.
const SILENCE: Duration = Duration::from_secs(20);

/// What came of a run.
#[derive(Debug, Default, Clone)]
pub struct Tally {
    /// Replies with the expected status.
    pub good: usize,
    /// Replies with another, and the first of them.
    pub bad: usize,
    /// The first unexpected reply.
    pub sample: Option<String>,
    /// Microseconds from request to reply, in no order.
    pub micros: Vec<u32>,
}

/// A reply as read; the body is `input[body..]`.
struct Read {
    status: u16,
    body: usize,
}

/// Keeps `connections` busy for `length`.
///
/// # Errors
/// When a connection breaks or the server falls silent.
pub async fn drive(
    address: SocketAddr,
    connections: usize,
    length: Duration,
    requests: &Requests,
    expected: u16,
    seed: u64,
) -> anyhow::Result<Tally> {
    let mut tasks = tokio::task::JoinSet::new();
    let until = Instant::now() + length;
    for number in 0..connections {
        let seed = seed.wrapping_mul(1009).wrapping_add(u64::try_from(number)?);
        tasks.spawn(converse(address, until, Arc::clone(requests), expected, seed));
    }
    // The generator never sleeps: waking an idle CPU of a virtual machine costs the server more than the request does, and how
    // often it happens depends on the rhythm of the replies, not on the work.
    tasks.spawn(async move {
        while Instant::now() < until {
            tokio::task::yield_now().await;
        }
        Ok(Tally::default())
    });
    let all = async {
        let mut sum = Tally::default();
        while let Some(one) = tasks.join_next().await {
            let one = one??;
            sum.good += one.good;
            sum.bad += one.bad;
            sum.sample = sum.sample.or(one.sample);
            sum.micros.extend(one.micros);
        }
        Ok(sum)
    };
    tokio::time::timeout(length + SILENCE, all)
        .await
        .context("the server fell silent")?
}

async fn converse(
    address: SocketAddr,
    until: Instant,
    requests: Requests,
    expected: u16,
    seed: u64,
) -> anyhow::Result<Tally> {
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let mut random = Random::new(seed);
    let (mut output, mut input) = (Vec::with_capacity(2048), Vec::with_capacity(128 * 1024));
    let mut tally = Tally::default();
    while Instant::now() < until {
        output.clear();
        requests(&mut random, &mut output);
        let began = Instant::now();
        stream.write_all(&output).await?;
        let reply = read(&mut stream, &mut input).await?;
        tally
            .micros
            .push(u32::try_from(began.elapsed().as_micros()).unwrap_or(u32::MAX));
        if reply.status == expected {
            tally.good += 1;
        } else {
            tally.bad += 1;
            tally
                .sample
                .get_or_insert_with(|| String::from_utf8_lossy(&input).into_owned());
        }
    }
    Ok(tally)
}

/// One request on a connection of its own: status and body.
///
/// # Errors
/// When the server does not answer properly.
pub async fn once(address: SocketAddr, request: &[u8]) -> anyhow::Result<(u16, String)> {
    let exchange = async {
        let mut stream = TcpStream::connect(address).await?;
        stream.write_all(request).await?;
        let mut input = Vec::new();
        let reply = read(&mut stream, &mut input).await?;
        let body = input.get(reply.body..).unwrap_or_default();
        anyhow::Ok((reply.status, String::from_utf8_lossy(body).into_owned()))
    };
    tokio::time::timeout(SILENCE, exchange)
        .await
        .context("the server fell silent")?
}

async fn read(stream: &mut TcpStream, input: &mut Vec<u8>) -> anyhow::Result<Read> {
    input.clear();
    let mut head: Option<(u16, usize, usize)> = None;
    loop {
        let more = stream.read_buf(input).await?;
        anyhow::ensure!(more > 0, "the server closed the connection");
        if head.is_none() {
            head = parse_head(input)?;
        }
        if let Some((status, body, length)) = head
            && input.len() >= body + length
        {
            return Ok(Read { status, body });
        }
    }
}

/// Status, where the body begins, and how long it is; nothing while the head is not complete.
fn parse_head(input: &[u8]) -> anyhow::Result<Option<(u16, usize, usize)>> {
    let Some(end) = input.windows(4).position(|four| four == b"\r\n\r\n") else {
        return Ok(None);
    };
    let head = std::str::from_utf8(input.get(..end).unwrap_or_default())?;
    let mut lines = head.split("\r\n");
    let status = lines
        .next()
        .and_then(|line| line.split(' ').nth(1))
        .and_then(|word| word.parse().ok())
        .context("no status line")?;
    let length = lines
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .map(|(_, value)| value.trim().parse())
        .transpose()?
        .context("a reply without Content-Length")?;
    Ok(Some((status, end + 4, length)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read_when_it_is_complete() {
        let reply = b"HTTP/1.1 201 Created\r\ncontent-length: 2\r\n\r\nok";
        assert_eq!(parse_head(reply).unwrap(), Some((201, 43, 2)));
        assert_eq!(parse_head(&reply[..40]).unwrap(), None);
        assert!(parse_head(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
    }
}
