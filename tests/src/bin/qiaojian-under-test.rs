//! The `qiaojian` command itself, built beside the tests so that they can start it as a process.

use std::process::ExitCode;

fn main() -> ExitCode {
    qiaojian_cli::main()
}
