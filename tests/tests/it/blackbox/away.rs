//! PostgreSQL away, at start and during work: processes wait and answer 503, commands say so in one line, nobody answers 500.

use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, PgConnection, RunQueryDsl as _};
use qiaojian_tests::{Backend, TestDb, with_database};
use reqwest::StatusCode;
use reqwest::blocking::{Client, RequestBuilder, Response};
use serde_json::{Value, json};

use super::proxy::Proxy;
use super::{Running, qiaojian, refusal, sign_in};

/// By then it must have come back: far longer than it takes.
const PATIENCE: Duration = Duration::from_secs(60);
const AREAS: &str = "code,level,parent,name,kind\n340000,province,,安徽省,administrative\n340300,city,340000,蚌埠市,administrative\n";

pub fn on_postgres(body: impl Fn(TestDb)) {
    with_database(Backend::Postgres, body);
}

/// Each request on a connection of its own: none is kept to whoever answered before.
pub fn http() -> Client {
    Client::builder()
        .pool_max_idle_per_host(0)
        .build()
        .expect("a client")
}

/// Where the API says in its log that it listens.
pub fn base_in_log(process: &Running) -> String {
    let line = process.line_with("The API listens");
    let (_, address) = line.split_once("address=").expect("an address");
    format!("http://{}", address.trim())
}

#[track_caller]
fn assert_away(reply: &Response) {
    assert_eq!(reply.status(), StatusCode::SERVICE_UNAVAILABLE, "{}", reply.url());
    assert!(reply.headers().contains_key("retry-after"), "{}", reply.url());
    assert_eq!(reply.headers()["content-type"], "application/problem+json");
}

/// Asks again until it is answered so; until then it may only be unavailable.
#[track_caller]
pub fn wait_for(status: StatusCode, request: impl Fn() -> RequestBuilder) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let reply = request().send().expect("the API answers");
        if reply.status() == status {
            return;
        }
        assert_away(&reply);
        assert!(
            Instant::now() < deadline,
            "it does not come back: {}",
            reply.url()
        );
    }
}

/// Loads the areas and makes an administrator: its credentials.
pub fn admin_of(test_db: &TestDb) -> Value {
    let directory = test_db.directory();
    let table = directory.join("areas.csv");
    std::fs::write(&table, AREAS).unwrap();
    let direct = |arguments: &[&str]| {
        let output = qiaojian(&directory)
            .env("DATABASE_URL", test_db.url_text())
            .args(arguments)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", super::text(&output.stderr));
        output.stdout
    };
    direct(&["import", "areas", table.to_str().unwrap()]);
    let credentials = direct(&[
        "token",
        "create",
        "--area",
        "340000",
        "--role",
        "province_admin",
        "--label",
        "x",
        "--json",
    ]);
    serde_json::from_slice(&credentials).unwrap()
}

#[test]
fn an_api_whose_database_is_away_answers_503_and_goes_on_by_itself() {
    on_postgres(|test_db| {
        let proxy = Proxy::before(&test_db.url_text());
        let mut command = qiaojian(&test_db.directory());
        command.env("DATABASE_URL", proxy.url()).arg("api");
        let mut api = Running::start_and_hear_its_log(command);
        let base = base_in_log(&api);
        let why = api.line_with("The database is unavailable");
        assert!(
            why.contains("check DATABASE_URL and that the server is running"),
            "{why}"
        );

        let get = |path: &str| http().get(format!("{base}{path}")).send().unwrap();
        assert_eq!(get("/healthz").status(), StatusCode::OK);
        for path in ["/readyz", "/v1/organizations", "/openapi.json", "/nowhere"] {
            assert_away(&get(path));
        }
        let english = http()
            .post(format!("{base}/v1/tokens"))
            .header("Accept-Language", "en")
            .json(&json!({}))
            .send()
            .unwrap();
        assert_away(&english);
        let problem: Value = english.json().unwrap();
        assert_eq!(problem["title"], "Unavailable");

        proxy.open();
        api.line_with("The database is available");
        assert_eq!(get("/readyz").status(), StatusCode::OK);
        assert_eq!(get("/v1/organizations").status(), StatusCode::UNAUTHORIZED);
        api.signal("TERM");
        assert_eq!(api.code(), Some(0));
    });
}

#[test]
fn a_process_that_waits_for_its_database_ends_with_0_when_asked() {
    let directory = tempfile::tempdir().unwrap();
    let proxy = Proxy::before("postgres://u:geheim@nowhere/q");
    for name in ["api", "worker", "up"] {
        let mut command = qiaojian(directory.path());
        command.env("DATABASE_URL", proxy.url()).arg(name);
        let mut process = Running::start_and_hear_its_log(command);
        let why = process.line_with("The database is unavailable");
        assert!(!why.contains("geheim"), "{why}");
        process.signal("TERM");
        assert_eq!(process.code(), Some(0), "{name}");
    }
}

