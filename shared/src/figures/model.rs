//! The read model: the facts of the present, held by each process and brought up to the reader's place in the ledger before each answer.
//! Nothing of it is stored, and an answer never lags a write that was acknowledged before the question, whichever process took it.
//!
//! A *window* is a stretch of days in which the tree does not change. Mostly there is one, from the last change of the tree on; a
//! question about an earlier tree has its own built. What no window can answer (a past `known_at`, a window still being built) is loaded
//! from rows, by the same code that builds windows.

use std::sync::{Arc, Mutex, PoisonError, RwLock};

use chrono::NaiveDate;
use diesel::dsl::{max, min};
use diesel::prelude::*;
use tokio::sync::Notify;

use super::facts::{CountRow, Facts, VersionRow, add, add_counts, count_columns, version_columns};
use crate::db::schema::{area_counts, area_versions, organization_versions};
use crate::db::{AnyConnection, Db, snapshot};
use crate::ids::{AreaId, OrganizationId};
use crate::store::predicates::known_at;
use crate::store::{Recorded, StoreError, StoreResult, Subtree, ledger};

/// Windows held at once; the one that was not used for longest makes room.
const WINDOWS: usize = 3;
/// Organizations looked up in one statement.
const CHUNK: usize = 500;

/// What came of asking the model.
#[derive(Debug)]
pub enum Held<T> {
    /// The answer.
    Answer(T),
    /// Another reader has brought the model beyond this reader's snapshot: take a new one and ask again.
    Newer,
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
    /// The place in the ledger up to which the facts are known.
    seq: i64,
    facts: Facts,
}

impl Window {
    fn holds(&self, day: NaiveDate) -> bool {
        self.from <= day && self.to.is_none_or(|to| day < to)
    }

