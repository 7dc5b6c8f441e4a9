//! A real failover that loses commits: two PostgreSQL clusters, an asynchronous standby that is promoted. The new primary uses the lost
//! numbers again, and two API processes that go on running notice it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use reqwest::StatusCode;
use reqwest::blocking::{Client, Response};
use serde_json::{Value, json};

use super::{Running, qiaojian, sign_in, text};

const PROGRAMS: &str = "/usr/lib/postgresql/15/bin";
/// Far longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(60);
const AREAS: &str = "code,level,parent,name,kind\n340000,province,,安徽省,administrative\n340300,city,340000,蚌埠市,administrative\n340304,county,340300,禹会区,administrative\n";

/// Asks until it is so.
#[track_caller]
fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::yield_now();
    }
}

/// A cluster of its own, stopped when the test ends.
struct Cluster {
    data: PathBuf,
    port: u16,
}

impl Cluster {
    /// Runs one of PostgreSQL's programs, as a user that is not root: it refuses to run as root.
    #[track_caller]
    fn run(program: &str, arguments: &[&str]) -> Output {
        let is_root = text(&Command::new("id").arg("-u").output().expect("id runs").stdout).trim() == "0";
        let program = format!("{PROGRAMS}/{program}");
        let mut command = if is_root {
            let mut command = Command::new("runuser");
            command.args(["-u", "postgres", "--", program.as_str()]);
            command
        } else {
            Command::new(program)
        };
        let output = command
            .args(arguments)
            .current_dir("/")
            .output()
            .expect("PostgreSQL's programs run");
        assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
        output
    }

    fn primary(directory: &Path) -> Self {
        let cluster = Self {
            data: directory.join("one"),
            port: free_port(),
        };
        let data = cluster.data.to_string_lossy().into_owned();
        let settings = ["--auth", "trust", "--encoding", "UTF8", "--locale", "C.UTF-8"];
        Self::run(
            "initdb",
            &[&["--pgdata", &data, "--username", "postgres"][..], &settings].concat(),
        );
        cluster.start();
        cluster
    }

    /// A copy that follows the primary.
    fn standby(directory: &Path, primary: &Self) -> Self {
        let cluster = Self {
            data: directory.join("two"),
            port: free_port(),
        };
        let from = format!("postgres://postgres@127.0.0.1:{}/postgres", primary.port);
        let data = cluster.data.to_string_lossy().into_owned();
        Self::run(
            "pg_basebackup",
            &["--dbname", &from, "--pgdata", &data, "--write-recovery-conf"],
        );
        cluster.start();
        cluster
    }

    fn start(&self) {
        let options = format!(
            "-p {} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off",
            self.port
        );
        self.control(&["start", "--wait", "--silent", "--options", &options]);
    }

    #[track_caller]
    fn control(&self, arguments: &[&str]) {
        let data = self.data.to_string_lossy().into_owned();
        let log = format!("{data}.log");
        Self::run(
            "pg_ctl",
            &[&["--pgdata", &data, "--log", &log][..], arguments].concat(),
        );
    }

    fn connect(&self) -> PgConnection {
        let url = format!("postgres://postgres@127.0.0.1:{}/postgres", self.port);
        #[expect(
            clippy::disallowed_methods,
            reason = "the test runs two servers, which no store function does"
        )]
        PgConnection::establish(&url).expect("the server answers")
    }

    /// A number the server knows.
    fn number(&self, expression: &str) -> i64 {
        diesel::select(diesel::dsl::sql::<BigInt>(expression))
            .get_result(&mut self.connect())
            .expect("a number")
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if self.data.join("postmaster.pid").exists() {
            self.control(&["stop", "--mode", "immediate", "--silent"]);
        }
    }
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("its address").port()
}

/// One API process, and who asks it.
struct Api {
    _process: Running,
    base: String,
    http: Client,
}

impl Api {
    fn start(directory: &Path, url: &str) -> Self {
        let mut command = qiaojian(directory);
        command.env("DATABASE_URL", url).arg("api");
        let process = Running::start_and_hear_its_log(command);
        let line = process.line_with("The API listens");
        let (_, address) = line.split_once("address=").expect("an address");
        let api = Self {
            base: format!("http://{}", address.trim()),
            _process: process,
            http: Client::new(),
        };
        // A slow start is answered for by a stand-in, which hands over when the service is ready.
        wait_until("it does not get ready", || {
            let ready = api.http.get(format!("{}/readyz", api.base)).send();
            ready.is_ok_and(|reply| reply.status() == StatusCode::OK)
        });
        api
    }

    fn get(&self, token: &str, path: &str) -> Response {
        let request = self.http.get(format!("{}{path}", self.base)).bearer_auth(token);
        request.send().expect("the API answers")
    }

    fn post(&self, token: &str, path: &str, body: &Value) -> Response {
        let request = self.http.post(format!("{}{path}", self.base)).bearer_auth(token);
        request.json(body).send().expect("the API answers")
    }

    fn json(&self, token: &str, path: &str) -> Value {
        let reply = self.get(token, path);
        assert_eq!(reply.status(), StatusCode::OK, "{path}");
        reply.json().expect("JSON")
    }

    fn organizations(&self, token: &str) -> Value {
        let figures = self.json(token, "/v1/figures?metric=organizations&area=340000&cohort=all");
        figures["totals"][0]["numerator"].clone()
    }

    #[track_caller]
    fn establish(&self, token: &str, area: &str) {
        let body = json!({"area": area, "kind": "federation", "name": "侨联", "status": "established", "established_on": "2022-03-01"});
        let reply = self.post(token, "/v1/organizations", &body);
        assert_eq!(reply.status(), StatusCode::CREATED);
    }
}

