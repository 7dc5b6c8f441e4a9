//! The read model: the present facts, held in memory by each process and updated to the reader's ledger position before
//! each answer. It is not persisted, and an answer never lags behind a write that was acknowledged before the question,
//! whichever process accepted it.
//!
//! A *window* is a period in which the tree does not change. Usually there is one, from the last change of the tree on;
//! a question about an earlier tree triggers the build of its own. What no window can answer (an earlier `known_at`, or
//! a window still being built) is loaded from rows, by the same code that builds windows.

use std::sync::{Arc, Mutex, PoisonError, RwLock};

use chrono::NaiveDate;
use qiaojian_domain::ids::{AreaId, OrganizationId};
use tokio::sync::Notify;

use super::facts::{Facts, LOOKED_UP, add_counts, placed};
use super::rows::VersionFacts;
use super::tree::Place;
use crate::db::{AnyConnection, Db, snapshot};
use crate::fact_rows::CountRow;
use crate::ledger::Position;
use crate::{Recorded, StoreResult, Subtree, fact_rows, ledger};

/// Maximum number of windows held at once; the least recently used one is evicted.
const WINDOWS: usize = 3;
/// The result of querying the model.
#[derive(Debug)]
pub enum Held<T> {
    /// The answer.
    Answer(T),
    /// The model is already at this tick, which the reader's snapshot does not contain: take a new snapshot and retry.
    /// If a snapshot taken after this answer does not contain it either, the ledger was rolled back: call
    /// [`ReadModel::forget`].
    Newer(i64),
}

/// The facts of the present. Use one instance per process.
#[derive(Default)]
pub struct ReadModel {
    windows: Mutex<Vec<Arc<Window>>>,
    /// A day whose window should be built.
    wanted: Mutex<Option<NaiveDate>>,
    nudge: Notify,
}

struct Window {
    from: NaiveDate,
    to: Option<NaiveDate>,
    state: RwLock<State>,
}

struct State {
    /// The ledger position up to which the facts are known.
    known: Position,
    facts: Facts,
}

/// The changes since the state's position. They are read completely before the state is modified, so a failure in
/// between changes nothing.
#[derive(Default)]
struct Update {
    /// Stretches that are no longer valid.
    removed: Vec<(OrganizationId, Option<Place>)>,
    added: Vec<(OrganizationId, Vec<(Place, VersionFacts)>)>,
    /// Areas with new counts, and all their counts.
    recounted: Vec<Place>,
    counts: Vec<CountRow>,
}

impl Window {
    fn holds(&self, day: NaiveDate) -> bool {
        self.from <= day && self.to.is_none_or(|to| day < to)
    }

    /// Builds the window of a day, in one snapshot.
    fn build(conn: &mut AnyConnection, day: NaiveDate) -> StoreResult<Self> {
        let known = ledger::known(conn)?;
        let (from, to) = fact_rows::days_of_tree(conn, day)?;
        let facts = Facts::load(conn, &Subtree::everything(), day, known)?;
        let known = ledger::position(conn)?;
        Ok(Self {
            from,
            to,
            state: RwLock::new(State { known, facts }),
        })
    }
}

impl ReadModel {
    /// Requests that the window of a day be built in the background by [`ReadModel::keep`].
    pub fn want(&self, day: NaiveDate) {
        *self.wanted.lock().unwrap_or_else(PoisonError::into_inner) = Some(day);
        self.nudge.notify_one();
    }

    /// Builds the requested windows, on the slow lane, until the task is dropped.
    pub async fn keep(&self, db: &Db) {
        loop {
            self.nudge.notified().await;
            let day = self.wanted.lock().unwrap_or_else(PoisonError::into_inner).take();
            let Some(day) = day else { continue };
            if self.window_of(day).is_some() {
                continue;
            }
            let built: StoreResult<Window> = db
                .read_slow(move |conn| snapshot(conn, |conn| Window::build(conn, day)))
                .await;
            match built {
                Ok(window) => self.put(Arc::new(window)),
                // Until the window exists, answers are loaded from rows; the next question requests it again.
                Err(error) => tracing::warn!(%error, "The read model could not be built."),
            }
        }
    }

    /// Runs `work` on the present facts, as known at `known` (the ledger clock of the reader's own snapshot), in the
    /// tree of `as_of`. If the model cannot answer, `within` is loaded from rows.
    ///
    /// # Errors
    /// Returns an error if the database fails.
    pub fn with<T>(
        &self,
        conn: &mut AnyConnection,
        within: &Subtree,
        as_of: NaiveDate,
        known: Recorded,
        work: impl FnOnce(&Facts) -> T,
    ) -> StoreResult<Held<T>> {
        let Some(window) = self.window_of(as_of) else {
            self.want(as_of);
            return from_rows(conn, within, as_of, known, work);
        };
        let here = ledger::position_at(conn, known.seq)?;
        loop {
            // If the lock is poisoned, a thread panicked while modifying the state, so the state is unreliable.
            let Ok(state) = window.state.read() else { break };
            if state.known.seq > here.seq {
                return Ok(Held::Newer(state.known.seq));
            }
            if state.known == here {
                return Ok(Held::Answer(work(&state.facts)));
            }
            drop(state);
            let Ok(mut state) = window.state.write() else {
                break;
            };
            if state.known.seq <= here.seq && state.known != here && !state.catch_up(conn, known, &here)? {
                break;
            }
        }
        self.drop_window(&window);
        self.want(as_of);
        from_rows(conn, within, as_of, known, work)
    }

