//! Private directories, and checks of write permission.

use std::io::ErrorKind;
use std::path::Path;

/// Creates a directory that only its owner may enter (0700), with its parents. An existing one is left unchanged.
///
/// # Errors
/// The error of the operating system; `NotADirectory` if a file exists in its place.
pub fn create_private_directory(directory: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(directory).map_err(|error| match error.kind() {
        // A file exists in its place; "File exists" would be misleading.
        ErrorKind::AlreadyExists => ErrorKind::NotADirectory.into(),
        _ => error,
    })
}

/// Checks whether the current user may write the file, or create files in the directory. Writes nothing; a missing path
/// is not an error. Only effective on Linux.
///
/// # Errors
/// The error of the operating system, if the path is read-only or permission is denied.
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
