//! What the tests say of themselves where there is no PostgreSQL.

use std::process::Command;

#[test]
fn a_test_that_needs_postgresql_says_that_it_is_skipped() {
    let tests = std::env::current_exe().unwrap();
    let output = Command::new(tests)
        .arg("store::lanes::")
        .env_remove("TEST_POSTGRES_URL")
        .env_remove("TEST_REQUIRE_POSTGRES")
        .output()
        .unwrap();
    let (stdout, stderr) = (
        String::from_utf8(output.stdout).unwrap(),
        String::from_utf8(output.stderr).unwrap(),
    );
    assert!(output.status.success(), "{stdout}{stderr}");
    assert!(stdout.contains("case_2_postgres"), "{stdout}");
    assert_eq!(
        stderr.matches("TEST_POSTGRES_URL is not set").count(),
        1,
        "{stderr}"
    );
}
