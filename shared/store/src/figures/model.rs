//! The read model: the facts of the present, held by each process and brought up to the reader's place in the ledger before each answer.
//! Nothing of it is stored, and an answer never lags a write that was acknowledged before the question, whichever process took it.
//!
//! A *window* is a stretch of days in which the tree does not change. Mostly there is one, from the last change of the tree on; a
//! question about an earlier tree has its own built. What no window can answer (a past `known_at`, a window still being built) is loaded
//! from rows, by the same code that builds windows.

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

/// Windows held at once; the one that was not used for longest makes room.
const WINDOWS: usize = 3;
/// What came of asking the model.
#[derive(Debug)]
pub enum Held<T> {
    /// The answer.
    Answer(T),
    /// The model has taken in this tick, which the reader's snapshot does not have: take a new snapshot and ask again. If a snapshot taken
    /// after this answer does not have it either, the ledger went back: call [`ReadModel::forget`].
    Newer(i64),
}

/// The facts of the present. Share one in a process.
#[derive(Default)]
pub struct ReadModel {
    windows: Mutex<Vec<Arc<Window>>>,
    /// A day whose window is to be built.
    wanted: Mutex<Option<NaiveDate>>,
    nudge: Notify,
}

struct Window {
    from: NaiveDate,
    to: Option<NaiveDate>,
    state: RwLock<State>,
}

struct State {
    /// The position in the ledger up to which the facts are known.
    known: Position,
    facts: Facts,
}

/// What was recorded since, read in full before anything of the state is touched: a failure in between changes nothing.
#[derive(Default)]
struct Update {
    /// Stretches that no longer hold.
    removed: Vec<(OrganizationId, Option<Place>)>,
    added: Vec<(OrganizationId, Vec<(Place, VersionFacts)>)>,
    /// Areas that were counted again, and everything counted in them.
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
    /// Asks for the window of a day to be built in the background, by whoever runs [`ReadModel::keep`].
    pub fn want(&self, day: NaiveDate) {
        *self.wanted.lock().unwrap_or_else(PoisonError::into_inner) = Some(day);
        self.nudge.notify_one();
    }

    /// Builds the windows that are asked for, on the slow lane, until the task is dropped.
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
                // Until it is there, answers are loaded from rows; the next question asks for it again.
                Err(error) => tracing::warn!(%error, "The read model could not be built."),
            }
        }
    }

    /// Runs `work` on the facts of the present, as known at `known` (the ledger clock of the reader's own snapshot), in the tree of
    /// `as_of`. `within` is loaded from rows where the model cannot serve.
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
            // A poisoned lock: a thread panicked while it changed the state, so nothing is certain of it.
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

    /// Drops what is held for a day; it is built again from rows. For when the ledger went back (see [`Held::Newer`]).
    pub fn forget(&self, day: NaiveDate) {
        if let Some(window) = self.window_of(day) {
            self.drop_window(&window);
            self.want(day);
        }
    }

    /// How many stretches and areas are held, for whoever watches memory.
    pub fn size(&self) -> (usize, usize) {
        let windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        windows.iter().fold((0, 0), |(stretches, areas), window| {
            // A state that a panic left half-changed answers nothing, but its size is a size.
            let state = window.state.read().unwrap_or_else(PoisonError::into_inner);
            (
                stretches + state.facts.organizations.len(),
                areas + state.facts.tree.len(),
            )
        })
    }

    /// The window of a day, which becomes the one used last.
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

/// The facts of a day as a model holds them that was built when the tree changed last, and has answered `answers` times since, at even
/// distances in the ledger: for whoever compares them with the rows (`crate::check`).
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
    /// Takes in what was recorded since. `false` when the state cannot be kept: the tree has changed, or the ledger no longer has the
    /// position it was at. An error leaves it as it was.
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
        // With those that took one of them in.
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
