//! Behind PgBouncer: one that pools sessions is no hindrance, one that pools transactions is refused at start.

use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{fs, thread};

use qiaojian_tests::TestDb;
use reqwest::StatusCode;

use super::away::{base_in_log, http, on_postgres, wait_for};
use super::{NOBODY, Running, is_root, qiaojian, refusal};

const PROGRAM: &str = "/usr/sbin/pgbouncer";
const PATIENCE: Duration = Duration::from_secs(30);

/// A PgBouncer before the test's database, ended with the test.
struct Pooler {
    child: Child,
    url: String,
}

impl Pooler {
    fn start(test_db: &TestDb, mode: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let url = test_db.url_text();
        let (credentials, place) = url.split_once("://").unwrap().1.rsplit_once('@').unwrap();
        let (user, password) = credentials.split_once(':').unwrap_or((credentials, ""));
        let (server, database) = place.split_once('/').unwrap();
        let (host, server_port) = server.split_once(':').unwrap_or((server, "5432"));
        let password = if password.is_empty() {
            String::new()
        } else {
            format!(" password='{password}'")
        };
        let settings = format!(
            "[databases]\n{database} = host={host} port={server_port} user={user}{password}\n\
             [pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = any\npool_mode = {mode}\n\
             default_pool_size = 40\nlog_connections = 0\nlog_disconnections = 0\n"
        );
        let directory = test_db.directory();
        let file = directory.join(format!("{mode}.ini"));
        fs::write(&file, settings).unwrap();
        Self {
            child: spawn(&directory, &file),
            url: format!("postgres://{user}@127.0.0.1:{port}/{database}"),
        }
        .ready(port)
    }

    fn ready(self, port: u16) -> Self {
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < deadline, "PgBouncer does not listen");
            thread::yield_now();
        }
        self
    }
}

/// It refuses to run as root.
fn spawn(directory: &Path, settings: &Path) -> Child {
    let mut command = Command::new(PROGRAM);
    command
        .arg("--quiet")
        .arg(settings)
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    if is_root() {
        fs::set_permissions(directory, fs::Permissions::from_mode(0o755)).unwrap();
        command.uid(NOBODY).gid(NOBODY);
    }
    command.spawn().expect("PgBouncer starts")
}

impl Drop for Pooler {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_pooler_of_transactions_is_refused_and_one_of_sessions_is_not() {
    if !Path::new(PROGRAM).exists() {
        skipped();
        return;
    }
    on_postgres(|test_db| {
        let directory = test_db.directory();
        let of_transactions = Pooler::start(&test_db, "transaction");
        for command in ["up", "api", "worker", "migrate", "check"] {
            let said = refusal(
                qiaojian(&directory)
                    .env("DATABASE_URL", &of_transactions.url)
                    .arg(command),
                1,
            );
            assert!(
                said.contains("configure it to pool sessions"),
                "{command}: {said}"
            );
        }
        drop(of_transactions);

        let of_sessions = Pooler::start(&test_db, "session");
        let mut command = qiaojian(&directory);
        command.env("DATABASE_URL", &of_sessions.url).arg("api");
        let mut api = Running::start_and_hear_its_log(command);
        let ready = format!("{}/readyz", base_in_log(&api));
        wait_for(StatusCode::OK, || http().get(&ready));
        api.signal("TERM");
        assert_eq!(api.code(), Some(0));
    });
}

#[expect(clippy::print_stderr, reason = "a skipped test says so")]
fn skipped() {
    assert!(
        std::env::var("TEST_REQUIRE_POSTGRES").is_err(),
        "TEST_REQUIRE_POSTGRES is set, but {PROGRAM} is not there"
    );
    eprintln!("skipped: there is no {PROGRAM}");
}
