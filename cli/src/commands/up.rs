//! `qiaojian up`: everything in one process, for a newcomer and for one machine.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use qiaojian_shared::domain::area::Level;
use qiaojian_shared::store::{StoreError, Subtree, areas};
use qiaojian_worker::Event;
use tokio_util::sync::CancellationToken;

use super::demo::load_with_bars;
use crate::args::{Settings, Up};
use crate::credentials::{admin_file, write_admin};
use crate::process;
use crate::settings::Parts;
use crate::terminal::say;

/// What was delivered is told when nothing more came for this long.
const QUIET: Duration = Duration::from_millis(1500);

/// Runs API and worker until SIGTERM or SIGINT.
pub async fn run(settings: &Settings, up: &Up) -> anyhow::Result<()> {
    let listening = qiaojian_api::listen(&settings.listen)
        .with_context(|| format!("cannot listen on {}", settings.listen))?;
    let parts = settings.parts(true)?;
    let secrets = settings.secrets()?;
    let config = settings.worker()?;
    let base = format!("http://{}", listening.address()?);
    if !up.empty {
        load_demo_at_first_start(&parts, settings).await?;
    }
    ensure_admin(&parts, settings, &base).await?;
    say(format!(
        "Qiaojian listens on {base} (docs: {base}/docs, OpenAPI: {base}/openapi.json)"
    ));
    let admin = admin_file(&settings.data_dir);
    if admin.exists() {
        say(format!(
            "Admin credentials: {} (readable by you only)",
            admin.display()
        ));
    } else {
        say(
            "There are no areas yet: load them with `qiaojian import areas FILE`, then `qiaojian token create`.",
        );
    }
    let stop = process::stop_on_signals()?;
    let news = News::default();
    tokio::spawn(news.clone().tell(stop.clone()));
    // When one part fails, the other is asked to stop too.
    let api = async {
        end_of(
            process::api(&parts, secrets, listening, stop.clone()).await,
            &stop,
        )
    };
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

/// Loads the demo into a new database. A mark beside it tells a later start to go on with a load that was cut short.
async fn load_demo_at_first_start(parts: &Parts, settings: &Settings) -> anyhow::Result<()> {
    let mark = settings.data_dir.join("demo-loading");
    if !mark.exists() && !is_empty(parts).await? {
        return Ok(());
    }
    say("First start: loading the demo campaign (real areas of Anhui, illustrative organizations)…");
    std::fs::write(&mark, "").with_context(|| format!("cannot write {}", mark.display()))?;
    load_with_bars(parts).await?;
    std::fs::remove_file(&mark).with_context(|| format!("cannot remove {}", mark.display()))
}

async fn is_empty(parts: &Parts) -> anyhow::Result<bool> {
    let count = parts
        .db
        .read(|conn| areas::count(conn).map_err(StoreError::from))
        .await?;
    Ok(count == 0)
}

/// The first admin's credentials, unless their file is there. An admin who removed it made other tokens, or makes one by
/// `qiaojian token create`.
async fn ensure_admin(parts: &Parts, settings: &Settings, base: &str) -> anyhow::Result<()> {
    let (any_token, province) = parts
        .db
        .read(|conn| {
            let any = !qiaojian_shared::store::tokens::list(conn, &Subtree::everything(), None, None, 1)?
                .is_empty();
            let filter = areas::Filter {
                levels: vec![Level::Province],
                ..areas::Filter::default()
            };
            let province = areas::list(conn, &Subtree::everything(), &filter, None, 1)?
                .into_iter()
                .next();
            Ok::<_, StoreError>((any, province))
        })
        .await?;
    if let (false, Some(province)) = (any_token, province) {
        write_admin(parts, &settings.data_dir, &province.code, base).await?;
    }
    Ok(())
}

/// What the worker did, told to the person at the terminal once it has come to rest.
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

    async fn tell(self, stop: CancellationToken) {
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
                    "Notices for {area}: {} written, the newest is {newest}",
                    paths.len()
                ));
            }
        }
    }
}
