//! Converts arguments and environment to the settings of the parts.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use chrono::TimeDelta;
use clap::CommandFactory as _;
use qiaojian_domain::clock::{Clock, Entropy, OsEntropy, SystemClock};
use qiaojian_domain::doubt::Limits;
use qiaojian_store::db::{
    DatabaseUrl, Db, DbError, Lanes, NEWER_SCHEMA, OpenError, SchemaStand, run_migrations, schema_stand,
};
use qiaojian_store::guard::{Comparing, check_mark};
use qiaojian_store::secrets::SecretKey;
use qiaojian_worker::{MailConfig, WorkerConfig};

use crate::args::{Args, Settings};
use crate::files::{Replace, write_private};

/// An invalid setting, with exit code 2.
#[derive(Debug)]
pub struct SettingsError(String);

impl std::fmt::Display for SettingsError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for SettingsError {}

const PREFIX: &str = "QIAOJIAN_";

/// Refuses unknown variables that begin with `QIAOJIAN_`, so that a typing mistake is noticed. Variables of other
/// commands are accepted, because one environment may serve several.
pub fn refuse_unknown_variables() -> Result<(), SettingsError> {
    let mut known = BTreeSet::new();
    collect_variables(&Args::command(), &mut known);
    let unknown: Vec<String> = std::env::vars_os()
        .map(|(name, _)| name)
        .filter(|name| name.to_string_lossy().starts_with(PREFIX) && !known.contains(name))
        .map(|name| name.to_string_lossy().into_owned())
        .collect();
    if unknown.is_empty() {
        return Ok(());
    }
    let known: Vec<_> = known.iter().map(|name| name.to_string_lossy()).collect();
    Err(SettingsError(format!(
        "unknown setting in the environment: {}; known settings are {}",
        unknown.join(", "),
        known.join(", ")
    )))
}

fn collect_variables(command: &clap::Command, known: &mut BTreeSet<OsString>) {
    known.extend(
        command
            .get_arguments()
            .filter_map(clap::Arg::get_env)
            .map(ToOwned::to_owned),
    );
    for below in command.get_subcommands() {
        collect_variables(below, known);
    }
}

/// What every process uses.
pub struct Parts {
    pub db: Db,
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
}

/// The requirement for the database's schema.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Schema {
    /// It is migrated first; a missing database is created.
    Migrated,
    /// It must exist; another command migrates it.
    Present,
}

impl Settings {
    /// Refuses invalid settings before anything is created. A mistake is reported at the start, even if the command
    /// does not use the setting.
    pub fn check(&self) -> Result<(), SettingsError> {
        check_listen(&self.listen)?;
        if let Some(text) = &self.secret_key {
            secret_key(text)?;
        }
        self.database()?;
        self.mail().map(drop)
    }

    /// Returns the URL of the database.
    pub fn database(&self) -> Result<DatabaseUrl, SettingsError> {
        let refused = |error: OpenError| SettingsError(error.to_string());
        let url = match &self.database_url {
            None => DatabaseUrl::Sqlite(self.data_dir.join("qiaojian.db")),
            Some(url) => url.parse::<DatabaseUrl>().map_err(refused)?,
        };
        url.validate().map_err(refused)?;
        Ok(url)
    }

    /// Opens the database.
    pub async fn parts(&self, schema: Schema) -> anyhow::Result<Parts> {
        if schema == Schema::Present {
            self.refuse_missing_database()?;
        }
        if schema == Schema::Migrated {
            self.refuse_lost_database()?;
        }
        let parts = self.open(Some(schema)).await?;
        match stand_of(&parts.db).await? {
            Stand::Newer => bail!(NEWER_SCHEMA),
            Stand::Missing | Stand::Older if schema == Schema::Present => bail!(NEEDS_MIGRATION),
            _ => Ok(parts),
        }
    }

    /// Refuses a missing embedded database if it must exist, because opening it would create one.
    pub fn refuse_missing_database(&self) -> anyhow::Result<()> {
        if let DatabaseUrl::Sqlite(path) = self.database()?
            && is_missing(&path)
        {
            bail!(
                "there is no database at {}; give its directory with --data-dir, or create one with `qiaojian migrate`",
                path.display()
            );
        }
        Ok(())
    }

