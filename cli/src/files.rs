//! Files and directories of the installation, which only their owner may read.

use std::fs;
use std::io::{ErrorKind, Write as _};
use std::path::Path;

/// Whether an existing file may be replaced.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Replace {
    Yes,
    No,
}

/// Writes a file that only its owner may read (0600), completely or not at all, so that it is never seen half-written.
pub fn write_private(path: &Path, text: &str, replace: Replace) -> std::io::Result<()> {
    let draft = path.with_extension(format!("{}.part", std::process::id()));
    let placed = write_draft(&draft, text).and_then(|()| match replace {
        Replace::Yes => fs::rename(&draft, path),
        // Creating a hard link fails if the file exists, whereas renaming would overwrite the key of a process that
        // started at the same moment.
        Replace::No => fs::hard_link(&draft, path),
    });
    // A draft that could not be put in place contains a secret nevertheless.
    if placed.is_err() || replace == Replace::No {
        match fs::remove_file(&draft) {
            Err(error) if error.kind() != ErrorKind::NotFound && placed.is_ok() => return Err(error),
            _ => {}
        }
    }
    placed
}

fn write_draft(draft: &Path, text: &str) -> std::io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(draft)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}
