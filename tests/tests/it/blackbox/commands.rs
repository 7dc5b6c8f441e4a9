//! The command line: exit codes, settings, imports, tokens.

use std::process::{Output, Stdio};
use std::sync::Arc;

use diesel::prelude::*;
use insta::assert_snapshot;
use qiaojian_domain::clock::SystemClock;
use qiaojian_store::db::schema::audit_entries;
use qiaojian_store::db::{DatabaseUrl, Db, Lanes};
use qiaojian_store::{StoreError, areas};
use qiaojian_tests::fixtures::article_clock;
use qiaojian_tests::{Backend, TestDb, with_database};
use rstest_reuse::apply;
use serde_json::{Value, json};

use super::{Running, qiaojian, refusal, text};
use crate::both_databases;

const AREAS: &str = "code,level,parent,name,kind\n340000,province,,安徽省,administrative\n340300,city,340000,蚌埠市,administrative\n";

fn run(test_db: &TestDb, arguments: &[&str]) -> Output {
    qiaojian(&test_db.directory())
        .env("DATABASE_URL", test_db.url_text())
        .args(arguments)
        .output()
        .expect("the binary runs")
}

#[test]
fn a_mistyped_setting_is_an_error_at_start_before_anything_is_made() {
    let directory = tempfile::tempdir().unwrap();
    let data_dir = directory.path().join("data");
    for (name, value) in [
        ("QIAOJIAN_LISTN", "127.0.0.1:1"),
        ("QIAOJIAN_LISTEN", "8080"),
        ("QIAOJIAN_SECRET_KEY", "short"),
        ("DATABASE_URL", "mysql://x/y"),
        ("DATABASE_URL", "postgres://u:ge%heim@h/q"),
        ("DATABASE_URL", "postgres://u:ge@heim@h/q"),
        ("DATABASE_URL", "postgres://h/q?sslmode=require"),
        ("QIAOJIAN_LOG", "info,=x="),
        ("QIAOJIAN_SMTP_URL", "smtp://localhost"),
        ("QIAOJIAN_MAIL_FROM", "a@example.org"),
    ] {
        for command in ["api", "worker", "up"] {
            let said = refusal(qiaojian(&data_dir).env(name, value).arg(command), 2);
            assert!(!said.contains("heim"), "{said}");
        }
    }
    for (url, from) in [("localhost:25", "a@example.org"), ("smtp://localhost", "nobody")] {
        let mut command = qiaojian(&data_dir);
        command
            .env("QIAOJIAN_SMTP_URL", url)
            .env("QIAOJIAN_MAIL_FROM", from);
        assert!(refusal(&mut command, 2).contains("QIAOJIAN_"));
    }
    for (name, value) in [("QIAOJIAN_EMPTY", "perhaps"), ("QIAOJIAN_LOG_FORMAT", "xml")] {
        let output = qiaojian(&data_dir).env(name, value).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{name}");
    }
    assert!(!data_dir.exists());
    let usage = |argument: &[&str]| qiaojian(&data_dir).args(argument).output().unwrap().status;
    assert_eq!(usage(&["up", "--colour"]).code(), Some(2));
    assert_eq!(usage(&["--help"]).code(), Some(0));
}

