//! Where processes run, and how much CPU time they took: a benchmark beside a compiler is worthless, so it has to be seen.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

/// Clock ticks per second in `/proc`; Linux has used 100 on every common machine since long.
const TICKS: f64 = 100.0;

/// Which CPU the server gets, and which the generator.
pub const SERVER_CPU: &str = "0";
const GENERATOR_CPU: &str = "1";

/// Whether a program of this name is on the path.
pub fn has_program(name: &str) -> bool {
    Command::new(name)
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Keeps this process on the generator's CPU; threads started later inherit it. `false` when that cannot be done.
pub fn pin_generator() -> bool {
    let two = std::thread::available_parallelism().is_ok_and(|cpus| cpus.get() >= 2);
    two && has_program("taskset")
        && Command::new("taskset")
            .args(["-a", "-p", "-c", GENERATOR_CPU, &std::process::id().to_string()])
            .stdout(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
}

/// CPU seconds a process has taken, in all its threads; 0 when it is gone.
pub fn seconds_of(pid: u32) -> f64 {
    let stat = std::fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("stat"));
    // The command's name stands in parentheses and may hold spaces; utime and stime are the 12th and 13th field behind it.
    let ticks = stat.ok().and_then(|text| {
        let (_, fields) = text.rsplit_once(')')?;
        let mut fields = fields.split_whitespace().skip(11);
        Some(fields.next()?.parse::<f64>().ok()? + fields.next()?.parse::<f64>().ok()?)
    });
    ticks.unwrap_or(0.0) / TICKS
}

/// CPU seconds the whole machine has been busy, steal included.
pub fn busy_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/stat").unwrap_or_default();
    let fields = stat.lines().next().unwrap_or_default().split_whitespace();
    // cpu user nice system idle iowait irq softirq steal
    let ticks: f64 = fields
        .enumerate()
        .filter(|(index, _)| matches!(index, 1 | 2 | 3 | 6 | 7 | 8))
        .filter_map(|(_, field)| field.parse::<f64>().ok())
        .sum();
    ticks / TICKS
}

/// Resident memory of a process in MiB.
pub fn memory_mib(pid: u32) -> f64 {
    let status = std::fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("status"));
    let kib = status.ok().and_then(|text| {
        let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        line.split_whitespace().next()?.parse::<f64>().ok()
    });
    kib.unwrap_or(0.0) / 1024.0
}

/// Waits until others have left the machine alone for a second, but not longer than `most`. `false` when they did not.
pub async fn wait_until_quiet(most: Duration) -> bool {
    let began = std::time::Instant::now();
    while began.elapsed() < most {
        let before = busy_seconds();
        tokio::time::sleep(Duration::from_secs(1)).await;
        if busy_seconds() - before < 0.25 {
            return true;
        }
    }
    false
}
