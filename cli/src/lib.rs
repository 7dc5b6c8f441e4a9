//! The `qiaojian` command: it combines API and worker, and provides the commands for administrators.

mod area_file;
mod args;
mod commands;
mod credentials;
pub mod demo;
mod files;
mod log;
mod process;
mod settings;
mod terminal;
mod waiting;
mod zstd;

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser as _;

use args::{Args, Command, Settings};
use settings::SettingsError;

/// Exit code for an invalid setting or argument.
const USAGE: u8 = 2;

/// Runs the command line. Exit codes: 0 success, or stopped on request; 1 failure; 2 invalid usage.
pub fn main() -> ExitCode {
    let args = Args::parse(); // exits with 2 and a usage message by itself
    let command = match args.command {
        Some(command) => command,
        None => Command::by_default().unwrap_or_else(|error| error.exit()),
    };
    if let Err(error) = settings::refuse_unknown_variables().and_then(|()| args.settings.check()) {
        terminal::error(error.to_string());
        return ExitCode::from(USAGE);
    }
    if let Err(error) = log::start(&args.settings) {
        terminal::error(&error);
        return ExitCode::from(USAGE);
    }
    match run(&args.settings, command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            terminal::error(format!("{error:#}"));
            if error.is::<SettingsError>() {
                ExitCode::from(USAGE)
            } else {
                ExitCode::FAILURE
            }
        }
    }
}

fn run(settings: &Settings, command: Command) -> anyhow::Result<()> {
    if let Command::Openapi = command {
        return commands::openapi::run();
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let outcome = runtime.block_on(start(settings, command));
    // Work that is still on a lane after a command has ended is no longer needed.
    runtime.shutdown_timeout(Duration::from_secs(1));
    qiaojian_store::db::wait_until_closed(Duration::from_secs(2));
    outcome
}

async fn start(settings: &Settings, command: Command) -> anyhow::Result<()> {
    // Before anything that may take time: as the first process of a container, a process without a handler receives no
    // signal at all.
    let stop = process::stop_on_signals()?;
    match command {
        Command::Up(up) => commands::up::run(settings, &up, stop).await,
        Command::Api => commands::api::run(settings, stop).await,
        Command::Worker => commands::worker::run(settings, stop).await,
        Command::Migrate => {
            let work = Box::pin(commands::migrate::run(settings));
            let and_now = "the current migration was rolled back; run it again";
            process::unless_interrupted(&stop, and_now, work).await
        }
        Command::Check(check) => {
            let work = Box::pin(commands::check::run(settings, &check));
            process::unless_interrupted(&stop, "nothing was changed", work).await
        }
        Command::Resume(resume) => {
            let work = Box::pin(commands::resume::run(settings, &resume));
            process::unless_interrupted(&stop, "nothing was changed", work).await
        }
        Command::Import(import) => {
            let work = Box::pin(commands::import::run(settings, &import));
            let and_now = "what was written remains; run it again to continue";
            process::unless_interrupted(&stop, and_now, work).await
        }
        Command::Token(token) => {
            let work = Box::pin(commands::token::run(settings, &token));
            let and_now = "if a token was issued, its secret is lost; run it again";
            process::unless_interrupted(&stop, and_now, work).await
        }
        Command::Demo(_) => {
            let work = Box::pin(commands::demo::run(settings));
            let and_now = "what was written remains; run it again to continue";
            process::unless_interrupted(&stop, and_now, work).await
        }
        Command::Openapi => Ok(()),
    }
}