#[apply(both_databases)]
fn every_option_may_be_a_variable_and_those_of_another_command_do_no_harm(#[case] backend: Backend) {
    with_database(backend, |test_db| {
        let directory = test_db.directory();
        let table = directory.join("areas.csv");
        std::fs::write(&table, AREAS).unwrap();
        let with_variables = |dry_run: &str| {
            let mut command = qiaojian(&directory);
            command
                .env("DATABASE_URL", test_db.url_text())
                .env("QIAOJIAN_EMPTY", "true")
                .env("QIAOJIAN_DRY_RUN", dry_run)
                .env("QIAOJIAN_TOKEN_AREA", "340300")
                .env("QIAOJIAN_TOKEN_ROLE", "city_reporter")
                .env("QIAOJIAN_TOKEN_POST", "leading_group")
                .env("QIAOJIAN_TOKEN_SCOPES", "org:read,org:write")
                .env("QIAOJIAN_TOKEN_EXPIRES_IN", "30d")
                .env("QIAOJIAN_TOKEN_LABEL", "市侨联 1 号手机")
                .env("QIAOJIAN_TOKEN_JSON", "1");
            command
        };
        // No command is `up`, and has its variables too.
        let mut empty = Running::start(with_variables("0"));
        empty.line_with("There are no areas yet");
        empty.signal("TERM");
        assert_eq!(empty.code(), Some(0));

        let import = |dry_run: &str| {
            let output = with_variables(dry_run)
                .args(["import", "areas"])
                .arg(&table)
                .output();
            text(&output.unwrap().stdout)
        };
        assert_eq!(import("1"), "would add 2 areas; 0 already exist\n");
        assert_eq!(import("0"), "added 2 areas; 0 already exist\n");

        let token = with_variables("0").args(["token", "create"]).output().unwrap();
        assert_eq!(token.status.code(), Some(0), "{}", text(&token.stderr));
        let token: Value = serde_json::from_slice(&token.stdout).unwrap();
        let mut fields: Vec<_> = token.as_object().unwrap().keys().cloned().collect();
        fields.sort();
        assert_eq!(fields, ["client_id", "client_secret", "expires_at"]);
    });
}

/// A new edition of the national list: what it would do is told, and done; again it does nothing.
#[apply(both_databases)]
fn an_edition_of_the_list_brings_the_register_to_it(#[case] backend: Backend) {
    with_database(backend, |test_db| {
        let file = test_db.directory().join("areas.csv");
        let path = file.to_str().unwrap();
        let outcome = |arguments: &[&str], code: i32| {
            let output = run(&test_db, arguments);
            assert_eq!(output.status.code(), Some(code), "{}", text(&output.stderr));
            (text(&output.stdout), text(&output.stderr))
        };
        let old = "340304,county,340300,禹会区,administrative\n340304001,township,340304,大庆街道,administrative\n\
                   340304002,township,340304,张公山街道,administrative\n340322,county,340300,五河县,administrative\n";
        std::fs::write(&file, format!("{AREAS}{old}")).unwrap();
        outcome(&["import", "areas", path], 0);

        let columns = "code,level,parent,name,kind,predecessors,valid_from\n\
                       340000,province,,安徽省,administrative,,\n340300,city,340000,蚌埠市,administrative,,\n";
        let new = "340305,county,340300,禹会区,administrative,340304,\n\
                   340305003,township,340305,庆山街道,administrative,340304001;340304002,2023-02-01\n";
        std::fs::write(&file, format!("{columns}{new}")).unwrap();
        let edition = ["import", "areas", path, "--update-on", "2023-01-01"];
        let dry = [&edition[..], &["--dry-run"]].concat();
        let steps = "rename 340304 禹会区 to 340305\nadd 340305003 庆山街道\nmerge 340304001 大庆街道 into 340305003\n\
                     merge 340304002 张公山街道 into 340305003\nclose 340322 五河县\n";
        let summary = "5 steps: 1 added, 1 renamed, 0 of another kind, 0 moved, 2 merged, 1 closed\n";
        assert_eq!(outcome(&dry, 0).0, format!("{steps}would apply {summary}"));
        assert_eq!(outcome(&edition, 0).0, format!("{steps}applied {summary}"));
        let nothing = "0 steps: 0 added, 0 renamed, 0 of another kind, 0 moved, 0 merged, 0 closed\n";
        assert_eq!(outcome(&edition, 0).0, format!("applied {nothing}"));

        // A day to come: each step says why it is refused, and nothing is written.
        std::fs::write(&file, format!("{}{new}", columns.replace("蚌埠市", "蚌埠"))).unwrap();
        let early = ["import", "areas", path, "--update-on", "2999-01-01", "--dry-run"];
        let (_, refused) = outcome(&early, 1);
        assert!(refused.contains("rename 340300"), "{refused}");
        assert!(
            refused.contains("1 of 1 steps cannot be applied; nothing was written"),
            "{refused}"
        );
        // What is still in the way is told in a sentence, for every step; the database goes on.
        let emptied =
            "340000,province,,安徽省,administrative,,\n340300,city,340000,蚌埠市,administrative,,\n";
        std::fs::write(
            &file,
            format!("code,level,parent,name,kind,predecessors,valid_from\n{emptied}"),
        )
        .unwrap();
        let token = [
            "token",
            "create",
            "--area",
            "340305003",
            "--role",
            "reader",
            "--label",
            "街道",
        ];
        outcome(&token, 0);
        let (_, refused) = outcome(&[&edition[..4], &["2023-03-01", "--dry-run"]].concat(), 1);
        assert!(
            refused.contains("close 340305003 庆山街道: The area still has valid tokens.")
                && refused.contains("close 340305 禹会区: The area still has areas below it."),
            "{refused}"
        );
        let odd = run(&test_db, &["import", "areas", path, "--update-on", "soon"]);
        assert_eq!(odd.status.code(), Some(2));
    });
}