    /// Drops the window of a day and requests a rebuild. Call it after the ledger was rolled back (see
    /// [`Held::Newer`]).
    pub fn forget(&self, day: NaiveDate) {
        if let Some(window) = self.window_of(day) {
            self.drop_window(&window);
            self.want(day);
        }
    }

    /// Returns the number of stretches and of areas held, to monitor memory.
    pub fn size(&self) -> (usize, usize) {
        let windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        windows.iter().fold((0, 0), |(stretches, areas), window| {
            // A poisoned state gives no answers, but its size is still meaningful.
            let state = window.state.read().unwrap_or_else(PoisonError::into_inner);
            (
                stretches + state.facts.organizations.len(),
                areas + state.facts.tree.len(),
            )
        })
    }

    /// Returns the window of a day and marks it as most recently used.
    fn window_of(&self, day: NaiveDate) -> Option<Arc<Window>> {
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        let at = windows.iter().position(|window| window.holds(day))?;
        windows.get_mut(..=at)?.rotate_right(1);
        windows.first().cloned()
    }

    fn put(&self, window: Arc<Window>) {
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        windows.insert(0, window);
        windows.truncate(WINDOWS);
    }

    fn drop_window(&self, window: &Arc<Window>) {
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        windows.retain(|known| !Arc::ptr_eq(known, window));
    }
}

/// Returns the facts of a day as held by a model that was built when the tree last changed and has since been updated
/// `answers` times, at equal distances in the ledger: used by `crate::check` to compare them with the rows.
///
/// # Errors
/// Returns an error if the database fails.
pub fn caught_up(
    conn: &mut AnyConnection,
    day: NaiveDate,
    known: Recorded,
    answers: i64,
) -> StoreResult<Facts> {
    let built = fact_rows::tree_changed_last(conn, known)?;
    let at = |seq| Recorded { seq, ..known };
    let mut state = State {
        facts: Facts::load(conn, &Subtree::everything(), day, at(built))?,
        known: ledger::position_at(conn, built)?,
    };
    for answer in 1..=answers {
        let seq = built + (known.seq - built) * answer / answers;
        let here = ledger::position_at(conn, seq)?;
        state.catch_up(conn, at(seq), &here)?;
    }
    Ok(state.facts)
}

fn from_rows<T>(
    conn: &mut AnyConnection,
    within: &Subtree,
    as_of: NaiveDate,
    known: Recorded,
    work: impl FnOnce(&Facts) -> T,
) -> StoreResult<Held<T>> {
    let facts = Facts::load(conn, within, as_of, known)?;
    Ok(Held::Answer(work(&facts)))
}

impl State {
    /// Applies what was recorded since. Returns `false` if the state cannot be kept: the tree has changed, or the
    /// ledger no longer contains its position. On an error the state is unchanged.
    fn catch_up(&mut self, conn: &mut AnyConnection, known: Recorded, here: &Position) -> StoreResult<bool> {
        if ledger::position_at(conn, self.known.seq)? != self.known
            || fact_rows::tree_changed(conn, self.known.seq, known)?
        {
            return Ok(false);
        }
        let update = self.read_update(conn, known)?;
        self.apply(update);
        self.known.clone_from(here);
        Ok(true)
    }

    fn read_update(&self, conn: &mut AnyConnection, known: Recorded) -> StoreResult<Update> {
        let tree = &self.facts.tree;
        let mut update = Update::default();
        let changed = fact_rows::changed_organizations(conn, self.known.seq, known)?;
        for ids in changed.chunks(LOOKED_UP) {
            let places = fact_rows::places_ever(conn, ids)?;
            let places = places.into_iter().map(|(id, area)| (id, tree.home_of(area)));
            update.removed.extend(places);
            let rows = fact_rows::versions_of(conn, ids, known)?;
            for versions in rows.chunk_by(|one, next| one.0 == next.0) {
                if let Some((id, ..)) = versions.first() {
                    update.added.push((*id, placed(tree, versions)?));
                }
            }
        }
        let counted: Vec<AreaId> = fact_rows::counted_anew(conn, self.known.seq, known)?;
        // Includes the areas that one of these was merged into.
        let counted = self.facts.lineage.with_heirs(&counted);
        for areas in counted.chunks(LOOKED_UP) {
            let places = areas.iter().filter_map(|area| tree.place_of(*area));
            update.recounted.extend(places);
            update.counts.extend(fact_rows::counts_of(conn, areas, known)?);
            let derived = self.facts.lineage.counts_of(conn, areas, known)?;
            update.counts.extend(derived);
        }
        Ok(update)
    }

    fn apply(&mut self, update: Update) {
        for (id, place) in update.removed {
            self.facts.organizations.remove(id, place);
        }
        for (id, versions) in update.added {
            self.facts.organizations.add(id, &versions);
        }
        for place in update.recounted {
            self.facts.counts.remove(place);
        }
        add_counts(&mut self.facts.counts, &self.facts.tree, update.counts);
    }
}
