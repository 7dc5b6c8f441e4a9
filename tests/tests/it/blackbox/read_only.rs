//! A data directory that this user may read and not write. Root may write everything, so there the binary runs as nobody.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use reqwest::StatusCode;

use super::away::{base_in_log, http, on_postgres, wait_for};
use super::{NOBODY, Running, is_root, qiaojian, refusal, text};

const AREAS: &str = "code,level,parent,name,kind\n340000,province,,安徽省,administrative\n340300,city,340000,蚌埠市,administrative\n";
/// A key like any other: 32 bytes in base64url.
const KEY: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
const PATIENCE: Duration = Duration::from_secs(60);

/// A directory whose data directory may be read by everybody, and the binary in it.
struct Place {
    binary: PathBuf,
    data_dir: PathBuf,
}

impl Place {
    fn in_directory(directory: &Path) -> Self {
        fs::set_permissions(directory, Permissions::from_mode(0o755)).unwrap();
        let (binary, built) = (
            directory.join("qiaojian"),
            env!("CARGO_BIN_EXE_qiaojian-under-test"),
        );
        if fs::hard_link(built, &binary).is_err() {
            fs::copy(built, &binary).unwrap();
        }
        Self {
            binary,
            data_dir: directory.join("data"),
        }
    }

    /// The binary, run by somebody who is not root.
    fn qiaojian(&self) -> Command {
        let mut command = Command::new(&self.binary);
        command.env_clear();
        for (name, value) in qiaojian(&self.data_dir).get_envs() {
            if let Some(value) = value {
                command.env(name, value);
            }
        }
        if is_root() {
            command.uid(NOBODY).gid(NOBODY);
        }
        command
    }

    /// Sets the modes of the data directory and of the files in it.
    fn allow(&self, directory: u32, files: u32) {
        for entry in fs::read_dir(&self.data_dir).unwrap() {
            fs::set_permissions(entry.unwrap().path(), Permissions::from_mode(files)).unwrap();
        }
        fs::set_permissions(&self.data_dir, Permissions::from_mode(directory)).unwrap();
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // So that it can be removed.
        let _ = fs::set_permissions(&self.data_dir, Permissions::from_mode(0o755));
    }
}

#[test]
fn a_database_that_may_not_be_written_is_told_at_start_and_can_be_checked() {
    let directory = tempfile::tempdir().unwrap();
    let place = Place::in_directory(directory.path());
    let table = directory.path().join("areas.csv");
    fs::write(&table, AREAS).unwrap();
    let table = table.to_str().unwrap();
    let made = qiaojian(&place.data_dir)
        .args(["import", "areas", table])
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", text(&made.stderr));
    fs::write(place.data_dir.join("secret.key"), KEY).unwrap();
    let token = [
        "token", "create", "--area", "340000", "--role", "reader", "--label", "x",
    ];
    for (directory, files) in [(0o555, 0o666), (0o777, 0o444), (0o555, 0o444)] {
        place.allow(directory, files);
        for arguments in [
            ["up"].as_slice(),
            &["api"],
            &["worker"],
            &["migrate"],
            &["import", "areas", table],
            &token,
            &["demo", "load"],
            &["resume", "--reason", "x"],
        ] {
            let said = refusal(place.qiaojian().args(arguments), 1);
            assert!(
                said.contains("may not write")
                    && said.contains("the file and the directory of the embedded database must be writable"),
                "{directory:o} {arguments:?}: {said}"
            );
        }
        for arguments in [
            ["check"].as_slice(),
            &["openapi"],
            &["import", "areas", table, "--dry-run"],
        ] {
            let output = place.qiaojian().args(arguments).output().unwrap();
            assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
        }
    }
}

#[test]
fn with_postgresql_only_the_mark_of_the_worker_has_to_be_writable() {
    on_postgres(|test_db| {
        let place = Place::in_directory(&test_db.directory());
        fs::create_dir(&place.data_dir).unwrap();
        fs::write(place.data_dir.join("secret.key"), KEY).unwrap();
        place.allow(0o555, 0o444);
        let with = |name: &str| {
            let mut command = place.qiaojian();
            command.env("DATABASE_URL", test_db.url_text()).arg(name);
            command
        };
        let mut api = Running::start_and_hear_its_log(with("api"));
        let ready = format!("{}/readyz", base_in_log(&api));
        wait_for(StatusCode::OK, || http().get(&ready));
        api.signal("TERM");
        assert_eq!(api.code(), Some(0));

        for name in ["worker", "up"] {
            let said = refusal(&mut with(name), 1);
            assert!(
                said.contains("may not write") && said.contains("ledger-mark.json"),
                "{said}"
            );
        }
        let mark = place.data_dir.join("ledger-mark.json");
        place.allow(0o755, 0o444);
        fs::write(&mark, "").unwrap();
        place.allow(0o555, 0o444);
        fs::set_permissions(&mark, Permissions::from_mode(0o666)).unwrap();
        let mut worker = Running::start_and_hear_its_log(with("worker"));
        worker.line_with("The worker runs.");
        let deadline = Instant::now() + PATIENCE;
        while fs::read_to_string(&mark).unwrap().is_empty() {
            assert!(Instant::now() < deadline, "nothing is noted");
            std::thread::yield_now();
        }
        worker.signal("TERM");
        assert_eq!(worker.code(), Some(0));
    });
}
