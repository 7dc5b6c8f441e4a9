//! The `qiaojian` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    qiaojian_cli::main()
}
