//! Writes the plan into a register, using the same store functions as for other data.

mod areas;
mod records;
mod work;

use anyhow::Context as _;
use qiaojian_domain::clock::{Clock, Entropy, ManualClock, SeededEntropy, UtcTime, start_of_day_in_shanghai};
use qiaojian_domain::digest::sha256_hex;
use qiaojian_domain::ids::{ScheduleId, new_uuid};
use qiaojian_store::db::Db;
use qiaojian_store::{Actor, Recording, StoreError, StoreResult, Subtree, schedules};
use uuid::Uuid;

use super::days::LAST_DAY;
use super::random::Random;

/// The result of [`load`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loaded {
    /// The demo was loaded.
    Now,
    /// The demo was already loaded; nothing was written.
    Before,
}

/// A part of the demo.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Divisions and parks; by far the most rows.
    Areas,
    /// Federations and work stations.
    Organizations,
    /// Tasks, each with its transitions.
    Tasks,
    /// Everything else: programme, rules, activities, endpoints and schedule.
    Records,
}

impl Part {
    /// Returns the number of rows per write transaction, chosen to take a fraction of the allowed 250 ms.
    const fn rows_per_write(self) -> usize {
        match self {
            Self::Areas => 150,
            Self::Organizations | Self::Records => 50,
            // A task has four assignments with up to eight steps each.
            Self::Tasks => 2,
        }
    }
}

/// The progress of a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// The part being written.
    pub part: Part,
    /// Number of rows written so far.
    pub done: usize,
    /// Total number of rows to write, not counting those that existed before.
    pub total: usize,
}

/// Loads the demo. It may be run again: an interrupted load continues, and complete rows are left unchanged, even if
/// they were modified since. The schedule is written last, so that no worker composes a bulletin from an incomplete
/// register.
///
/// # Errors
/// Returns an error if the database fails, or if it contains other data that contradicts the demo.
pub async fn load(
    db: &Db,
    clock: &dyn Clock,
    entropy: &dyn Entropy,
    progress: impl FnMut(Progress) + Send,
) -> anyhow::Result<Loaded> {
    if is_loaded(db).await? {
        return Ok(Loaded::Before);
    }
    let rows = super::anhui()?;
    let plan = super::campaign(&rows)?;
    let mut writer = Writer { db, progress };
    let areas = areas::load(&mut writer, rows.iter().chain(&plan.parks), clock, entropy).await?;
    let program = records::program(&mut writer, &plan.program, &areas).await?;
    records::rules(&mut writer, &plan.rules, &areas).await?;
    records::organizations(&mut writer, &plan.organizations, &areas, clock.today()).await?;
    work::activities(&mut writer, &plan.activities, program, &areas).await?;
    work::tasks(&mut writer, &plan.tasks, program, &areas).await?;
    records::endpoints(&mut writer, &plan.endpoints, &areas).await?;
    db.refresh_statistics().await;
    records::schedule(&mut writer, &plan.schedule, program, &areas).await?;
    Ok(Loaded::Now)
}

/// Whether the demo has been loaded completely.
///
/// # Errors
/// Returns an error if the database fails.
pub async fn is_loaded(db: &Db) -> anyhow::Result<bool> {
    let schedule = db
        .read(
            |conn| match schedules::find(conn, &Subtree::everything(), schedule_id()) {
                Ok(_) => Ok(true),
                Err(StoreError::NotFound(_)) => Ok(false),
                Err(error) => Err(error),
            },
        )
        .await;
    schedule.context("cannot see whether the demo is loaded")
}

/// Returns the id of the demo's only schedule, whose row is written last.
fn schedule_id() -> ScheduleId {
    ScheduleId(demo_id("schedule"))
}

/// Returns the id of a row of the demo. It is always the same, so that a second load finds the rows of the first.
fn demo_id(label: &str) -> Uuid {
    let clock = ManualClock::at(published_at());
    new_uuid(&clock, &SeededEntropy::new(Random::of(label).seed()))
}

/// Returns the digest stored with a row that has a [`demo_id`]. The label identifies the row completely.
fn demo_digest(label: &str) -> String {
    sha256_hex(format!("demo {label}"))
}

/// Returns the publication time of the article.
fn published_at() -> UtcTime {
    start_of_day_in_shanghai(LAST_DAY)
}

/// Writes in chunks and reports progress.
struct Writer<'a, P> {
    db: &'a Db,
    progress: P,
}

impl<P: FnMut(Progress)> Writer<'_, P> {
    /// Writes each of `items` with `one`, in order.
    async fn write_all<I, T>(
        &mut self,
        part: Part,
        items: Vec<I>,
        one: fn(&mut Recording<'_, '_>, &I) -> StoreResult<T>,
    ) -> StoreResult<Vec<T>>
    where
        I: Send + 'static,
        T: Send + 'static,
    {
        let total = items.len();
        let mut written = Vec::with_capacity(total);
        let mut left = items.into_iter();
        loop {
            let chunk: Vec<I> = left.by_ref().take(part.rows_per_write()).collect();
            if chunk.is_empty() {
                return Ok(written);
            }
            let rows = self
                .db
                .write(move |tx| {
                    let actor = Actor::system("demo load");
                    let mut recording = Recording::begin(tx, &actor)?;
                    chunk
                        .iter()
                        .map(|item| one(&mut recording, item))
                        .collect::<StoreResult<Vec<T>>>()
                })
                .await?;
            written.extend(rows);
            (self.progress)(Progress {
                part,
                done: written.len(),
                total,
            });
        }
    }
}
