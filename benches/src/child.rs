//! Child processes that never outlive the benchmark, and one free port for each.

use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context as _;

use crate::cpu::{SERVER_CPU, has_program};

/// How long a server may take until it accepts connections.
const START: Duration = Duration::from_secs(30);

/// A server under test; killed when dropped.
#[derive(Debug)]
pub struct Server {
    /// What it is called in the report.
    pub name: &'static str,
    /// Where it listens.
    pub address: SocketAddr,
    child: Child,
}

/// An address of the loopback interface that is free now.
///
/// # Errors
/// When no port can be had.
pub fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?)
}

/// `program`, to be run on the servers' CPU and killed by the kernel when this process ends, as far as util-linux is there.
pub fn pinned(program: &std::path::Path) -> Command {
    let mut words: Vec<&str> = Vec::new();
    let two = std::thread::available_parallelism().is_ok();
    if two && has_program("taskset") {
        words.extend(["taskset", "-c", SERVER_CPU]);
    }
    if has_program("setpriv") {
        words.extend(["setpriv", "--pdeathsig", "KILL"]);
    }
    let mut words = words.into_iter();
    match words.next() {
        None => Command::new(program),
        Some(first) => {
            let mut command = Command::new(first);
            command.args(words).arg(program);
            command
        }
    }
}

impl Server {
    /// Starts `command` and waits until it accepts connections at `address`. Its log goes to `log`.
    ///
    /// # Errors
    /// When it cannot be started, ends, or does not listen in time.
    pub fn start(
        name: &'static str,
        mut command: Command,
        address: SocketAddr,
        log: &std::path::Path,
    ) -> anyhow::Result<Self> {
        let log = std::fs::File::create(log).context("cannot create the server's log")?;
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let child = command.spawn().with_context(|| format!("cannot start {name}"))?;
        let mut server = Self { name, address, child };
        let began = Instant::now();
        while std::net::TcpStream::connect(address).is_err() {
            if let Some(status) = server.child.try_wait()? {
                anyhow::bail!("{name} ended at once ({status})");
            }
            anyhow::ensure!(
                began.elapsed() < START,
                "{name} does not listen after {} s",
                START.as_secs()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(server)
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