#[apply(both_databases)]
fn areas_are_checked_whole_before_the_first_is_written(#[case] backend: Backend) {
    with_database(backend, |test_db| {
        let file = test_db.directory().join("areas.csv");
        let path = file.to_str().unwrap();
        std::fs::write(
            &file,
            format!("{AREAS}340304,county,340000,禹会区,administrative\n"),
        )
        .unwrap();
        let refused = run(&test_db, &["import", "areas", path]);
        assert_eq!(refused.status.code(), Some(1));
        assert!(
            text(&refused.stderr).contains("row 4: 340304: A county cannot be below a province"),
            "{}",
            text(&refused.stderr)
        );

        std::fs::write(&file, AREAS).unwrap();
        let outcome = |arguments: &[&str]| {
            let output = run(&test_db, arguments);
            assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
            (text(&output.stdout), text(&output.stderr))
        };
        let dry = ["import", "areas", path, "--dry-run"];
        let real = ["import", "areas", path];
        let added = |line: &str| (line.to_owned(), String::new());
        assert_eq!(outcome(&dry), added("would add 2 areas; 0 already exist\n"));
        assert_eq!(outcome(&real), added("added 2 areas; 0 already exist\n"));
        assert_eq!(outcome(&real), added("added 0 areas; 2 already exist\n"));

        // Only the file's own rows are counted, and what it has otherwise is told and left alone.
        std::fs::write(
            &file,
            "code,level,parent,name,kind\n340300,city,340000,蚌埠,statistical\n340304,county,340300,禹会区,administrative\n",
        )
        .unwrap();
        let differs = "qiaojian: row 2: 340300: it differs and was left unchanged: name is 蚌埠 in the file, 蚌埠市 in the register; kind is \
                       statistical in the file, administrative in the register\n";
        assert_eq!(
            outcome(&dry),
            (
                "would add 1 areas; 1 already exist, 1 of them different from the file\n".to_owned(),
                differs.to_owned()
            )
        );
        assert_eq!(
            outcome(&real),
            (
                "added 1 areas; 1 already exist, 1 of them different from the file\n".to_owned(),
                differs.to_owned()
            )
        );

        let nowhere = run(
            &test_db,
            &[
                "token", "create", "--area", "350000", "--role", "reader", "--label", "x",
            ],
        );
        assert_eq!(nowhere.status.code(), Some(1));
        assert!(text(&nowhere.stderr).contains("there is no area 350000"));
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
        let token = [
            "token", "create", "--area", "340300", "--role", "reader", "--label",
        ];
        let long = "侨".repeat(101);
        for (label, says) in [
            ("", "Must not be empty."),
            (long.as_str(), "At most 100 characters"),
        ] {
            let refused = run(&test_db, &[&token[..], &[label]].concat());
            assert_eq!(refused.status.code(), Some(2), "{label}");
            assert!(text(&refused.stderr).contains(says), "{}", text(&refused.stderr));
        }
    });
}

#[test]
fn a_dry_run_without_a_database_makes_none() {
    let directory = tempfile::tempdir().unwrap();
    let table = directory.path().join("areas.csv");
    std::fs::write(&table, AREAS).unwrap();
    let data_dir = directory.path().join("data");
    let output = qiaojian(&data_dir)
        .args(["import", "areas", "--dry-run"])
        .arg(&table)
        .output()
        .unwrap();
    assert_eq!(text(&output.stdout), "would add 2 areas; 0 already exist\n");
    assert_eq!(output.status.code(), Some(0));
    assert!(!data_dir.exists());
}

