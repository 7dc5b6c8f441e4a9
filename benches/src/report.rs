//! Medians and ratios, printed as they come.

use crate::cases::Case;

/// One run of one case against one server.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    /// Good replies per second.
    pub rate: f64,
    /// Milliseconds at saturation, not service times.
    pub p50: f64,
    /// The same for the slowest of a hundred.
    pub p99: f64,
    /// CPU seconds of the server per second: 1.0 is one core, saturated.
    pub server_cpu: f64,
    /// CPU seconds per second of everybody else, a PostgreSQL server among them.
    pub foreign_cpu: f64,
}

/// The value in the middle; of an even number, the lower one.
pub fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len().saturating_sub(1) / 2;
    values.get(middle).copied().unwrap_or(0.0)
}

/// The value that this part of `sorted` does not exceed, in milliseconds.
pub fn percentile(sorted: &[u32], part: f64) -> f64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "an index of a few million at most"
    )]
    let index = ((sorted.len() as f64 * part).ceil() as usize).saturating_sub(1);
    sorted
        .get(index)
        .map_or(0.0, |micros| f64::from(*micros) / 1000.0)
}

/// Prints the head of a table.
#[expect(clippy::print_stdout, reason = "the report")]
pub fn head() {
    println!(
        "\n| case | server | req/s median | min–max | p50 ms | p99 ms | server CPU | others' CPU | ratio |"
    );
    println!("|---|---|---:|---:|---:|---:|---:|---:|---:|");
}

/// Prints one row; `baseline` is the rate that counts as 1.
#[expect(clippy::print_stdout, reason = "the report")]
pub fn row(case: Case, name: &str, samples: &[Sample], baseline: f64) {
    let rate = median(samples.iter().map(|sample| sample.rate));
    let least = samples
        .iter()
        .map(|sample| sample.rate)
        .fold(f64::INFINITY, f64::min);
    let most = samples.iter().map(|sample| sample.rate).fold(0.0, f64::max);
    let middle = |pick: fn(&Sample) -> f64| median(samples.iter().map(pick));
    let worst = samples
        .iter()
        .map(|sample| sample.foreign_cpu)
        .fold(0.0, f64::max);
    println!(
        "| {} | {name} | {rate:.0} | {least:.0}–{most:.0} | {:.2} | {:.2} | {:.2} | {worst:.2} | {:.2} |",
        case.title(),
        middle(|sample| sample.p50),
        middle(|sample| sample.p99),
        middle(|sample| sample.server_cpu),
        if baseline > 0.0 { rate / baseline } else { 0.0 },
    );
}

/// Prints a sentence.
#[expect(clippy::print_stdout, reason = "the report")]
pub fn note(text: &str) {
    println!("{text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_and_the_edge() {
        assert_eq!(median([3.0, 1.0, 2.0].into_iter()), 2.0);
        assert_eq!(median(std::iter::empty()), 0.0);
        let sorted: Vec<u32> = (1..=100).map(|ms| ms * 1000).collect();
        assert_eq!(percentile(&sorted, 0.5), 50.0);
        assert_eq!(percentile(&sorted, 0.99), 99.0);
        assert_eq!(percentile(&[], 0.5), 0.0);
    }
}
