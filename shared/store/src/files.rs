//! Directories that only their owner may enter, and what may be written.

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

/// Whether this user may write the file, or make files in the directory. Nothing is written, and what is not there is no refusal. Asked on
/// Linux only.
///
/// # Errors
/// The system's, where it is read-only or another's.
pub fn check_writable(path: &Path) -> std::io::Result<()> {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::fs::access(path, rustix::fs::Access::WRITE_OK) {
        let error = std::io::Error::from(error);
        if matches!(
            error.kind(),
            ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem
        ) {
            return Err(error);
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = path;
    Ok(())
}