#[test]
fn a_lost_database_is_not_begun_anew_and_a_newer_one_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let data_dir = directory.path().join("data");
    let token = [
        "token", "create", "--area", "340000", "--role", "reader", "--label", "x",
    ];
    for arguments in [
        ["api"].as_slice(),
        &["worker"],
        &token,
        &["resume", "--reason", "x"],
    ] {
        let said = refusal(qiaojian(&data_dir).args(arguments), 1);
        assert!(said.contains("there is no database"), "{said}");
    }
    assert!(!data_dir.exists(), "none was made");
    let migrate = || qiaojian(&data_dir).arg("migrate").output().unwrap();
    assert_eq!(migrate().status.code(), Some(0));
    let database = data_dir.join("qiaojian.db");
    let lanes = Lanes {
        readers: 1,
        slow_readers: 1,
    };
    let db = Db::open(DatabaseUrl::Sqlite(database.clone()), lanes, article_clock()).unwrap();
    tokio::runtime::Runtime::new()
        .unwrap()
        .block_on(db.write(|tx| {
            let newer = "INSERT INTO __diesel_schema_migrations (version) VALUES ('20991231000000')";
            diesel::sql_query(newer).execute(tx.conn)?;
            Ok::<_, StoreError>(())
        }))
        .unwrap();
    drop(db);
    for arguments in [
        ["api"].as_slice(),
        &["worker"],
        &["up"],
        &["migrate"],
        &["check"],
        &token,
    ] {
        let said = refusal(qiaojian(&data_dir).args(arguments), 1);
        assert!(
            said.contains("a newer version of qiaojian"),
            "{arguments:?} {said}"
        );
    }
    for file in ["qiaojian.db", "qiaojian.db-wal", "qiaojian.db-shm"] {
        let _ = std::fs::remove_file(data_dir.join(file));
    }
    std::fs::write(data_dir.join("secret.key"), "x").unwrap();
    for arguments in [["up"].as_slice(), &["migrate"], &["demo", "load"]] {
        let said = refusal(qiaojian(&data_dir).args(arguments), 1);
        assert!(said.contains("is missing"), "{arguments:?} {said}");
    }
    assert!(!database.exists());
}

#[test]
fn what_needs_a_schema_says_which_command_makes_it() {
    let directory = tempfile::tempdir().unwrap();
    let token = [
        "token", "create", "--area", "340000", "--role", "reader", "--label", "x",
    ];
    for arguments in [["api"].as_slice(), &["worker"], &token] {
        let said = refusal(qiaojian(directory.path()).args(arguments), 1);
        assert!(said.contains("`qiaojian migrate`"), "{said}");
    }
}

