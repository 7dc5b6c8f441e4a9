//! Suspends a process while its clock or its ledger is in doubt ([`Doubt`]), until the doubt is over or a person
//! resumes it.

use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use chrono::TimeDelta;
use qiaojian_domain::Noun;
use qiaojian_domain::clock::{Clock, UtcTime};
use qiaojian_domain::doubt::{Doubt, Ledger, Limits, Readings};
use serde::{Deserialize, Serialize};

use crate::db::{AnyConnection, Db, snapshot};
use crate::files::check_writable;
use crate::ledger::Position;
use crate::{Actor, Recording, StoreError, StoreResult, audit, deliveries, ledger};

/// The noun and verb of the audit entry with which a person resumes operation.
const RESUMED: (Noun, &str) = (Noun::Service, "resume");

/// What a process compares.
#[derive(Debug, Clone, Default)]
pub struct Comparing {
    /// The tolerated deviations.
    pub limits: Limits,
    /// Whether PostgreSQL's clock is compared.
    pub database_clock: bool,
    /// The file next to the database in which the ledger position is noted, if this process does so.
    pub mark: Option<PathBuf>,
}

impl Comparing {
    /// Enables every comparison, and keeps the mark in the data directory.
    pub fn in_directory(data_dir: &Path, limits: Limits) -> Self {
        Self {
            limits,
            database_clock: true,
            mark: Some(data_dir.join("ledger-mark.json")),
        }
    }
}

/// A ledger position, stored outside the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Mark {
    /// The hash of the first entry, which identifies the ledger.
    origin: String,
    seq: i64,
    hash: String,
    /// PostgreSQL's timeline, which changes when another server becomes the primary.
    timeline: Option<String>,
}

/// Checked before each piece of work. Use one instance per process.
#[derive(Debug)]
pub struct Guard {
    comparing: Comparing,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// The clock and the steady clock at the instant when they were last trusted.
    believed: (UtcTime, TimeDelta),
    /// Whether the last sign of life has been checked.
    has_started: bool,
    /// The last tick when the doubt arose, and the doubt.
    held: Option<(i64, Doubt)>,
    /// The content of the file, if this process has read or written it.
    mark: Option<Mark>,
}

/// The values read from the database for one check.
struct Seen {
    position: Position,
    at: UtcTime,
    origin: String,
    clock: Option<UtcTime>,
    timeline: Option<String>,
    has_mark: bool,
    is_resumed: bool,
}

impl Guard {
    /// Creates a guard that trusts the current clock.
    pub fn new(comparing: Comparing, clock: &dyn Clock) -> Self {
        Self {
            comparing,
            state: Mutex::new(State {
                believed: (clock.now(), clock.steady()),
                has_started: false,
                held: None,
                mark: None,
            }),
        }
    }

    /// Returns why work is suspended, according to the last check and the clock; does not query the database.
    pub fn doubt(&self, clock: &dyn Clock) -> Option<Doubt> {
        let state = self.state();
        let stepped = || {
            let readings = Readings {
                of_database: None,
                last_sign: None,
                ledger: Ledger::WentOn,
                ..state.readings(clock)
            };
            Doubt::of(&readings, &self.comparing.limits)
        };
        state.held.map(|(_, doubt)| doubt).or_else(stepped)
    }

    /// Checks the clocks and the ledger, and returns why work is suspended, if it is. If there is no doubt, the ledger
    /// position is noted again.
    ///
    /// # Errors
    /// Returns an error if the database fails; then nothing is known, and no work should be done either. A mark that
    /// cannot be read or written is logged.
    pub async fn look(&self, db: &Db, clock: &dyn Clock) -> StoreResult<Option<Doubt>> {
        let (mark, held_since) = {
            let mut state = self.state();
            if state.mark.is_none() {
                state.mark = self.comparing.mark.as_deref().and_then(read_mark);
            }
            (state.mark.clone(), state.held.map(|(seq, _)| seq))
        };
        let with_clock = self.comparing.database_clock;
        let marks = self.comparing.mark.is_some();
        let seen = db
            .read(move |conn| {
                snapshot(conn, |conn| {
                    Seen::read(conn, mark.as_ref(), held_since, (with_clock, marks))
                })
            })
            .await?;
        Ok(self.judge(&seen, clock))
    }