    /// Builds the window of a day, in one snapshot.
    fn build(conn: &mut AnyConnection, day: NaiveDate) -> StoreResult<Self> {
        let known = ledger::known(conn)?;
        let (from, to) = days_of_tree(conn, day)?;
        let facts = Facts::load(conn, &Subtree::everything(), day, known)?;
        Ok(Self {
            from,
            to,
            state: RwLock::new(State {
                seq: known.seq,
                facts,
            }),
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
    /// The database's.
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
        loop {
            let state = window.state.read().unwrap_or_else(PoisonError::into_inner);
            if state.seq > known.seq {
                return Ok(Held::Newer);
            }
            if state.seq == known.seq {
                return Ok(Held::Answer(work(&state.facts)));
            }
            drop(state);
            let mut state = window.state.write().unwrap_or_else(PoisonError::into_inner);
            if state.seq < known.seq && !state.catch_up(conn, known)? {
                drop(state);
                self.drop_window(&window);
                self.want(as_of);
                return from_rows(conn, within, as_of, known, work);
            }
        }
    }

    /// How many stretches and areas are held, for whoever watches memory.
    pub fn size(&self) -> (usize, usize) {
        let windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        windows.iter().fold((0, 0), |(stretches, areas), window| {
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
/// The database's.
pub fn caught_up(
    conn: &mut AnyConnection,
    day: NaiveDate,
    known: Recorded,
    answers: i64,
) -> StoreResult<Facts> {
    let built = tree_changed_last(conn, known)?;
    let at = |seq| Recorded { seq, ..known };
    let mut state = State {
        seq: built,
        facts: Facts::load(conn, &Subtree::everything(), day, at(built))?,
    };
    for answer in 1..=answers {
        let seq = built + (known.seq - built) * answer / answers;
        state.catch_up(conn, at(seq))?;
    }
    Ok(state.facts)
}

/// The place in the ledger of the last change of the tree.
fn tree_changed_last(conn: &mut AnyConnection, known: Recorded) -> QueryResult<i64> {
    let recorded: Option<i64> = area_versions::table
        .filter(area_versions::recorded_seq.le(known.seq))
        .select(max(area_versions::recorded_seq))
        .first(conn)?;
    let superseded: Option<i64> = area_versions::table
        .filter(area_versions::superseded_seq.is_not_null())
        .filter(area_versions::superseded_seq.le(known.seq))
        .select(max(area_versions::superseded_seq))
        .first(conn)?;
    Ok(recorded.max(superseded).unwrap_or(0))
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
    /// Takes in what was recorded since. `false` when the tree has changed: then everything has to be placed anew.
    fn catch_up(&mut self, conn: &mut AnyConnection, known: Recorded) -> StoreResult<bool> {
        if tree_changed(conn, self.seq, known)? {
            return Ok(false);
        }
        let changed = changed_organizations(conn, self.seq, known)?;
        for ids in changed.chunks(CHUNK) {
            for (id, area) in places_ever(conn, ids)? {
                let place = self.facts.tree.place_of(area);
                self.facts.organizations.remove(id, place);
            }
            let rows = versions_of(conn, ids, known)?;
            for versions in rows.chunk_by(|one, next| one.0 == next.0) {
                if let Some((id, ..)) = versions.first() {
                    add(&mut self.facts.organizations, &self.facts.tree, *id, versions)?;
                }
            }
        }
        let counted = counted_anew(conn, self.seq, known)?;
        for areas in counted.chunks(CHUNK) {
            for place in areas.iter().filter_map(|area| self.facts.tree.place_of(*area)) {
                self.facts.counts.remove(place);
            }
            let rows = counts_of(conn, areas, known)?;
            add_counts(&mut self.facts.counts, &self.facts.tree, rows);
        }
        self.seq = known.seq;
        Ok(true)
    }
}

/// What was recorded or superseded after `seq`, up to a moment. Written so that each half is a range of an index.
macro_rules! touched {
    ($conn:expr, $table:ident, $column:expr, $seq:expr, $known:expr) => {{
        let recorded = $table::table
            .filter($table::recorded_seq.gt($seq))
            .filter($table::recorded_seq.le($known.seq))
            .select($column)
            .load($conn)?;
        let superseded = $table::table
            .filter($table::superseded_seq.is_not_null())
            .filter($table::superseded_seq.gt($seq))
            .filter($table::superseded_seq.le($known.seq))
            .select($column)
            .load($conn)?;
        (recorded, superseded)
    }};
}

fn tree_changed(conn: &mut AnyConnection, seq: i64, known: Recorded) -> QueryResult<bool> {
    let (recorded, superseded): (Vec<AreaId>, Vec<AreaId>) =
        touched!(conn, area_versions, area_versions::area_id, seq, known);
    Ok(!recorded.is_empty() || !superseded.is_empty())
}

fn changed_organizations(
    conn: &mut AnyConnection,
    seq: i64,
    known: Recorded,
) -> QueryResult<Vec<OrganizationId>> {
    let (mut ids, superseded): (Vec<OrganizationId>, Vec<OrganizationId>) = touched!(
        conn,
        organization_versions,
        organization_versions::organization_id,
        seq,
        known
    );
    ids.extend(superseded);
    ids.sort_unstable();
    ids.dedup();
    Ok(ids)
}

fn counted_anew(conn: &mut AnyConnection, seq: i64, known: Recorded) -> QueryResult<Vec<AreaId>> {
    let (mut areas, superseded): (Vec<AreaId>, Vec<AreaId>) =
        touched!(conn, area_counts, area_counts::area_id, seq, known);
    areas.extend(superseded);
    areas.sort_unstable();
    areas.dedup();
    Ok(areas)
}

fn counts_of(conn: &mut AnyConnection, areas: &[AreaId], known: Recorded) -> QueryResult<Vec<CountRow>> {
    area_counts::table
        .filter(area_counts::area_id.eq_any(areas))
        .filter(known_at!(area_counts, known))
        .select(count_columns!())
        .load(conn)
}

/// Where these organizations are or ever were known to stand.
fn places_ever(
    conn: &mut AnyConnection,
    ids: &[OrganizationId],
) -> QueryResult<Vec<(OrganizationId, AreaId)>> {
    use organization_versions as o;
    o::table
        .filter(o::organization_id.eq_any(ids))
        .select((o::organization_id, o::area_id))
        .distinct()
        .load(conn)
}

fn versions_of(
    conn: &mut AnyConnection,
    ids: &[OrganizationId],
    known: Recorded,
) -> QueryResult<Vec<VersionRow>> {
    use organization_versions as o;
    o::table
        .filter(o::organization_id.eq_any(ids))
        .filter(known_at!(o, known))
        .order((o::organization_id, o::valid_from))
        .select(version_columns!())
        .load(conn)
}

/// From which day until which day the tree is as on `day`, as known now.
fn days_of_tree(
    conn: &mut AnyConnection,
    day: NaiveDate,
) -> Result<(NaiveDate, Option<NaiveDate>), StoreError> {
    use area_versions as a;
    let known = || a::table.filter(a::superseded_seq.is_null());
    let begun: Option<NaiveDate> = known()
        .filter(a::valid_from.le(day))
        .select(max(a::valid_from))
        .first(conn)?;
    let ended: Option<NaiveDate> = known()
        .filter(a::valid_to.is_not_null())
        .filter(a::valid_to.le(day))
        .select(max(a::valid_to))
        .first(conn)?;
    let begins: Option<NaiveDate> = known()
        .filter(a::valid_from.gt(day))
        .select(min(a::valid_from))
        .first(conn)?;
    let ends: Option<NaiveDate> = known()
        .filter(a::valid_to.is_not_null())
        .filter(a::valid_to.gt(day))
        .select(min(a::valid_to))
        .first(conn)?;
    let from = begun.max(ended).unwrap_or(NaiveDate::MIN);
    let to = [begins, ends].into_iter().flatten().min();
    Ok((from, to))
}
