//! `qiaojian up`: everything in one process, for new users and for a single machine.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use qiaojian_domain::area::Level;
use qiaojian_store::{StoreError, Subtree, areas, tokens};
use qiaojian_worker::Event;
use tokio_util::sync::CancellationToken;

use super::demo::load_with_bars;
use crate::args::{Settings, Up};
use crate::credentials::{admin_file, admin_in_file, write_admin};
use crate::settings::{Parts, Schema};
use crate::terminal::say;
use crate::{process, waiting};

/// Deliveries are reported when nothing new has happened for this long.
const QUIET: Duration = Duration::from_millis(1500);

/// Runs API and worker until SIGTERM or SIGINT.
pub async fn run(settings: &Settings, up: &Up, stop: CancellationToken) -> anyhow::Result<()> {
    process::log_the_stop(&stop);
    let listening = process::listen(&settings.listen)?;
    settings.refuse_lost_database()?;
    // Also with PostgreSQL, because the admin's credentials and the notices of the `file` channel are stored here.
    settings.make_data_dir()?;
    settings.refuse_read_only()?;
    settings.begin_database()?;
    let secrets = settings.secrets()?;
    let config = settings.worker()?;
    let base = format!("http://{}", listening.address()?);
    let database = settings.database()?;
    let ready = waiting::ready(&database, Some(&listening), &stop, async || {
        let parts = settings.parts(Schema::Migrated).await?;
        if !up.empty {
            load_demo_at_first_start(&parts, settings).await?;
        }
        let admin = ensure_admin(&parts, settings, &base).await?;
        let app = process::app(&parts, &secrets, settings.comparing()).await?;
        Ok::<_, anyhow::Error>((parts, app, admin))
    })
    .await?;
    let Some((parts, app, admin)) = ready else {
        return Ok(());
    };
    let essentials = [
        format!("Qiaojian listens on {base} (docs: {base}/docs, OpenAPI: {base}/openapi.json)"),
        admin.sentence(),
    ];
    essentials.iter().for_each(say);
    let news = News::default();
    tokio::spawn(news.clone().tell(essentials, stop.clone()));
    // If one part fails, the other is asked to stop too.
    let api = async { end_of(process::api(app, listening, stop.clone()).await, &stop) };
    let worker = async {
        end_of(
            process::worker(&parts, config, move |event| news.hear(event), stop.clone()).await,
            &stop,
        )
    };
    let (api, worker) = tokio::join!(api, worker);
    api.and(worker)
}

fn end_of(outcome: anyhow::Result<()>, stop: &CancellationToken) -> anyhow::Result<()> {
    stop.cancel();
    outcome
}

/// Loads the demo into a new database. A marker file makes a later start continue an interrupted load.
async fn load_demo_at_first_start(parts: &Parts, settings: &Settings) -> anyhow::Result<()> {
    tell_of_a_move(settings);
    let mark = settings.data_dir.join("demo-loading");
    if !mark.exists() && !is_empty(parts).await? {
        return Ok(());
    }
    say("First start: loading the demo campaign (real areas of Anhui, illustrative organizations)…");
    std::fs::write(&mark, "").with_context(|| format!("cannot write {}", mark.display()))?;
    load_with_bars(parts).await?;
    std::fs::remove_file(&mark).with_context(|| format!("cannot remove {}", mark.display()))
}

/// Records the path of the data directory, and warns if it was different at the last start: a copy that runs alongside
/// the original would send everything twice.
fn tell_of_a_move(settings: &Settings) {
    let Ok(here) = std::fs::canonicalize(&settings.data_dir) else {
        return;
    };
    let (note, here) = (settings.data_dir.join("started-in"), here.display().to_string());
    match std::fs::read_to_string(&note) {
        Ok(was) if was.trim() == here => return,
        Ok(was) => say(format!(
            "This data directory was {} at the last start, and is {here} now. If it is a copy, do not run both.",
            was.trim()
        )),
        Err(_) => {}
    }
    // The path is only used for this warning.
    if let Err(error) = std::fs::write(&note, &here) {
        tracing::debug!(%error, "The location of the data directory could not be recorded.");
    }
}