    /// Refuses a data directory that contains files belonging to a database, but not the database. Starting with a new
    /// one would overwrite what the lost one needs.
    pub fn refuse_lost_database(&self) -> anyhow::Result<()> {
        let DatabaseUrl::Sqlite(path) = self.database()? else {
            return Ok(());
        };
        if !is_missing(&path) {
            return Ok(());
        }
        let left = ["secret.key", "admin-credentials.json", "ledger-mark.json"];
        let Some(left) = left.iter().find(|name| self.data_dir.join(name).exists()) else {
            return Ok(());
        };
        bail!(
            "{} has a {left}, but its database {} is missing; restore the database, or give another directory with --data-dir. To start \
             again in this directory, first move its content elsewhere",
            self.data_dir.display(),
            path.display()
        )
    }

    /// Creates the empty file of the embedded database before anything that belongs to it, so that an interrupted first
    /// start does not leave a key without a database.
    pub fn begin_database(&self) -> anyhow::Result<()> {
        let DatabaseUrl::Sqlite(path) = self.database()? else {
            return Ok(());
        };
        if let Some(directory) = path
            .parent()
            .filter(|directory| !directory.as_os_str().is_empty())
        {
            qiaojian_store::files::create_private_directory(directory)
                .with_context(|| format!("cannot create the directory {}", directory.display()))?;
        }
        match fs::File::create_new(&path) {
            Ok(_) => Ok(()),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
            Err(error) => {
                Err(error).with_context(|| format!("cannot create the database {}", path.display()))
            }
        }
    }

    /// Refuses a data directory that this user may not write, for processes that record the ledger position there. With
    /// PostgreSQL, it may be read-only except for that file.
    pub fn refuse_read_only(&self) -> anyhow::Result<()> {
        self.database()?.check_writable()?;
        let mark = self.comparing().mark.unwrap_or_default();
        check_mark(&mark).with_context(|| {
            format!(
                "this user may not write {}, where a worker records the state of the database; make that file or its directory writable \
                 for the user of the service, or give another directory with --data-dir",
                mark.display()
            )
        })
    }

    /// Opens the existing database for reading; `None` if there is none or it has no schema. None is created, and it
    /// may be read-only.
    pub async fn parts_if_there(&self) -> anyhow::Result<Option<Parts>> {
        if let DatabaseUrl::Sqlite(path) = self.database()?
            && fs::metadata(path).map_or(0, |file| file.len()) == 0
        {
            return Ok(None);
        }
        let parts = self.open(None).await?;
        match stand_of(&parts.db).await? {
            Stand::Current => Ok(Some(parts)),
            Stand::Older => bail!(NEEDS_MIGRATION),
            Stand::Newer => bail!(NEWER_SCHEMA),
            Stand::Missing => Ok(None),
        }
    }

    /// Opens the database, read-only if no schema is required. Runs on the blocking pool, because connecting to an
    /// unavailable database takes time, and a signal must not wait for it.
    async fn open(&self, schema: Option<Schema>) -> anyhow::Result<Parts> {
        let url = self.database()?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let for_writer = Arc::clone(&clock);
        let opened = tokio::task::spawn_blocking(move || {
            if schema == Some(Schema::Migrated) {
                run_migrations(&url)?;
            }
            let lanes = Lanes::for_database(&url);
            match schema {
                Some(_) => Db::open(url, lanes, for_writer),
                None => Db::open_to_read(url, lanes),
            }
        });
        Ok(Parts {
            db: opened.await.context("opening the database was interrupted")??,
            clock,
            entropy: Arc::new(OsEntropy),
        })
    }

    /// Returns the key that seals secrets: the setting, or the key file, which is created at the first start.
    pub fn secrets(&self) -> anyhow::Result<SecretKey> {
        if let Some(text) = &self.secret_key {
            return Ok(secret_key(text)?);
        }
        let path = self.data_dir.join("secret.key");
        // Checked first, because if it exists, the directory may be read-only.
        if !is_missing(&path) {
            return read_key(&path);
        }
        self.make_data_dir()?;
        let fresh = SecretKey::generate(&OsEntropy);
        match write_private(&path, &fresh.to_text(), Replace::No) {
            Ok(()) => Ok(fresh),
            // Another process has created one at the same moment.
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => read_key(&path),
            Err(error) => Err(error).with_context(|| {
                format!(
                    "cannot write the key file {}; make its directory writable for the user of the service, or set QIAOJIAN_SECRET_KEY",
                    path.display()
                )
            }),
        }
    }