#[apply(both_databases)]
fn an_area_table_may_be_in_gb18030_and_a_damaged_one_leaves_nothing(#[case] backend: Backend) {
    with_database(backend, |test_db| {
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
                "is not a complete zstd file",
            ),
            (
                "no.csv.zst",
                b"code,level".as_slice(),
                "is not a complete zstd file",
            ),
            (
                "columns.csv",
                b"code,level,parent,name\n340000,province,,x\n",
                "The column “*性质 kind” is missing",
            ),
            (
                "latin.csv",
                b"code,level,parent,name,kind\n340000,province,,\xFF\xFE\xFF,administrative\n",
                "neither UTF-8 nor GB18030",
            ),
        ] {
            let refused = import(name, bytes);
            let stderr = text(&refused.stderr);
            assert_eq!(refused.status.code(), Some(1), "{name}: {stderr}");
            assert!(stderr.contains(says), "{name}: {stderr}");
            assert_eq!(stderr.lines().count(), 1, "{name}: {stderr}");
        }
        let table =
            "code,level,parent,name,kind\n340000,state,,安徽省,administrative\n340300,市,340000,,行政区划\n";
        let stderr = text(&import("rows.csv", table.as_bytes()).stderr);
        let table =
            "code,level,parent,name,kind,valid_from\n340000,province,,安徽省,administrative,2020-01-01\n";
        let dated = text(&import("dated.csv", table.as_bytes()).stderr);
        assert!(
            dated.contains("row 2: predecessors and valid_from") && dated.contains("--update-on"),
            "{dated}"
        );
        for says in [
            "row 2: level: “state” cannot be read; expected province,",
            "row 3: name: A required value is missing.",
            "2 of 2 rows cannot be loaded; nothing was written",
        ] {
            assert!(stderr.contains(says), "{stderr}");
        }

        let table = "code,level,parent,name,kind\n340000,province,,安徽省,administrative\n";
        let encoded = encoding_rs::GB18030.encode(table).0;
        assert_eq!(
            text(&import("spreadsheet.csv", &encoded).stdout),
            "added 1 areas; 0 already exist\n"
        );
        let db = test_db.open(Arc::new(SystemClock));
        let found = tokio::runtime::Runtime::new()
            .unwrap()
            .block_on(db.read(|conn| areas::find_anywhere(conn, "340000").map_err(StoreError::from)))
            .unwrap();
        assert_eq!(found.unwrap().name, "安徽省");
    });
}

#[apply(both_databases)]
fn several_processes_may_migrate_at_once(#[case] backend: Backend) {
    with_database(backend, |test_db| {
        let runs: Vec<_> = (0..4)
            .map(|_| {
                qiaojian(&test_db.directory())
                    .env("DATABASE_URL", test_db.url_text())
                    .arg("migrate")
                    .stdout(Stdio::null())
                    .spawn()
                    .unwrap()
            })
            .collect();
        assert!(runs.into_iter().all(|mut run| run.wait().unwrap().success()));
    });
}

#[apply(both_databases)]
fn a_register_is_checked_and_what_was_tampered_with_is_named(#[case] backend: Backend) {
    let nowhere = tempfile::tempdir().unwrap();
    let missing = refusal(qiaojian(&nowhere.path().join("data")).arg("check"), 1);
    assert!(missing.contains("there is no database yet"), "{missing}");
    assert!(!nowhere.path().join("data").exists());
    with_database(backend, |test_db| {
        let file = test_db.directory().join("areas.csv");
        std::fs::write(&file, AREAS).unwrap();
        let imported = run(&test_db, &["import", "areas", file.to_str().unwrap()]);
        assert_eq!(imported.status.code(), Some(0), "{}", text(&imported.stderr));
        let clean = run(&test_db, &["check"]);
        assert_eq!(clean.status.code(), Some(0), "{}", text(&clean.stderr));
        assert_snapshot!(text(&clean.stdout), @r"
        audit_trail             2 rows  ok
        areas                   2 rows  ok
        organizations           0 rows  ok
        assignments             0 rows  ok
        figures                 0 rows  ok
        bulletins               0 rows  ok
        dates                   2 rows  ok
        ");

        let db = test_db.open(article_clock());
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            db.write(|tx| {
                diesel::update(audit_entries::table.filter(audit_entries::seq.eq(1)))
                    .set(audit_entries::verb.eq("delete"))
                    .execute(tx.conn)
                    .map_err(StoreError::from)
            })
            .await
            .unwrap();
        });
        let tampered = run(&test_db, &["check"]);
        assert_eq!(tampered.status.code(), Some(1));
        assert_eq!(
            text(&tampered.stderr),
            "qiaojian: 1 of 7 checks found differences\n"
        );
        let told = text(&tampered.stdout);
        assert!(
            told.contains("audit_trail") && told.contains("1 difference\n"),
            "{told}"
        );
        assert!(told.contains("is broken at entry 1.0"), "{told}");
        let for_programs = run(&test_db, &["check", "--json"]);
        assert_eq!(for_programs.status.code(), Some(1));
        let reports: Value = serde_json::from_slice(&for_programs.stdout).unwrap();
        assert_eq!(reports[0]["check"], "audit_trail");
        assert_eq!(
            (&reports[0]["differences"], &reports[1]["differences"]),
            (&json!(1), &json!(0))
        );
    });
}
