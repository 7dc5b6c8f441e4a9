//! Output at the terminal. Everything else is logged.

use std::io::{IsTerminal as _, Write as _};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Writes one line to stdout. A closed pipe is not treated as an error.
pub fn say(line: impl AsRef<str>) {
    let _ = writeln!(std::io::stdout().lock(), "{}", line.as_ref());
}

/// Writes one line to stderr.
pub fn error(line: impl AsRef<str>) {
    let _ = writeln!(std::io::stderr().lock(), "qiaojian: {}", line.as_ref());
}

/// Returns a progress bar on stderr, which is only drawn if stderr is a terminal.
pub fn progress(total: u64, what: &'static str) -> ProgressBar {
    let target = if std::io::stderr().is_terminal() {
        ProgressDrawTarget::stderr()
    } else {
        ProgressDrawTarget::hidden()
    };
    let style = ProgressStyle::with_template("{msg:<16} {wide_bar} {pos}/{len}")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::with_draw_target(Some(total), target)
        .with_style(style)
        .with_message(what)
}
