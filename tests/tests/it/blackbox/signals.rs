//! SIGTERM before there is anything to drain: while a process is getting ready, and while a command is at work.

use std::fs::OpenOptions;
use std::process::Command;

use super::{Running, qiaojian};

#[test]
fn a_first_start_that_is_asked_to_stop_ends_with_0_and_the_next_one_finishes_it() {
    let directory = tempfile::tempdir().unwrap();
    let mark = directory.path().join("demo-loading");
    let mut first = Running::start(qiaojian(directory.path()));
    first.line_with("First start: loading");
    first.signal("TERM");
    assert_eq!(first.code(), Some(0));
    assert!(mark.exists(), "the load was cut short");
    assert!(!first.lines.iter().any(|line| line.contains("listens on")));

    let mut second = Running::start(qiaojian(directory.path()));
    second.line_with("First start: loading");
    second.line_with("Qiaojian listens on");
    assert!(!mark.exists(), "the load is complete");
    second.signal("TERM");
    assert_eq!(second.code(), Some(0));
}

#[test]
fn an_interrupted_import_fails_and_says_how_to_go_on() {
    let directory = tempfile::tempdir().unwrap();
    let pipe = directory.path().join("areas.csv");
    let made = Command::new("mkfifo").arg(&pipe).status();
    assert!(made.expect("mkfifo runs").success());
    for signal in ["TERM", "INT"] {
        let mut command = qiaojian(directory.path());
        command.args(["import", "areas"]).arg(&pipe);
        let mut import = Running::start_and_hear_its_log(command);
        // Opening waits for the other side: from here on the command is reading, and nothing comes.
        let silence = OpenOptions::new().write(true).open(&pipe).unwrap();
        import.signal(signal);
        assert_eq!(import.code(), Some(1));
        let said: Vec<String> = import.lines.iter().collect();
        assert_eq!(
            said,
            ["qiaojian: interrupted; what was written remains; run it again to continue"]
        );
        drop(silence);
    }
}
