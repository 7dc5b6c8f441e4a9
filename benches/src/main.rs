//! `qiaojian-load`: the service and a yardstick side by side, under the same load, on loopback only.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use clap::{Parser, Subcommand};
use qiaojian_benches::cases::Case;
use qiaojian_benches::database::Databases;
use qiaojian_benches::load::{Contender, Pace, check_same_answers, compare, program};
use qiaojian_benches::{cpu, report, tables, yardstick};

/// Load benchmark: starts the service and a minimal actix + diesel program on the same rows, and prints ratios.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// The service against the yardstick.
    Run {
        /// The service's program; the one beside this by default.
        #[arg(long)]
        qiaojian: Option<PathBuf>,
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        pace: Pace,
    },
    /// Where a query should run: on the async thread, or on one, two, four reader threads.
    Lanes {
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        pace: Pace,
    },
    /// Makes the two databases in a directory and keeps them, for profiling by hand. SQLite only.
    Fill {
        /// An empty directory.
        directory: PathBuf,
        /// Organizations.
        #[arg(long, default_value_t = 20_000)]
        organizations: usize,
    },
    /// What a table of organizations costs to import and to export.
    Tables {
        /// The service's program; the one beside this by default.
        #[arg(long)]
        qiaojian: Option<PathBuf>,
        /// Rows of the table, which is imported into an empty register.
        #[arg(long, default_value_t = 20_000)]
        rows: usize,
        /// Make the database on this PostgreSQL server instead of in a file.
        #[arg(long)]
        postgres: Option<String>,
        /// Where the files go: a real disk, not a memory file system.
        #[arg(long)]
        directory: Option<PathBuf>,
    },
    /// The minimal program itself; `run` and `lanes` start it.
    #[command(hide = true)]
    Yardstick(yardstick::Options),
}

#[derive(Debug, Clone, clap::Args)]
struct Place {
    /// Organizations; Anhui has room for 40,000.
    #[arg(long, default_value_t = 20_000)]
    organizations: usize,
    /// Make the two databases on this PostgreSQL server instead of in files, and drop them afterwards.
    #[arg(long)]
    postgres: Option<String>,
    /// Where the files go: a real disk, not a memory file system, or POST is flattered.
    #[arg(long)]
    directory: Option<PathBuf>,
}

fn main() -> anyhow::Result<()> {
    let command = Arguments::parse().command;
    if let Command::Yardstick(options) = command {
        return yardstick::serve(&options);
    }
    // Children are killed by the kernel when the thread that started them ends: that must be this one.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        tokio::select! {
            done = execute(command) => done,
            interrupted = interrupted() => interrupted,
        }
    })
}

async fn interrupted() -> anyhow::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
    anyhow::bail!("interrupted")
}

async fn execute(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Run {
            qiaojian,
            place,
            pace,
        } => run(program(qiaojian)?, &place, &pace).await,
        Command::Tables {
            qiaojian,
            rows,
            postgres,
            directory,
        } => {
            let place = Place {
                organizations: 0,
                postgres,
                directory,
            };
            let (directory, databases) = prepare(&place).await?;
            tables::run(&program(qiaojian)?, &databases, directory.path(), rows).await
        }
        Command::Lanes { place, pace } => lanes(&place, &pace).await,
        Command::Fill {
            directory,
            organizations,
        } => {
            std::fs::create_dir_all(&directory)?;
            let databases = Databases::sqlite(&directory, organizations).await?;
            report::note(&format!(
                "{}\n{}\na request: /v1/organizations/{}",
                databases.ours,
                databases.yardstick,
                databases.filled.ids.first().context("no organizations")?
            ));
            Ok(())
        }
        Command::Yardstick(_) => Ok(()),
    }
}

async fn run(program: PathBuf, place: &Place, pace: &Pace) -> anyhow::Result<()> {
    let (directory, databases) = prepare(place).await?;
    let directory = directory.path();
    let filled = Arc::new(databases.filled.clone());
    let contenders = [
        Contender::service(&program, &databases.ours, directory)?,
        Contender::yardstick("yardstick", &databases.yardstick, directory, &[])?,
    ];
    let [ours, other] = &contenders;
    check_same_answers(ours, other, &filled).await?;
    compare(&contenders, &filled, &cases(pace, &Case::ALL), pace).await
}

async fn lanes(place: &Place, pace: &Pace) -> anyhow::Result<()> {
    let (directory, databases) = prepare(place).await?;
    let directory = directory.path();
    let filled = Arc::new(databases.filled.clone());
    let start = |name, more: &[&str]| Contender::yardstick(name, &databases.yardstick, directory, more);
    let mut contenders = vec![
        start("lane, 1 reader", &["--way", "lane", "--readers", "1"])?,
        start("lane, 2 readers", &["--way", "lane", "--readers", "2"])?,
        start("lane, 4 readers", &["--way", "lane", "--readers", "4"])?,
    ];
    if place.postgres.is_some() {
        contenders.push(start("lane, 8 readers", &["--way", "lane", "--readers", "8"])?);
        contenders.push(start("lane, 16 readers", &["--way", "lane", "--readers", "16"])?);
    } else {
        contenders.push(start(
            "on the async thread, our connection",
            &["--way", "inline"],
        )?);
    }
    contenders.push(start("plain", &[])?);
    compare(&contenders, &filled, &cases(pace, &[Case::Get, Case::List]), pace).await
}

fn cases(pace: &Pace, all: &[Case]) -> Vec<Case> {
    let wanted = |case: &Case| pace.only.is_empty() || pace.only.contains(case);
    all.iter().copied().filter(wanted).collect()
}

/// The databases, filled before anything is pinned or timed.
async fn prepare(place: &Place) -> anyhow::Result<(tempfile::TempDir, Databases)> {
    let directory = match &place.directory {
        Some(parent) => tempfile::tempdir_in(parent)?,
        None => tempfile::tempdir()?,
    };
    report::note(&format!(
        "Filling two databases with {} organizations…",
        place.organizations
    ));
    let databases = match &place.postgres {
        Some(url) => Databases::postgres(url, place.organizations).await?,
        None => Databases::sqlite(directory.path(), place.organizations).await?,
    };
    let pinned = cpu::pin_generator();
    report::note(if pinned {
        "Servers on CPU 0 with one worker each, the generator on CPU 1."
    } else {
        "Not pinned: taskset or a second CPU is missing, so the generator takes time from the servers."
    });
    Ok((directory, databases))
}
