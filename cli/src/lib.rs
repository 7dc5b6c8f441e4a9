//! The `qiaojian` command: it composes API and worker, and does what an administrator needs at a terminal.

mod args;
mod commands;
mod credentials;
mod csv_file;
pub mod demo;
mod log;
mod process;
mod settings;
mod terminal;

use std::process::ExitCode;

use clap::Parser as _;

use args::{Args, Command};

/// A setting or an argument is wrong.
const USAGE: u8 = 2;

/// Runs the command line. Exit codes: 0 done, 1 failed, 2 wrong usage.
pub fn main() -> ExitCode {
    let args = Args::parse(); // exits with 2 and a usage message by itself
    if let Err(error) = settings::refuse_unknown_variables() {
        terminal::error(&error);
        return ExitCode::from(USAGE);
    }
    if let Err(error) = log::start(&args.settings) {
        terminal::error(&error);
        return ExitCode::from(USAGE);
    }
    match run(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            terminal::error(format!("{error:#}"));
            if error.is::<settings::SettingsError>() {
                ExitCode::from(USAGE)
            } else {
                ExitCode::FAILURE
            }
        }
    }
}

fn run(args: Args) -> anyhow::Result<()> {
    let command = args.command.unwrap_or_default();
    let settings = args.settings;
    if let Command::Openapi = command {
        return commands::openapi::run();
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let outcome = runtime.block_on(async {
        match command {
            Command::Up(up) => commands::up::run(&settings, &up).await,
            Command::Api => commands::api::run(&settings).await,
            Command::Worker => commands::worker::run(&settings).await,
            Command::Migrate => commands::migrate::run(&settings),
            Command::Import(import) => commands::import::run(&settings, &import).await,
            Command::Token(token) => commands::token::run(&settings, &token).await,
            Command::Demo(_) => commands::demo::run(&settings).await,
            Command::Openapi => Ok(()),
        }
    });
    // What is still on a lane when a command has ended is nobody's any more.
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    outcome
}
