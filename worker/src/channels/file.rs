//! Writes a pair of files per delivery below `notices/<area code>/`: the mail message and the page. Each is first
//! written under a temporary name, so that a reader of the directory sees either a complete file or none. Writing again
//! produces the same bytes under the same name. Directories and files are accessible only to their owner, because
//! notices are not public.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use lettre::message::Mailbox;
use qiaojian_domain::delivery::{FailureClass, SendResult};
use qiaojian_store::deliveries::Outgoing;

use super::{Answer, Courier, Receipt, SetupError, message};
use crate::config::WorkerConfig;

/// The sender if no mail is configured. `.invalid` (RFC 2606) is never delivered.
const NOBODY: &str = "notice@qiaojian.invalid";
/// How many earlier leases are checked for unfinished files of a killed worker.
const LEFTOVERS: usize = 8;

pub(super) struct FileCourier {
    directory: PathBuf,
    from: Mailbox,
}

impl FileCourier {
    pub(super) fn new(config: &WorkerConfig) -> Result<Self, SetupError> {
        let from = config.mail.as_ref().map_or(NOBODY, |mail| &mail.from);
        Ok(Self {
            directory: config.data_dir.join("notices"),
            from: from.parse().map_err(|_| SetupError::From)?,
        })
    }
}

impl Courier for FileCourier {
    fn send(&self, outgoing: Arc<Outgoing>) -> Answer<'_> {
        let (directory, from) = (self.directory.clone(), self.from.clone());
        Box::pin(async move {
            tokio::task::spawn_blocking(move || write_pair(&directory, &from, &outgoing))
                .await
                .unwrap_or_else(|_| SendResult::Uncertain("writing the files panicked".to_owned()).into())
        })
    }
}

fn write_pair(directory: &Path, from: &Mailbox, outgoing: &Outgoing) -> Receipt {
    let to = format!("{}.{}@qiaojian.invalid", outgoing.notice.post, outgoing.area_code);
    let message = match message::build(outgoing, from, &to) {
        Ok(message) => message.formatted(),
        Err(error) => return SendResult::failed(FailureClass::Permanent, error.to_string()).into(),
    };
    let directory = directory.join(&outgoing.area_code);
    let stem = stem(outgoing);
    let generation = outgoing.delivery.lease_gen;
    let page = outgoing.notice.html.as_bytes();
    let written = make_directory(&directory)
        .and_then(|()| write_whole(&directory, &format!("{stem}.eml"), generation, &message))
        .and_then(|()| write_whole(&directory, &format!("{stem}.html"), generation, page))
        .and_then(|()| File::open(&directory)?.sync_all());
    match written {
        Ok(()) => Receipt {
            result: SendResult::Sent(format!("{stem}.eml, {stem}.html")),
            page: Some(directory.join(format!("{stem}.html"))),
        },
        Err(error) => SendResult::failed(FailureClass::Transient, format!("cannot write: {error}")).into(),
    }
}

/// Returns the file name without extension: period, kind and the end of the delivery's id, such as
/// `2022-05-progress-…`. The id is needed because two programmes may have a bulletin of the same kind and period, and a
/// post may have two endpoints of this channel.
fn stem(outgoing: &Outgoing) -> String {
    let id = outgoing.delivery.id.0.simple().to_string();
    let tail: String = id.chars().skip(id.len().saturating_sub(8)).collect();
    format!("{}-{}-{tail}", outgoing.bulletin.period, outgoing.bulletin.kind)
}

/// Creates the directory and its missing parents. Each new one is synced to disk before anything is written into it.
fn make_directory(directory: &Path) -> io::Result<()> {
    if directory.is_dir() {
        return Ok(());
    }
    let above = match directory.parent() {
        Some(above) if !above.as_os_str().is_empty() => above,
        _ => Path::new("."),
    };
    make_directory(above)?;
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    match builder.create(directory) {
        // Another worker was faster, but may not have synced it yet.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        made => made?,
    }
    File::open(above)?.sync_all()
}

/// Writes a file under its final name, completely or not at all. Another worker that is frozen during an earlier lease
/// has its own unfinished file.
fn write_whole(directory: &Path, name: &str, generation: i64, bytes: &[u8]) -> io::Result<()> {
    let unfinished = |generation: i64| directory.join(format!(".{name}.{generation}.part"));
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(unfinished(generation))?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(unfinished(generation), directory.join(name))?;
    for earlier in (1..generation).rev().take(LEFTOVERS) {
        // Usually there is none. If its worker resumes after all, its rename fails, and its result is no longer used.
        let _ = fs::remove_file(unfinished(earlier));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(directory: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(directory)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_worker_that_wakes_in_an_old_lease_does_not_spoil_the_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path();
        // What a worker that froze during the first lease has written so far, and continues to write when it resumes.
        let mut frozen = File::create(path.join(".a.eml.1.part")).unwrap();
        frozen.write_all(b"who").unwrap();
        write_whole(path, "a.eml", 2, b"whole").unwrap();
        frozen.write_all(b"le, and more").unwrap();
        assert_eq!(fs::read(path.join("a.eml")).unwrap(), b"whole");
        assert_eq!(names(path), ["a.eml"], "nothing unfinished is left");
        write_whole(path, "a.eml", 3, b"whole").unwrap();
        assert_eq!(names(path), ["a.eml"]);
    }

    #[cfg(unix)]
    #[test]
    fn directories_and_files_are_their_owners_only() {
        use std::os::unix::fs::PermissionsExt as _;
        let directory = tempfile::tempdir().unwrap();
        let below = directory.path().join("notices/340300");
        make_directory(&below).unwrap();
        make_directory(&below).unwrap();
        write_whole(&below, "a.eml", 1, b"x").unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&directory.path().join("notices")), 0o700);
        assert_eq!(mode(&below), 0o700);
        assert_eq!(mode(&below.join("a.eml")), 0o600);
    }

    #[test]
    fn a_file_in_the_place_of_a_directory_is_an_error() {
        let directory = tempfile::tempdir().unwrap();
        let place = directory.path().join("notices");
        fs::write(&place, "").unwrap();
        assert!(make_directory(&place.join("340300")).is_err());
    }
}
