//! Directories that only their owner may enter.

use std::io::ErrorKind;
use std::path::Path;

/// Makes a directory that only its owner may enter (0700), with those above it. One that is there is left as it is.
///
/// # Errors
/// The system's; where a file is in its place, that says so.
pub fn create_private_directory(directory: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(directory).map_err(|error| match error.kind() {
        // A file is there in its place; "File exists" would be no help.
        ErrorKind::AlreadyExists => ErrorKind::NotADirectory.into(),
        _ => error,
    })
}
