//! The real binary, started as a process and driven from outside.

mod away;
mod commands;
mod failover;
mod kills;
mod newcomer;
mod pooler;
mod proxy;
mod read_only;
mod refused;
mod signals;
mod skipped;
mod starts;
mod unread;

use std::io::{BufRead as _, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};

use serde_json::Value;

/// The binary with nothing in its environment but what a test sets. The registers of tests were written in 2022: that is no silence.
pub fn qiaojian(data_dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_qiaojian-under-test"));
    command
        .env_clear()
        .env("QIAOJIAN_DATA_DIR", data_dir)
        .env("QIAOJIAN_LISTEN", "127.0.0.1:0")
        .env("QIAOJIAN_LONGEST_SILENCE_DAYS", "3650")
        .env("QIAOJIAN_LOG", "warn");
    command
}

/// The user who owns nothing.
pub const NOBODY: u32 = 65_534;

/// Whether the tests are run by root, whom no mode of a file stops.
pub fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}

/// What a process has written.
pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Runs it to its end, which must be this exit code, with one line on stderr: that line.
#[track_caller]
pub fn refusal(command: &mut Command, code: i32) -> String {
    let output = command.output().expect("the binary runs");
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    said
}

/// A process that is killed when the test is through, whatever happened.
pub struct Running {
    child: Child,
    /// What it says, line by line, as it comes.
    pub lines: Receiver<String>,
}

impl Running {
    /// Starts it and listens to its stdout.
    pub fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().expect("the binary starts");
        let stdout = child.stdout.take().expect("its stdout");
        Self {
            child,
            lines: listen(stdout),
        }
    }

    /// Starts it and listens to its log, which is on stderr.
    pub fn start_and_hear_its_log(mut command: Command) -> Self {
        let mut child = command
            .env("QIAOJIAN_LOG", "info")
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let stderr = child.stderr.take().expect("its stderr");
        Self {
            child,
            lines: listen(stderr),
        }
    }

    /// The next line that contains `part`.
    #[track_caller]
    pub fn line_with(&self, part: &str) -> String {
        loop {
            let line = self
                .lines
                .recv()
                .unwrap_or_else(|_| panic!("it ended before it said `{part}`"));
            if line.contains(part) {
                return line;
            }
        }
    }

    /// Sends a signal by its name, as `kill` knows it.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill")
            .args([format!("-{name}"), self.child.id().to_string()])
            .status();
        assert!(sent.expect("kill runs").success());
    }

    /// Its exit code, once it has ended.
    pub fn code(&mut self) -> Option<i32> {
        self.child.wait().expect("it ends").code()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn listen(stream: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, lines) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    lines
}

/// Where `up` says that it listens.
pub fn base_of(line: &str) -> String {
    line.split_whitespace()
        .find(|word| word.starts_with("http://"))
        .expect("an address")
        .to_owned()
}

/// An access token for these credentials (`client_id`, `client_secret`).
pub fn sign_in(base: &str, credentials: &Value) -> String {
    let field = |name: &str| credentials[name].as_str().expect("a credential").to_owned();
    let form = [
        ("grant_type", "client_credentials".to_owned()),
        ("client_id", field("client_id")),
        ("client_secret", field("client_secret")),
    ];
    let reply: Value = reqwest::blocking::Client::new()
        .post(format!("{base}/oauth/token"))
        .form(&form)
        .send()
        .expect("the token endpoint answers")
        .json()
        .expect("JSON");
    reply["access_token"]
        .as_str()
        .expect("an access token")
        .to_owned()
}
