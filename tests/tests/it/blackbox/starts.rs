//! What a start makes of what it finds: an address in use, a database it cannot have, the data of an earlier start.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use qiaojian_tests::{Backend, TestDb, with_database};
use rstest_reuse::apply;
use serde_json::Value;

use super::{Running, base_of, qiaojian, refusal, sign_in};
use crate::both_databases;

const AREAS: &str = "code,level,parent,name,kind\n340000,province,,安徽省,administrative\n340300,city,340000,蚌埠市,administrative\n";

#[test]
fn an_address_in_use_is_one_line_and_nothing_is_made() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let directory = tempfile::tempdir().unwrap();
    let data_dir = directory.path().join("data");
    for command in ["up", "api"] {
        assert_eq!(
            refusal(
                qiaojian(&data_dir).env("QIAOJIAN_LISTEN", &address).arg(command),
                1
            ),
            format!(
                "qiaojian: cannot listen on {address}: Address already in use; choose another with --listen\n"
            )
        );
    }
    assert!(!data_dir.exists());
}

#[test]
fn a_database_file_that_cannot_be_used_is_one_line() {
    let directory = tempfile::tempdir().unwrap();
    let (file, inner) = (directory.path().join("file"), directory.path().join("inner"));
    fs::write(&file, "").unwrap();
    fs::create_dir(&inner).unwrap();
    let token = [
        "token", "create", "--area", "340000", "--role", "reader", "--label", "x",
    ];
    for arguments in [
        ["up"].as_slice(),
        &["api"],
        &["worker"],
        &["migrate"],
        &token,
        &["demo", "load"],
    ] {
        // A regular file where the directory should be, and a directory where the file should be: root is stopped by these too.
        for (path, says) in [
            (file.join("q.db"), "not a directory"),
            (inner.clone(), "database file"),
        ] {
            let said = refusal(
                qiaojian(&directory.path().join("data"))
                    .env("DATABASE_URL", format!("sqlite:{}", path.display()))
                    .args(arguments),
                1,
            );
            assert!(said.contains(says), "{arguments:?}: {said}");
        }
    }
    let said = refusal(qiaojian(&file.join("data")).arg("up"), 1);
    assert!(said.contains("choose another with --data-dir"), "{said}");
}

fn up(test_db: &TestDb, data_dir: &Path) -> Running {
    let mut command = qiaojian(data_dir);
    command.env("DATABASE_URL", test_db.url_text());
    Running::start(command)
}

/// How a person gets in, as the next start says, and where it listens.
fn told_by(process: &Running) -> (String, String) {
    let base = base_of(&process.line_with("Qiaojian listens on"));
    let told = process.lines.recv().expect("it says how a person gets in");
    (base, told)
}

fn stop(mut process: Running) {
    process.signal("TERM");
    assert_eq!(process.code(), Some(0));
    let said: Vec<String> = process.lines.iter().collect();
    assert!(said.is_empty(), "{said:?}");
}

#[apply(both_databases)]
fn a_start_on_existing_data_adds_nothing_and_says_how_to_get_in(#[case] backend: Backend) {
    with_database(backend, |test_db| {
        let data_dir = test_db.directory().join("data");
        let mut command = qiaojian(&data_dir);
        command
            .env("DATABASE_URL", test_db.url_text())
            .env("QIAOJIAN_EMPTY", "1");
        let empty = Running::start(command);
        let (_, told) = told_by(&empty);
        assert!(told.contains("There are no areas yet"), "{told}");
        stop(empty);
        assert_eq!(
            fs::metadata(&data_dir).unwrap().permissions().mode() & 0o777,
            0o700
        );

        let table = test_db.directory().join("areas.csv");
        fs::write(&table, AREAS).unwrap();
        let imported = qiaojian(&data_dir)
            .env("DATABASE_URL", test_db.url_text())
            .args(["import", "areas"])
            .arg(&table)
            .status();
        assert!(imported.unwrap().success());

        // Where the file cannot be written there is no token either: the next start makes one.
        let file = data_dir.join("admin-credentials.json");
        fs::create_dir(&file).unwrap();
        let mut command = qiaojian(&data_dir);
        let said = refusal(command.env("DATABASE_URL", test_db.url_text()).arg("up"), 1);
        assert!(said.contains("cannot write"), "{said}");
        fs::remove_dir(&file).unwrap();

        for start in ["first", "second"] {
            let process = up(&test_db, &data_dir);
            let (base, told) = told_by(&process);
            assert!(
                told.contains("Admin credentials:") && told.contains("admin-credentials.json"),
                "{start}: {told}"
            );
            let credentials: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
            let bulletins: Value = reqwest::blocking::Client::new()
                .get(format!("{base}/v1/bulletins"))
                .bearer_auth(sign_in(&base, &credentials))
                .send()
                .unwrap()
                .json()
                .unwrap();
            assert_eq!(bulletins["items"], serde_json::json!([]), "{start}");
            stop(process);
        }

        let mut of_another = serde_json::from_str::<Value>(&fs::read_to_string(&file).unwrap()).unwrap();
        of_another["client_id"] = "0190163d-8694-739b-aea5-966c26f8ad91".into();
        fs::write(&file, of_another.to_string()).unwrap();
        for start in ["with the file of another database", "without the file"] {
            let process = up(&test_db, &data_dir);
            let (_, told) = told_by(&process);
            assert!(
                told.starts_with("Admin credentials were removed or belong to another data directory"),
                "{start}: {told}"
            );
            stop(process);
            let _ = fs::remove_file(&file);
        }
        assert!(!file.exists(), "a token is there, so no other is made");
    });
}
