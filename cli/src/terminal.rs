//! What is said to the person at the terminal. Everything else goes to the log.

use std::io::{IsTerminal as _, Write as _};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// One line on stdout. A closed pipe is not an error of ours.
pub fn say(line: impl AsRef<str>) {
    let _ = writeln!(std::io::stdout().lock(), "{}", line.as_ref());
}

/// One line on stderr.
pub fn error(line: impl AsRef<str>) {
    let _ = writeln!(std::io::stderr().lock(), "qiaojian: {}", line.as_ref());
}

/// A progress bar on stderr; nothing is drawn where that is not a terminal.
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
