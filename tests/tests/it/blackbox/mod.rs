//! The real binary, started as a process and driven from outside.

mod commands;
mod kills;
mod newcomer;

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};

/// The binary with nothing in its environment but what a test sets.
pub fn qiaojian(data_dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_qiaojian-under-test"));
    command
        .env_clear()
        .env("QIAOJIAN_DATA_DIR", data_dir)
        .env("QIAOJIAN_LISTEN", "127.0.0.1:0")
        .env("QIAOJIAN_LOG", "warn");
    command
}

/// A process that is killed when the test is through, whatever happened.
pub struct Running {
    child: Child,
    /// Its stdout, line by line, as it comes.
    pub lines: Receiver<String>,
}

impl Running {
    /// Starts it and listens to its stdout.
    pub fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().expect("the binary starts");
        let stdout = child.stdout.take().expect("its stdout");
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        Self { child, lines }
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
