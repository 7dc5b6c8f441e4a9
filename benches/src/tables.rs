//! Tables: what the import and the export of a register cost, and how long an import keeps others from writing.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use qiaojian_domain::area::Level;
use qiaojian_sheets::{CsvWriter, SheetStyle, XlsxWriter};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::cpu;
use crate::database::Databases;
use crate::load::Contender;
use crate::report;

const HEADER: [&str; 8] = [
    "地区代码",
    "类别",
    "名称",
    "状态",
    "批复日期",
    "成立日期",
    "挂牌日期",
    "备注",
];

/// Imports and exports a register of `rows` organizations, and prints what each step took.
///
/// # Errors
/// When the service does not answer as it should.
pub async fn run(program: &Path, databases: &Databases, directory: &Path, rows: usize) -> anyhow::Result<()> {
    let cells = cells(databases, rows)?;
    let (csv, xlsx) = (csv(&cells), xlsx(&cells)?);
    report::note(&format!(
        "{rows} rows: CSV {:.1} MB, XLSX {:.1} MB",
        megabytes(&csv),
        megabytes(&xlsx)
    ));
    let service = Contender::service(program, &databases.ours, directory)?;
    let token = service.token().await?.context("a token")?;
    let bench = Bench { service, token };
    let import = "/v1/organizations/import";
    report::note(
        "\n| step | seconds | CPU s | MiB resident after | others' writes: longest wait ms | reply |",
    );
    report::note("|---|---:|---:|---:|---:|---|");
    bench
        .step(
            "import CSV, dry run",
            "POST",
            &format!("{import}?dry_run=true"),
            &csv,
        )
        .await?;
    bench
        .step(
            "import XLSX, dry run",
            "POST",
            &format!("{import}?dry_run=true"),
            &xlsx,
        )
        .await?;
    bench.step("import CSV", "POST", import, &csv).await?;
    let export = "/v1/organizations/export";
    let csv = bench
        .step("export CSV", "GET", &format!("{export}?area=340000"), &[])
        .await?;
    let xlsx = bench
        .step("export XLSX", "GET", &format!("{export}?format=xlsx"), &[])
        .await?;
    // Those that others have written meanwhile are in the file too.
    if cells.len() < 19_000 {
        bench.step("import CSV, unchanged", "POST", import, &csv).await?;
        bench
            .step("import XLSX, unchanged", "POST", import, &xlsx)
            .await?;
    }
    Ok(())
}

fn megabytes(bytes: &[u8]) -> f64 {
    f64::from(u32::try_from(bytes.len()).unwrap_or(u32::MAX)) / 1_000_000.0
}

/// One organization of each kind in each area, the lowest areas last.
fn cells(databases: &Databases, rows: usize) -> anyhow::Result<Vec<[String; 8]>> {
    let kinds = |code: &str| match Level::of_code(code) {
        Some(Level::Village) => vec!["侨联工作分站", "侨联工作站"],
        Some(Level::Township) => vec!["侨联", "侨联工作站"],
        _ => vec!["侨联"],
    };
    let all: Vec<[String; 8]> = databases
        .filled
        .codes
        .iter()
        .flat_map(|code| {
            kinds(code).into_iter().map(move |kind| {
                let cells = [
                    code,
                    kind,
                    &format!("{code}{kind}"),
                    "已成立",
                    "2022-01",
                    "2022-03下旬",
                    "2022-04-06",
                    "由表格导入",
                ];
                cells.map(str::to_owned)
            })
        })
        .take(rows)
        .collect();
    anyhow::ensure!(all.len() == rows, "there is room for {} rows only", all.len());
    Ok(all)
}

fn csv(rows: &[[String; 8]]) -> Vec<u8> {
    let mut file = CsvWriter::default();
    file.row(HEADER);
    for row in rows {
        file.row(row);
    }
    file.finish().into_bytes()
}

fn xlsx(rows: &[[String; 8]]) -> anyhow::Result<Vec<u8>> {
    let header = HEADER.map(str::to_owned);
    let mut file = XlsxWriter::begin(&SheetStyle::plain("名册", &header), 1)?;
    for row in rows {
        file.row(row)?;
    }
    Ok(file.finish()?)
}

struct Bench {
    service: Contender,
    token: String,
}

impl Bench {
    /// One request, while another client writes a small organization again and again.
    async fn step(&self, name: &str, method: &str, path: &str, body: &[u8]) -> anyhow::Result<Vec<u8>> {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let stop = AtomicBool::new(false);
        let waits = self.write_until(&stop);
        let (pid, began) = (self.service.server.pid(), Instant::now());
        let before = cpu::seconds_of(pid);
        let asked = async {
            let reply = self.ask(method, path, "text/csv", body).await;
            stop.store(true, Ordering::Relaxed);
            reply
        };
        let (reply, longest) = tokio::join!(asked, waits);
        let ((status, reply), longest) = (reply?, longest?);
        anyhow::ensure!(
            status == 200,
            "{name}: {status} {}",
            String::from_utf8_lossy(&reply)
        );
        let told: Option<Value> = serde_json::from_slice(&reply).ok();
        let told = told.map_or_else(
            || format!("{:.1} MB", megabytes(&reply)),
            |told| {
                let count = |name: &str| told.get(name).and_then(Value::as_u64).unwrap_or(0);
                format!(
                    "recorded {}, unchanged {}, refused {}",
                    count("recorded"),
                    count("unchanged"),
                    count("refused")
                )
            },
        );
        report::note(&format!(
            "| {name} | {:.2} | {:.2} | {:.0} | {:.0} | {told} |",
            began.elapsed().as_secs_f64(),
            cpu::seconds_of(pid) - before,
            cpu::memory_mib(pid),
            longest.as_secs_f64() * 1000.0
        ));
        Ok(reply)
    }

    /// The longest wait of one who writes meanwhile, every 20 ms.
    async fn write_until(&self, stop: &AtomicBool) -> anyhow::Result<Duration> {
        let body = r#"{"area":"340000","host":"university","kind":"federation","name":"高校侨联"}"#;
        let mut longest = Duration::ZERO;
        while !stop.load(Ordering::Relaxed) {
            let began = Instant::now();
            let (status, _) = self
                .ask("POST", "/v1/organizations", "application/json", body.as_bytes())
                .await?;
            anyhow::ensure!(status == 201, "a write is answered {status}");
            longest = longest.max(began.elapsed());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(longest)
    }

    async fn ask(&self, method: &str, path: &str, kind: &str, body: &[u8]) -> anyhow::Result<(u16, Vec<u8>)> {
        let mut stream = TcpStream::connect(self.service.server.address).await?;
        let head = format!(
            "{method} {path} HTTP/1.0\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Bearer {}\r\nContent-Type: {kind}\r\n\
             Content-Length: {}\r\n\r\n",
            self.token,
            body.len()
        );
        stream.write_all(head.as_bytes()).await?;
        stream.write_all(body).await?;
        let mut reply = Vec::new();
        stream.read_to_end(&mut reply).await?;
        let end = reply
            .windows(4)
            .position(|four| four == b"\r\n\r\n")
            .context("no head")?;
        let status = std::str::from_utf8(reply.get(9..12).unwrap_or_default())?.parse()?;
        Ok((status, reply.split_off(end + 4)))
    }
}
