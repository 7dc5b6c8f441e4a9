//! A pair of files per notice below `notices/<area code>/`: the mail message and the page. Each is written under another name
//! first, so whoever reads the directory sees a whole file or none; writing again gives the same bytes under the same name.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use lettre::message::Mailbox;
use qiaojian_shared::domain::delivery::{FailureClass, SendResult};
use qiaojian_shared::store::deliveries::Outgoing;

use super::{Answer, Courier, Receipt, SetupError, message};
use crate::config::WorkerConfig;

/// The sender where no mail is set up; `.invalid` (RFC 2606) goes nowhere.
const NOBODY: &str = "notice@qiaojian.invalid";

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
    let page = directory.join(format!("{stem}.html"));
    let written = fs::create_dir_all(&directory)
        .and_then(|()| write_whole(&directory, &format!("{stem}.eml"), &message))
        .and_then(|()| {
            write_whole(
                &directory,
                &format!("{stem}.html"),
                outgoing.notice.html.as_bytes(),
            )
        })
        .and_then(|()| File::open(&directory)?.sync_all());
    match written {
        Ok(()) => Receipt {
            result: SendResult::Sent(format!("{stem}.eml, {stem}.html")),
            page: Some(page),
        },
        Err(error) => SendResult::failed(FailureClass::Transient, format!("cannot write: {error}")).into(),
    }
}

/// `2022-05-progress-` and the end of the notice's id: two programmes may have a bulletin of the same kind and period.
fn stem(outgoing: &Outgoing) -> String {
    let id = outgoing.notice.id.0.simple().to_string();
    let tail: String = id.chars().skip(id.len().saturating_sub(8)).collect();
    format!("{}-{}-{tail}", outgoing.bulletin.period, outgoing.bulletin.kind)
}

fn write_whole(directory: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    let unfinished = directory.join(format!(".{name}.part"));
    let mut file = File::create(&unfinished)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&unfinished, directory.join(name))
}
