//! From arguments and environment to what the parts are given.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use clap::CommandFactory as _;
use qiaojian_shared::clock::{Clock, Entropy, OsEntropy, SystemClock};
use qiaojian_shared::db::{DatabaseUrl, Db, Lanes, OpenError, run_migrations};
use qiaojian_shared::secrets::SecretKey;
use qiaojian_worker::{MailConfig, WorkerConfig};

use crate::args::{Args, Settings};

/// A setting that cannot be used: exit code 2.
#[derive(Debug)]
pub struct SettingsError(String);

impl std::fmt::Display for SettingsError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for SettingsError {}

const PREFIX: &str = "QIAOJIAN_";

/// Refuses variables that begin with `QIAOJIAN_` and that nothing reads: a typing mistake must not go unnoticed.
pub fn refuse_unknown_variables() -> Result<(), String> {
    let command = Args::command();
    let known: Vec<_> = command.get_arguments().filter_map(clap::Arg::get_env).collect();
    let unknown: Vec<String> = std::env::vars_os()
        .map(|(name, _)| name)
        .filter(|name| name.to_string_lossy().starts_with(PREFIX) && !known.contains(&name.as_os_str()))
        .map(|name| name.to_string_lossy().into_owned())
        .collect();
    if unknown.is_empty() {
        return Ok(());
    }
    let known: Vec<_> = known.iter().map(|name| name.to_string_lossy()).collect();
    Err(format!(
        "unknown setting in the environment: {}; known are {}",
        unknown.join(", "),
        known.join(", ")
    ))
}

/// What every process is made of.
pub struct Parts {
    pub db: Db,
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
}

impl Settings {
    /// Which database.
    pub fn database(&self) -> anyhow::Result<DatabaseUrl> {
        match &self.database_url {
            None => Ok(DatabaseUrl::Sqlite(self.data_dir.join("qiaojian.db"))),
            Some(url) => url
                .parse()
                .map_err(|error: OpenError| SettingsError(error.to_string()).into()),
        }
    }

    /// Opens the database; with `migrate` its schema is brought up to date first.
    pub fn parts(&self, migrate: bool) -> anyhow::Result<Parts> {
        let url = self.database()?;
        if migrate {
            run_migrations(&url)?;
        }
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let lanes = Lanes::for_database(&url);
        let db = Db::open(url, lanes, Arc::clone(&clock))?;
        Ok(Parts {
            db,
            clock,
            entropy: Arc::new(OsEntropy),
        })
    }

    /// The key that seals secrets: the setting, or the key file, which is made at the first start.
    pub fn secrets(&self) -> anyhow::Result<SecretKey> {
        if let Some(text) = &self.secret_key {
            return SecretKey::from_text(text)
                .map_err(|error| SettingsError(format!("QIAOJIAN_SECRET_KEY: {error}")).into());
        }
        let path = self.data_dir.join("secret.key");
        fs::create_dir_all(&self.data_dir)
            .with_context(|| format!("cannot make {}", self.data_dir.display()))?;
        let fresh = SecretKey::generate(&OsEntropy);
        match write_private(&path, &fresh.to_text(), Replace::No) {
            Ok(()) => Ok(fresh),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                let text =
                    fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
                SecretKey::from_text(&text).with_context(|| format!("{} is damaged", path.display()))
            }
            Err(error) => Err(error).with_context(|| format!("cannot write {}", path.display())),
        }
    }

    /// How the worker is set up.
    pub fn worker(&self) -> anyhow::Result<WorkerConfig> {
        let mail = match (&self.smtp_url, &self.mail_from) {
            (Some(smtp_url), Some(from)) => Some(MailConfig {
                smtp_url: smtp_url.clone(),
                from: from.clone(),
            }),
            (None, None) => None,
            (Some(_), None) => {
                return Err(SettingsError("QIAOJIAN_SMTP_URL needs QIAOJIAN_MAIL_FROM".to_owned()).into());
            }
            (None, Some(_)) => {
                return Err(SettingsError("QIAOJIAN_MAIL_FROM needs QIAOJIAN_SMTP_URL".to_owned()).into());
            }
        };
        Ok(WorkerConfig {
            mail,
            ..WorkerConfig::new(&self.data_dir)
        })
    }
}

/// Whether a file that is there may be replaced.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Replace {
    Yes,
    No,
}

/// Writes a file that only its owner may read (0600), whole or not at all: it is never seen half-written.
pub fn write_private(path: &Path, text: &str, replace: Replace) -> std::io::Result<()> {
    let draft = path.with_extension(format!("{}.part", std::process::id()));
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&draft)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    let placed = match replace {
        Replace::Yes => fs::rename(&draft, path),
        // A link fails where a file is; renaming would overwrite the key of a process that started at the same moment.
        Replace::No => fs::hard_link(&draft, path),
    };
    if replace == Replace::No {
        fs::remove_file(&draft)?;
    }
    placed
}
