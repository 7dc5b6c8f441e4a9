//! The command line: exit codes, settings, imports, tokens.

use std::process::Output;
use std::sync::Arc;

use qiaojian_shared::clock::SystemClock;
use qiaojian_shared::store::{StoreError, areas};
use qiaojian_tests::{TestDb, both_databases};
use serde_json::Value;

use super::qiaojian;

fn run(test_db: &TestDb, arguments: &[&str]) -> Output {
    qiaojian(&test_db.directory())
        .env("DATABASE_URL", test_db.url_text())
        .args(arguments)
        .output()
        .expect("the binary runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn a_mistyped_setting_is_an_error_at_start() {
    both_databases(|test_db| {
        for (name, value) in [
            ("QIAOJIAN_LISTN", "127.0.0.1:1"),
            ("QIAOJIAN_SECRET_KEY", "short"),
            ("DATABASE_URL", "mysql://x/y"),
            ("QIAOJIAN_LOG", "info,=x="),
        ] {
            let output = qiaojian(&test_db.directory())
                .env("DATABASE_URL", test_db.url_text())
                .env(name, value)
                .arg("api")
                .output()
                .unwrap();
            assert_eq!(output.status.code(), Some(2), "{name}: {}", text(&output.stderr));
            assert_eq!(
                text(&output.stderr).lines().count(),
                1,
                "{}",
                text(&output.stderr)
            );
        }
        let output = run(&test_db, &["up", "--colour"]);
        assert_eq!(output.status.code(), Some(2));
        assert_eq!(run(&test_db, &["--help"]).status.code(), Some(0));
    });
}

#[test]
fn areas_are_checked_whole_before_the_first_is_written() {
    both_databases(|test_db| {
        let file = test_db.directory().join("areas.csv");
        let path = file.to_str().unwrap();
        let good = "code,level,parent,name,kind\n340000,province,,安徽省,administrative\n340300,city,340000,蚌埠市,administrative\n";
        std::fs::write(
            &file,
            format!("{good}340304,county,340000,禹会区,administrative\n"),
        )
        .unwrap();
        let refused = run(&test_db, &["import", "areas", path]);
        assert_eq!(refused.status.code(), Some(1));
        assert!(
            text(&refused.stderr).contains("row 4: 340304: a county cannot stand under a province"),
            "{}",
            text(&refused.stderr)
        );

        std::fs::write(&file, good).unwrap();
        assert_eq!(
            text(&run(&test_db, &["import", "areas", path, "--dry-run"]).stdout),
            "would add 2 areas; 0 are there already\n"
        );
        assert_eq!(
            text(&run(&test_db, &["import", "areas", path]).stdout),
            "added 2 areas\n"
        );
        assert_eq!(
            text(&run(&test_db, &["import", "areas", path]).stdout),
            "added 0 areas\n"
        );

        let nowhere = run(
            &test_db,
            &[
                "token", "create", "--area", "350000", "--role", "reader", "--label", "x",
            ],
        );
        assert_eq!(nowhere.status.code(), Some(1));
        assert!(text(&nowhere.stderr).contains("there is no area 350000"));
        let token = run(
            &test_db,
            &[
                "token",
                "create",
                "--area",
                "340300",
                "--role",
                "city_reporter",
                "--label",
                "市",
                "--expires-in",
                "30d",
                "--json",
            ],
        );
        assert_eq!(token.status.code(), Some(0), "{}", text(&token.stderr));
        let token: Value = serde_json::from_slice(&token.stdout).unwrap();
        let mut fields: Vec<_> = token.as_object().unwrap().keys().cloned().collect();
        fields.sort();
        assert_eq!(fields, ["client_id", "client_secret", "expires_at"]);
        let beyond = run(
            &test_db,
            &[
                "token",
                "create",
                "--area",
                "340300",
                "--role",
                "reader",
                "--scopes",
                "org:write",
                "--label",
                "x",
            ],
        );
        assert_eq!(beyond.status.code(), Some(1));
    });
}

#[test]
fn an_area_table_may_be_in_gb18030_and_a_damaged_one_leaves_nothing() {
    both_databases(|test_db| {
        let directory = test_db.directory();
        let import = |name: &str, bytes: &[u8]| {
            let file = directory.join(name);
            std::fs::write(&file, bytes).unwrap();
            run(&test_db, &["import", "areas", file.to_str().unwrap()])
        };
        let packed = std::fs::read(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../demo/areas-anhui.csv.zst"
        ))
        .unwrap();
        for (name, bytes, says) in [
            (
                "half.csv.zst",
                &packed[..packed.len() / 2],
                "is not a whole zstd file",
            ),
            ("no.csv.zst", b"code,level".as_slice(), "is not a whole zstd file"),
            (
                "columns.csv",
                b"code,level,parent,name\n340000,province,,x\n",
                "missing: kind",
            ),
            (
                "latin.csv",
                b"code,level,parent,name,kind\n340000,province,,\xFF\xFE\xFF,administrative\n",
                "neither UTF-8 nor GB18030",
            ),
            (
                "level.csv",
                b"code,level,parent,name,kind\n340000,state,,x,administrative\n",
                "line 2",
            ),
        ] {
            let refused = import(name, bytes);
            let stderr = text(&refused.stderr);
            assert_eq!(refused.status.code(), Some(1), "{name}: {stderr}");
            assert!(stderr.contains(says), "{name}: {stderr}");
            assert_eq!(stderr.lines().count(), 1, "{name}: {stderr}");
        }

        let table = "code,level,parent,name,kind\n340000,province,,安徽省,administrative\n";
        let encoded = encoding_rs::GB18030.encode(table).0;
        assert_eq!(
            text(&import("spreadsheet.csv", &encoded).stdout),
            "added 1 areas\n"
        );
        let db = test_db.open(Arc::new(SystemClock));
        let found = tokio::runtime::Runtime::new()
            .unwrap()
            .block_on(db.read(|conn| areas::find_anywhere(conn, "340000").map_err(StoreError::from)))
            .unwrap();
        assert_eq!(found.unwrap().name, "安徽省");
    });
}

#[test]
fn several_processes_may_migrate_at_once() {
    both_databases(|test_db| {
        let runs: Vec<_> = (0..4)
            .map(|_| {
                qiaojian(&test_db.directory())
                    .env("DATABASE_URL", test_db.url_text())
                    .arg("migrate")
                    .output()
            })
            .collect();
        assert!(runs.into_iter().all(|run| run.unwrap().status.success()));
    });
}