#[test]
fn a_command_whose_database_is_away_fails_at_once_in_one_line() {
    let directory = tempfile::tempdir().unwrap();
    let table = directory.path().join("areas.csv");
    std::fs::write(&table, AREAS).unwrap();
    let table = table.to_str().unwrap();
    let proxy = Proxy::before("postgres://u:geheim@nowhere/q");
    let token = [
        "token", "create", "--area", "340000", "--role", "reader", "--label", "x",
    ];
    for arguments in [
        ["migrate"].as_slice(),
        &["import", "areas", table],
        &["import", "areas", table, "--dry-run"],
        &token,
        &["demo", "load"],
    ] {
        let said = refusal(
            qiaojian(directory.path())
                .env("DATABASE_URL", proxy.url())
                .args(arguments),
            1,
        );
        assert!(
            said.contains("check DATABASE_URL and that the server is running") && !said.contains("geheim"),
            "{said}"
        );
    }
}

#[test]
fn what_does_not_pass_by_itself_is_not_waited_for() {
    on_postgres(|test_db| {
        let url = test_db.url_text();
        let nowhere = format!("{url}_nowhere");
        for command in ["api", "worker", "up", "migrate"] {
            let said = refusal(
                qiaojian(&test_db.directory())
                    .env("DATABASE_URL", &nowhere)
                    .arg(command),
                1,
            );
            assert!(said.contains("does not exist"), "{command}: {said}");
        }
    });
}

#[test]
fn a_database_that_goes_away_during_work_is_503_and_comes_back_by_itself() {
    on_postgres(|test_db| {
        let (directory, credentials) = (test_db.directory(), admin_of(&test_db));
        let proxy = Proxy::before(&test_db.url_text());
        proxy.open();
        let mut command = qiaojian(&directory);
        command.env("DATABASE_URL", proxy.url()).arg("api");
        let mut api = Running::start_and_hear_its_log(command);
        let base = base_in_log(&api);
        let http = http();
        let ready = || http.get(format!("{base}/readyz"));
        wait_for(StatusCode::OK, ready);
        let token = sign_in(&base, &credentials);
        let read = || http.get(format!("{base}/v1/areas")).bearer_auth(&token);
        let write = || {
            http.post(format!("{base}/v1/tokens"))
                .bearer_auth(&token)
                .json(&json!({"label": "手机", "area": "340300", "role": "reader"}))
        };
        assert_eq!(ready().send().unwrap().status(), StatusCode::OK);
        assert_eq!(read().send().unwrap().status(), StatusCode::OK);
        assert_eq!(write().send().unwrap().status(), StatusCode::CREATED);

        proxy.close();
        // More often than there are readers, so that each of their connections is met.
        for _ in 0..12 {
            assert_away(&ready().send().unwrap());
            assert_away(&read().send().unwrap());
            assert_away(&write().send().unwrap());
        }

        proxy.open();
        wait_for(StatusCode::OK, ready);
        wait_for(StatusCode::OK, read);
        wait_for(StatusCode::CREATED, write);
        api.signal("TERM");
        assert_eq!(api.code(), Some(0));
    });
}

#[test]
fn a_read_whose_connection_is_lost_is_answered_all_the_same() {
    on_postgres(|test_db| {
        let credentials = admin_of(&test_db);
        let mut command = qiaojian(&test_db.directory());
        command.env("DATABASE_URL", test_db.url_text()).arg("api");
        let mut api = Running::start_and_hear_its_log(command);
        let base = base_in_log(&api);
        let http = http();
        wait_for(StatusCode::OK, || http.get(format!("{base}/readyz")));
        let token = sign_in(&base, &credentials);
        let read = http.get(format!("{base}/v1/areas")).bearer_auth(&token);
        assert_eq!(read.try_clone().unwrap().send().unwrap().status(), StatusCode::OK);

        #[expect(
            clippy::disallowed_methods,
            reason = "the test is the database's administrator"
        )]
        let mut admin = PgConnection::establish(&test_db.url_text()).unwrap();
        admin
            .batch_execute("BEGIN; LOCK TABLE areas, area_versions IN ACCESS EXCLUSIVE MODE")
            .unwrap();
        let reading = std::thread::spawn(move || read.send());
        let deadline = Instant::now() + PATIENCE;
        let end_who_waits = "SELECT count(pg_terminate_backend(pid)) AS ended FROM pg_stat_activity \
             WHERE datname = current_database() AND wait_event_type = 'Lock'";
        while diesel::sql_query(end_who_waits)
            .get_result::<Ended>(&mut admin)
            .unwrap()
            .ended
            == 0
        {
            assert!(Instant::now() < deadline, "nobody reads the table");
        }
        admin.batch_execute("COMMIT").unwrap();
        let reply = reading.join().unwrap().unwrap();
        assert_eq!(reply.status(), StatusCode::OK);
        assert_eq!(
            reply.json::<Value>().unwrap()["items"].as_array().unwrap().len(),
            2
        );
        api.signal("TERM");
        assert_eq!(api.code(), Some(0));
    });
}

#[derive(diesel::QueryableByName)]
struct Ended {
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    ended: i64,
}
