//! Clients that ask and never read: they are given up, and everybody else is served.

use std::io::Write as _;
use std::net::TcpStream;
use std::process::Command;
use std::time::{Duration, Instant};

use reqwest::blocking::Client;

use super::{Running, qiaojian, text};

/// Files the process may open: 128 of them are kept for itself, so as many may be connections.
const FILES: u32 = 256;
const CLIENTS: usize = 200;
/// Longer than an answer may stay unread, with room for a busy machine.
const PATIENCE: Duration = Duration::from_secs(90);

#[test]
fn clients_that_never_read_are_given_up_and_others_are_served() {
    let directory = tempfile::tempdir().unwrap();
    let migrated = qiaojian(directory.path()).arg("migrate").output().unwrap();
    assert!(migrated.status.success(), "{}", text(&migrated.stderr));

    let with_few_files = qiaojian(directory.path());
    let mut command = Command::new("sh");
    command
        .args(["-c", &format!("ulimit -n {FILES}; exec \"$0\" api")])
        .arg(with_few_files.get_program())
        .env_clear();
    for (name, value) in with_few_files.get_envs() {
        if let Some(value) = value {
            command.env(name, value);
        }
    }
    let mut api = Running::start_and_hear_its_log(command);
    let line = api.line_with("The API listens");
    let address = line.split_once("address=").unwrap().1.trim().to_owned();

    // Sixteen requests for a large document each, and not a byte is read.
    let requests = format!("GET /openapi.json HTTP/1.1\r\nHost: {address}\r\n\r\n").repeat(16);
    let mut silent = Vec::new();
    for _ in 0..CLIENTS {
        let mut stream = TcpStream::connect(&address).unwrap();
        stream.write_all(requests.as_bytes()).unwrap();
        silent.push(stream);
    }
    let client = Client::builder()
        .pool_max_idle_per_host(0)
        .timeout(PATIENCE)
        .build()
        .unwrap();
    let asked = Instant::now();
    let reply = client.get(format!("http://{address}/readyz")).send().unwrap();
    assert_eq!(reply.status(), 200, "after {:?}", asked.elapsed());
    drop(silent);
    api.signal("TERM");
    assert_eq!(api.code(), Some(0));
}