    /// Creates the data directory, accessible only to its owner, unless it exists.
    pub fn make_data_dir(&self) -> anyhow::Result<()> {
        qiaojian_store::files::create_private_directory(&self.data_dir).with_context(|| {
            format!(
                "cannot create the data directory {} (choose another with --data-dir)",
                self.data_dir.display()
            )
        })
    }

    /// Returns what a worker checks before a pass.
    pub fn comparing(&self) -> Comparing {
        let limits = Limits {
            silence: TimeDelta::days(self.longest_silence_days.into()),
            ..Limits::default()
        };
        Comparing::in_directory(&self.data_dir, limits)
    }

    /// Returns the configuration of the worker.
    pub fn worker(&self) -> Result<WorkerConfig, SettingsError> {
        Ok(WorkerConfig {
            mail: self.mail()?,
            comparing: self.comparing(),
            ..WorkerConfig::new(&self.data_dir)
        })
    }

    fn mail(&self) -> Result<Option<MailConfig>, SettingsError> {
        let refused = |why: &str| Err(SettingsError(why.to_owned()));
        match (&self.smtp_url, &self.mail_from) {
            (None, None) => Ok(None),
            (Some(_), None) => refused("QIAOJIAN_SMTP_URL needs QIAOJIAN_MAIL_FROM"),
            (None, Some(_)) => refused("QIAOJIAN_MAIL_FROM needs QIAOJIAN_SMTP_URL"),
            (Some(smtp_url), Some(from)) => {
                let mail = MailConfig {
                    smtp_url: smtp_url.clone(),
                    from: from.clone(),
                };
                mail.check().map_err(SettingsError)?;
                Ok(Some(mail))
            }
        }
    }
}

/// The state of a database's schema.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stand {
    Missing,
    Older,
    Current,
    Newer,
}

const NEEDS_MIGRATION: &str =
    "the database has no schema, or one older than this binary; bring it up to date with `qiaojian migrate`";

async fn stand_of(db: &Db) -> Result<Stand, DbError> {
    match db.read(schema_stand).await {
        Ok(SchemaStand::Current) => Ok(Stand::Current),
        Ok(SchemaStand::Older) => Ok(Stand::Older),
        Ok(SchemaStand::Newer) => Ok(Stand::Newer),
        // The table of versions itself does not exist.
        Err(DbError::Query(_)) => Ok(Stand::Missing),
        Err(error) => Err(error),
    }
}

/// Whether the file does not exist. A file that cannot be accessed is reported when it is opened.
fn is_missing(path: &std::path::Path) -> bool {
    fs::metadata(path).is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound)
}

fn read_key(path: &std::path::Path) -> anyhow::Result<SecretKey> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    SecretKey::from_text(&text).with_context(|| format!("{} is damaged", path.display()))
}

fn secret_key(text: &str) -> Result<SecretKey, SettingsError> {
    SecretKey::from_text(text).map_err(|error| SettingsError(format!("QIAOJIAN_SECRET_KEY: {error}")))
}

fn check_listen(address: &str) -> Result<(), SettingsError> {
    let fits = address
        .rsplit_once(':')
        .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok());
    if fits {
        Ok(())
    } else {
        Err(SettingsError(format!(
            "QIAOJIAN_LISTEN (--listen) must be HOST:PORT, such as 127.0.0.1:8080 or [::1]:8080; it is `{address}`"
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_to_listen_on_has_a_host_and_a_port() {
        for address in ["127.0.0.1:8080", "localhost:0", "[::1]:8080", "0.0.0.0:65535"] {
            assert!(check_listen(address).is_ok(), "{address}");
        }
        for address in [
            "",
            "8080",
            ":8080",
            "localhost",
            "localhost:http",
            "127.0.0.1:65536",
            "h:-1",
        ] {
            assert!(check_listen(address).is_err(), "{address}");
        }
    }

    #[test]
    fn the_variables_of_all_commands_are_known() {
        let mut known = BTreeSet::new();
        collect_variables(&Args::command(), &mut known);
        for name in [
            "DATABASE_URL",
            "QIAOJIAN_LISTEN",
            "QIAOJIAN_EMPTY",
            "QIAOJIAN_DRY_RUN",
            "QIAOJIAN_UPDATE_ON",
            "QIAOJIAN_TOKEN_JSON",
        ] {
            assert!(known.contains(&OsString::from(name)), "{name}");
        }
    }
}