#[test]
fn a_failover_that_loses_commits_is_noticed_by_every_process() {
    if !Path::new(PROGRAMS).join("pg_basebackup").exists() {
        skipped();
        return;
    }
    let directory = tempfile::tempdir().expect("a temporary directory");
    for sub in ["", "servers"] {
        let path = directory.path().join(sub);
        std::fs::create_dir_all(&path).expect("a directory");
        let open = std::os::unix::fs::PermissionsExt::from_mode(0o777);
        std::fs::set_permissions(&path, open).expect("another user may pass");
    }
    let servers = directory.path().join("servers");
    let one = Cluster::primary(&servers);
    let two = Cluster::standby(&servers, &one);
    let url = format!(
        "postgres://postgres@127.0.0.1:{},127.0.0.1:{}/postgres?target_session_attrs=read-write",
        one.port, two.port
    );
    let data = directory.path().join("data");
    let run = |arguments: &[&str]| {
        let output = qiaojian(&data).env("DATABASE_URL", &url).args(arguments).output();
        let output = output.expect("the binary runs");
        assert!(output.status.success(), "{}", text(&output.stderr));
        serde_json::from_slice::<Value>(&output.stdout)
    };
    let table = directory.path().join("areas.csv");
    std::fs::write(&table, AREAS).expect("a table");
    run(&["migrate"]).ok();
    run(&["import", "areas", &table.to_string_lossy()]).ok();
    let token = |label: &str| {
        let arguments = [
            "token",
            "create",
            "--area",
            "340000",
            "--role",
            "province_admin",
            "--label",
            label,
            "--json",
        ];
        run(&arguments).unwrap_or_else(|error| panic!("credentials: {error}"))
    };
    let [admin, lost, kept] = ["admin", "lost", "kept"].map(token);

    let (api, other) = (Api::start(&data, &url), Api::start(&data, &url));
    let admin = sign_in(&api.base, &admin);
    let id = |credentials: &Value| credentials["client_id"].as_str().expect("an id").to_owned();
    let (lost_id, kept_id) = (id(&lost), id(&kept));
    let [lost, kept] = [lost, kept].map(|credentials| sign_in(&api.base, &credentials));
    api.establish(&admin, "340000");
    for token in [&lost, &kept] {
        assert_eq!(api.organizations(token), 1);
        assert_eq!(other.organizations(token), 1);
    }

    // The standby has all of this, and from here on nothing more.
    let written = one.number("(pg_current_wal_lsn() - '0/0')::bigint");
    wait_until("the standby does not follow", || {
        two.number("(pg_last_wal_replay_lsn() - '0/0')::bigint") >= written
    });
    let mut standby = two.connect();
    for statement in [
        "ALTER SYSTEM SET primary_conninfo = ''",
        "SELECT pg_reload_conf()",
    ] {
        standby.batch_execute(statement).expect("the standby is cut off");
    }
    wait_until("the standby still follows", || {
        one.number("(SELECT count(*) FROM pg_stat_replication)") == 0
    });

    // What will be lost: an organization, and a revocation that the other process has seen.
    api.establish(&admin, "340300");
    let revoked = api.post(&admin, &format!("/v1/tokens/{lost_id}/revoke"), &json!({}));
    assert!(
        revoked.status().is_success(),
        "{}",
        revoked.text().unwrap_or_default()
    );
    wait_until("a revocation is not seen", || {
        other.get(&lost, "/v1/areas").status() == StatusCode::UNAUTHORIZED
    });
    for api in [&api, &other] {
        assert_eq!(api.organizations(&admin), 2);
    }
    let cursor = api.json(&admin, "/v1/changes")["next_since"].clone();
    let cursor = cursor.as_str().expect("a cursor");

    one.control(&["stop", "--mode", "immediate", "--silent"]);
    two.control(&["promote", "--wait", "--silent"]);
    for api in [&api, &other] {
        wait_until("it does not come back", || {
            api.get(&admin, "/readyz").status() == StatusCode::OK
                && api.get(&admin, "/v1/areas").status() == StatusCode::OK
        });
        assert_eq!(api.organizations(&admin), 1, "what was lost is not counted");
    }
    // The new primary gives the lost numbers to other things.
    api.establish(&admin, "340304");
    let revoked = api.post(&admin, &format!("/v1/tokens/{kept_id}/revoke"), &json!({}));
    assert!(
        revoked.status().is_success(),
        "{}",
        revoked.text().unwrap_or_default()
    );
    wait_until(
        "a revocation with a number that was used before is not seen",
        || other.get(&kept, "/v1/areas").status() == StatusCode::UNAUTHORIZED,
    );
    for api in [&api, &other] {
        wait_until("a revocation that was lost is still believed", || {
            api.get(&lost, "/v1/areas").status() == StatusCode::OK
        });
        assert_eq!(api.organizations(&admin), 2);
        let stale = api.get(&admin, &format!("/v1/changes?since={cursor}"));
        assert_eq!(stale.status(), StatusCode::BAD_REQUEST);
        assert!(stale.text().expect("a problem").contains("重新下载"));
    }
}

#[expect(clippy::print_stderr, reason = "a skipped test says so")]
fn skipped() {
    assert!(
        std::env::var("TEST_REQUIRE_POSTGRES").is_err(),
        "TEST_REQUIRE_POSTGRES is set, but {PROGRAMS} has no PostgreSQL"
    );
    eprintln!("skipped: {PROGRAMS} has no PostgreSQL");
}
