//! The runs: contenders in turn, case by case, and what they are compared by.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde_json::Value;

use crate::cases::{Case, FIGURES};
use crate::child::{Server, free_address, pinned};
use crate::fill::Filled;
use crate::report::{self, Sample, percentile};
use crate::{cpu, http};

/// How long a server is warmed up before a case.
const WARM_UP: Duration = Duration::from_secs(1);

/// How runs are made.
#[derive(Debug, Clone, clap::Args)]
pub struct Pace {
    /// Seconds of one run of one case.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u64).range(1..=60))]
    pub seconds: u64,
    /// Runs of each case against each server, in turn.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=20))]
    pub rounds: u32,
    /// Keep-alive connections, each with one request under way.
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..=512))]
    pub connections: u32,
    /// Seconds to wait before each run for others to leave the machine alone.
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(0..=600))]
    pub patience: u64,
    /// Only these cases.
    #[arg(long, value_enum, value_delimiter = ',')]
    pub only: Vec<Case>,
}

/// A server with what a request to it needs.
#[derive(Debug)]
pub struct Contender {
    /// The process.
    pub server: Server,
    /// The service's client; the yardstick has none.
    pub credentials: Option<Credentials>,
}

/// What the service's command line gave us.
#[derive(Debug, Clone, serde::Deserialize)]
pub struct Credentials {
    client_id: String,
    client_secret: String,
}

impl Contender {
    /// Starts the service on `database`.
    ///
    /// # Errors
    /// When its command line does not do what is asked.
    pub fn service(program: &Path, database: &str, directory: &Path) -> anyhow::Result<Self> {
        let data = directory.join("data");
        let service = |command: &mut std::process::Command| {
            command
                .env("DATABASE_URL", database)
                .env("QIAOJIAN_DATA_DIR", &data)
                .env_remove("QIAOJIAN_LISTEN");
        };
        let mut create = std::process::Command::new(program);
        create.args([
            "token",
            "create",
            "--area",
            "340000",
            "--role",
            "province_admin",
            "--label",
            "bench",
            "--json",
        ]);
        service(&mut create);
        let made = create.output().context("cannot run the service's program")?;
        anyhow::ensure!(
            made.status.success(),
            "no token: {}",
            String::from_utf8_lossy(&made.stderr)
        );
        let credentials = serde_json::from_slice(&made.stdout).context("the token's JSON cannot be read")?;
        let address = free_address()?;
        let mut command = pinned(program);
        command.args(["api", "--listen", &address.to_string()]);
        service(&mut command);
        let server = Server::start("qiaojian", command, address, &directory.join("qiaojian.log"))?;
        Ok(Self {
            server,
            credentials: Some(credentials),
        })
    }

    /// Starts the yardstick, this same program, on `database`.
    ///
    /// # Errors
    /// When it does not start.
    pub fn yardstick(
        name: &'static str,
        database: &str,
        directory: &Path,
        more: &[&str],
    ) -> anyhow::Result<Self> {
        let address = free_address()?;
        let mut command = pinned(&std::env::current_exe()?);
        command
            .args([
                "yardstick",
                "--listen",
                &address.to_string(),
                "--database",
                database,
            ])
            .args(more);
        let server = Server::start(name, command, address, &directory.join("yardstick.log"))?;
        Ok(Self {
            server,
            credentials: None,
        })
    }

    /// A fresh access token; the yardstick has none.
    ///
    /// # Errors
    /// When the service gives none.
    pub async fn token(&self) -> anyhow::Result<Option<String>> {
        let Some(Credentials {
            client_id,
            client_secret,
        }) = &self.credentials
        else {
            return Ok(None);
        };
        let form =
            format!("grant_type=client_credentials&client_id={client_id}&client_secret={client_secret}");
        let request = format!(
            "POST /oauth/token HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\n\
             Content-Length: {}\r\n\r\n{form}",
            form.len()
        );
        let (status, body) = http::once(self.server.address, request.as_bytes()).await?;
        anyhow::ensure!(status == 200, "no access token: {status} {body}");
        let reply: Value = serde_json::from_str(&body)?;
        let token = reply.get("access_token").and_then(Value::as_str);
        Ok(Some(token.context("no access_token in the reply")?.to_owned()))
    }

    /// The JSON at `path`.
    async fn get(&self, path: &str) -> anyhow::Result<Value> {
        let auth = self
            .token()
            .await?
            .map_or_else(String::new, |token| format!("Authorization: Bearer {token}\r\n"));
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{auth}\r\n");
        let (status, body) = http::once(self.server.address, request.as_bytes()).await?;
        anyhow::ensure!(
            status == 200,
            "{} answers {status} to {path}: {body}",
            self.server.name
        );
        Ok(serde_json::from_str(&body)?)
    }
}