    fn judge(&self, seen: &Seen, clock: &dyn Clock) -> Option<Doubt> {
        let mut state = self.state();
        if seen.is_resumed {
            state.held = None;
            state.has_started = true;
            state.believed = (clock.now(), clock.steady());
        }
        let is_ours = |mark: &&Mark| mark.origin == seen.origin;
        let noted = state.mark.as_ref().filter(is_ours).filter(|_| !seen.is_resumed);
        let ledger = match noted {
            Some(_) if !seen.has_mark => Ledger::WentBack,
            Some(mark)
                if mark.timeline.is_some() && seen.timeline.is_some() && mark.timeline != seen.timeline =>
            {
                Ledger::FailedOver
            }
            _ => Ledger::WentOn,
        };
        let readings = Readings {
            of_database: seen.clock,
            // A ledger without entries has given no sign of life.
            last_sign: Some(seen.at).filter(|_| !state.has_started && seen.position.seq > 0),
            ledger,
            ..state.readings(clock)
        };
        let doubt = Doubt::of(&readings, &self.comparing.limits);
        match doubt {
            Some(doubt) => {
                let since = state.held.map_or(seen.position.seq, |(seq, _)| seq);
                if state.held.is_none() {
                    tracing::error!(
                        "Nothing is composed, published, expired or sent: {}",
                        doubt.english()
                    );
                }
                state.held = Some((since, doubt));
            }
            None => {
                if state.held.take().is_some() {
                    tracing::warn!("The doubt about the clock or the database is resolved; continuing.");
                }
                state.has_started = true;
                let mark = seen.mark();
                if let Some(path) = self.comparing.mark.as_deref()
                    && state.mark.as_ref() != Some(&mark)
                {
                    write_mark(path, &mark);
                    state.mark = Some(mark);
                }
            }
        }
        doubt
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Returns the readings of the machine's clocks.
    fn readings(&self, clock: &dyn Clock) -> Readings {
        let (now, steady) = self.believed;
        Readings {
            now: clock.now(),
            by_steady_clock: now.plus(clock.steady() - steady),
            of_database: None,
            last_sign: None,
            ledger: Ledger::WentOn,
        }
    }
}

impl Seen {
    fn read(
        conn: &mut AnyConnection,
        mark: Option<&Mark>,
        held_since: Option<i64>,
        (with_clock, marks): (bool, bool),
    ) -> StoreResult<Self> {
        let known = ledger::known(conn)?;
        let is_postgres = matches!(conn, AnyConnection::Postgres(_));
        let has_mark = match mark {
            Some(mark) => {
                let noted = Position {
                    seq: mark.seq,
                    hash: mark.hash.clone(),
                };
                noted.is_current(conn)?
            }
            None => true,
        };
        Ok(Self {
            origin: ledger::position_at(conn, 1)?.hash,
            position: ledger::position(conn)?,
            at: known.at,
            clock: if is_postgres && with_clock {
                Some(deliveries::server_clock(conn)?)
            } else {
                None
            },
            timeline: if is_postgres && marks {
                crate::db::dialect::timeline(conn)?
            } else {
                None
            },
            has_mark,
            is_resumed: match held_since {
                Some(seq) => audit::has_since(conn, seq, RESUMED)?,
                None => false,
            },
        })
    }

    fn mark(&self) -> Mark {
        Mark {
            origin: self.origin.clone(),
            seq: self.position.seq,
            hash: self.position.hash.clone(),
            timeline: self.timeline.clone(),
        }
    }
}

/// Resumes everything that is suspended, with the reason in the audit trail: running processes see the entry, and
/// processes started later on this machine find the mark at the current ledger position.
///
/// # Errors
/// Returns an error if the database fails.
pub async fn resume(db: &Db, mark: &Path, reason: &str) -> StoreResult<()> {
    let reason = reason.to_owned();
    db.write(move |tx| {
        let actor = Actor::system("resume");
        let mut recording = Recording::begin(tx, &actor)?;
        recording.audit(&audit::Entry {
            verb: RESUMED.1,
            resource: RESUMED.0,
            id: &reason,
            area: None,
            before: None,
            after: None,
        })?;
        Ok::<_, StoreError>(())
    })
    .await?;
    let seen = db
        .read(|conn| snapshot(conn, |conn| Seen::read(conn, None, None, (false, true))))
        .await?;
    write_mark(mark, &seen.mark());
    Ok(())
}

fn read_mark(path: &Path) -> Option<Mark> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return None,
        Err(error) => {
            tracing::warn!(path = %path.display(), %error, "The recorded state of the database cannot be read.");
            return None;
        }
    };
    serde_json::from_str(&text)
        .map_err(|error| tracing::warn!(path = %path.display(), %error, "The recorded state of the database is damaged."))
        .ok()
}

/// Checks that a ledger position can be noted: the directory is writable, or the file exists and is writable in a
/// read-only directory.
///
/// # Errors
/// The error of the operating system, if it cannot.
pub fn check_mark(mark: &Path) -> std::io::Result<()> {
    let directory = mark.parent().unwrap_or(Path::new("."));
    match check_writable(directory) {
        Err(_) if mark.is_file() => check_writable(mark),
        outcome => outcome,
    }
}

/// Writes a temporary file and renames it, so that the mark is complete after a crash; in a read-only directory, writes
/// in place. A damaged mark is treated as missing.
fn write_mark(path: &Path, mark: &Mark) {
    let beside = path.with_extension("new");
    let written = serde_json::to_string(mark)
        .map_err(std::io::Error::other)
        .and_then(|text| match path.parent().map(check_writable) {
            Some(Err(_)) => write_in_place(path, &text),
            _ => std::fs::write(&beside, text).and_then(|()| std::fs::rename(&beside, path)),
        });
    if let Err(error) = written {
        tracing::warn!(path = %path.display(), %error, "The state of the database could not be recorded.");
    }
}

fn write_in_place(path: &Path, text: &str) -> std::io::Result<()> {
    let mut file = std::fs::OpenOptions::new().write(true).open(path)?;
    file.write_all(text.as_bytes())?;
    file.set_len(u64::try_from(text.len()).unwrap_or(u64::MAX))
}