async fn is_empty(parts: &Parts) -> anyhow::Result<bool> {
    let count = parts
        .db
        .read(|conn| areas::count(conn).map_err(StoreError::from))
        .await?;
    Ok(count == 0)
}

/// Where the admin's credentials are.
enum Admin {
    /// There are none, because there are no areas yet.
    NoAreas,
    /// In this file.
    InFile(PathBuf),
    /// Not here: other tokens were created, the file was removed, or it belongs to another database.
    Elsewhere,
}

impl Admin {
    fn sentence(&self) -> String {
        match self {
            Self::NoAreas => {
                "There are no areas yet: load them with `qiaojian import areas FILE`, then `qiaojian token create`.".to_owned()
            }
            Self::InFile(path) => format!("Admin credentials: {} (readable by you only)", path.display()),
            Self::Elsewhere => "Admin credentials were removed or belong to another data directory; create a token with `qiaojian token \
                                create --area CODE --role province_admin --label TEXT`."
                .to_owned(),
        }
    }
}

/// Creates the first admin's credentials if there is no token at all. The database decides this and not the file, which
/// may have been removed or belong to another database.
async fn ensure_admin(parts: &Parts, settings: &Settings, base: &str) -> anyhow::Result<Admin> {
    let file = admin_file(&settings.data_dir);
    let in_file = admin_in_file(&file);
    let (is_known, any_token, any_area, province) = parts
        .db
        .read(move |conn| {
            let is_known = match in_file {
                Some(id) => tokens::by_id(conn, id)?.is_some(),
                None => false,
            };
            let any_token = !tokens::list(conn, &Subtree::everything(), (None, None), None, 1)?.is_empty();
            let filter = areas::Filter {
                levels: vec![Level::Province],
                ..areas::Filter::default()
            };
            let province = areas::list(conn, &Subtree::everything(), &filter, None, 1)?
                .into_iter()
                .next();
            Ok::<_, StoreError>((is_known, any_token, areas::count(conn)? > 0, province))
        })
        .await?;
    match province {
        _ if !any_area => Ok(Admin::NoAreas),
        Some(province) if !any_token => {
            write_admin(parts, &file, &province.code, base).await?;
            Ok(Admin::InFile(file))
        }
        _ if is_known => Ok(Admin::InFile(file)),
        _ => Ok(Admin::Elsewhere),
    }
}

/// What the worker did, reported at the terminal once it is idle.
#[derive(Clone, Default)]
struct News(Arc<Mutex<Heard>>);

#[derive(Default)]
struct Heard {
    bulletins: Vec<String>,
    files: BTreeMap<String, Vec<PathBuf>>,
    changed: bool,
}

impl News {
    fn hear(&self, event: Event) {
        let mut heard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        heard.changed = true;
        match event {
            Event::Published { period, serial, .. } => {
                heard.bulletins.push(format!("{period} (第{serial}期)"));
            }
            Event::Sent {
                area_code,
                area_name,
                path: Some(path),
                ..
            } => {
                heard
                    .files
                    .entry(format!("{area_name} {area_code}"))
                    .or_default()
                    .push(path);
            }
            Event::Sent { .. } => {}
        }
    }

    /// Reports what happened. After the first report, which may be long, the essentials for a new user are repeated, so
    /// that they come last.
    async fn tell(self, essentials: [String; 2], stop: CancellationToken) {
        let mut essentials = Some(essentials);
        while stop
            .run_until_cancelled(tokio::time::sleep(QUIET))
            .await
            .is_some()
        {
            let mut heard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if std::mem::take(&mut heard.changed) {
                continue; // more may come
            }
            let Heard { bulletins, files, .. } = std::mem::take(&mut *heard);
            drop(heard);
            let is_news = !bulletins.is_empty() || !files.is_empty();
            if !bulletins.is_empty() {
                say(format!("Published bulletins: {}", bulletins.join(", ")));
            }
            for (area, mut paths) in files {
                paths.sort();
                let newest = paths
                    .last()
                    .map(|path| path.display().to_string())
                    .unwrap_or_default();
                say(format!(
                    "Notices for {area}: {} written, the latest is {newest}",
                    paths.len()
                ));
            }
            if let Some(essentials) = essentials.take_if(|_| is_news) {
                essentials.iter().for_each(say);
            }
        }
    }
}