/// Runs the cases and prints a table; the last contender's rate counts as 1.
///
/// # Errors
/// When a server does not answer, or not as it should.
pub async fn compare(
    contenders: &[Contender],
    filled: &Arc<Filled>,
    cases: &[Case],
    pace: &Pace,
) -> anyhow::Result<()> {
    report::head();
    for case in cases {
        let mut samples: Vec<Vec<Sample>> = vec![Vec::new(); contenders.len()];
        for contender in contenders {
            one_run(contender, *case, filled, pace, WARM_UP, 0).await?;
        }
        for round in 0..pace.rounds {
            for (contender, samples) in contenders.iter().zip(&mut samples) {
                cpu::wait_until_quiet(Duration::from_secs(pace.patience)).await;
                let length = Duration::from_secs(pace.seconds);
                let seed = u64::from(round) + 1;
                samples.push(one_run(contender, *case, filled, pace, length, seed).await?);
            }
        }
        let rate = |samples: &Vec<Sample>| report::median(samples.iter().map(|sample| sample.rate));
        let baseline = samples.last().map_or(0.0, rate);
        for (contender, samples) in contenders.iter().zip(&samples) {
            report::row(*case, contender.server.name, samples, baseline);
        }
    }
    for contender in contenders {
        report::note(&format!(
            "{}: {:.0} MiB resident at the end",
            contender.server.name,
            cpu::memory_mib(contender.server.pid())
        ));
    }
    Ok(())
}

async fn one_run(
    contender: &Contender,
    case: Case,
    filled: &Arc<Filled>,
    pace: &Pace,
    length: Duration,
    seed: u64,
) -> anyhow::Result<Sample> {
    let token = contender.token().await?;
    let requests = case.requests(filled, token.as_deref());
    let (server, generator) = (contender.server.pid(), std::process::id());
    let cpu = || {
        (
            cpu::seconds_of(server),
            cpu::seconds_of(generator),
            cpu::busy_seconds(),
        )
    };
    let (before, began) = (cpu(), Instant::now());
    let connections = usize::try_from(pace.connections)?;
    let mut tally = http::drive(
        contender.server.address,
        connections,
        length,
        &requests,
        case.status(),
        seed,
    )
    .await?;
    let seconds = began.elapsed().as_secs_f64();
    let after = cpu();
    anyhow::ensure!(
        tally.bad == 0,
        "{} gave {} unexpected replies, the first: {}",
        contender.server.name,
        tally.bad,
        tally.sample.unwrap_or_default()
    );
    tally.micros.sort_unstable();
    let (server, generator) = ((after.0 - before.0) / seconds, (after.1 - before.1) / seconds);
    #[expect(clippy::cast_precision_loss, reason = "a few million requests")]
    Ok(Sample {
        rate: tally.good as f64 / seconds,
        p50: percentile(&tally.micros, 0.5),
        p99: percentile(&tally.micros, 0.99),
        server_cpu: server,
        foreign_cpu: ((after.2 - before.2) / seconds - server - generator).max(0.0),
    })
}

/// Makes sure that both answer the same to the same questions before anything is timed.
///
/// # Errors
/// When they do not.
pub async fn check_same_answers(ours: &Contender, other: &Contender, filled: &Filled) -> anyhow::Result<()> {
    for id in filled.ids.iter().step_by(filled.ids.len().div_ceil(25).max(1)) {
        same(ours, other, &format!("/v1/organizations/{id}"), Clone::clone).await?;
    }
    let items = |page: &Value| page.get("items").cloned().unwrap_or_default();
    for code in &filled.roots {
        same(
            ours,
            other,
            &format!("/v1/organizations?area={code}&limit=50"),
            items,
        )
        .await?;
    }
    same(ours, other, FIGURES, figures).await
}

async fn same(
    ours: &Contender,
    other: &Contender,
    path: &str,
    part: fn(&Value) -> Value,
) -> anyhow::Result<()> {
    let (one, two) = (part(&ours.get(path).await?), part(&other.get(path).await?));
    anyhow::ensure!(one == two, "the answers to {path} differ:\n{one}\n{two}");
    Ok(())
}

/// City, level, numerator, denominator of each figure, whichever way it is written.
fn figures(reply: &Value) -> Value {
    let items = reply
        .get("items")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    let mut rows: Vec<String> = items
        .iter()
        .map(|item| {
            let word = |key: &str| {
                let group = item.get("group").unwrap_or(item);
                group.get(key).and_then(Value::as_str).unwrap_or("-").to_owned()
            };
            let number = |key: &str| item.get(key).and_then(Value::as_i64).unwrap_or(-1);
            format!(
                "{} {} {} {}",
                word("city"),
                word("level"),
                number("numerator"),
                number("denominator")
            )
        })
        .collect();
    rows.sort();
    rows.into()
}

/// The service's program: the one named, or the one beside this.
///
/// # Errors
/// When there is none.
pub fn program(named: Option<PathBuf>) -> anyhow::Result<PathBuf> {
    let path = match named {
        Some(path) => path,
        None => std::env::current_exe()?.with_file_name("qiaojian"),
    };
    anyhow::ensure!(
        path.is_file(),
        "{} is not there; build it with `cargo build --release -p qiaojian -p qiaojian-benches`",
        path.display()
    );
    Ok(path)
}
