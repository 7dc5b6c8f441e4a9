//! A cache of earlier eras, per province. Entries are valid for a ledger position and are updated to the reader's
//! position before each answer: changes of organizations are applied; if the tree, a rule or a cohort changed, or the
//! ledger diverged, the entry is dropped. Entries are never modified in place: a failure leaves everything as it was.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::NaiveDate;

use super::eras::{Earlier, Past, Question, ShapeDays, Whose};
use crate::db::AnyConnection;
use crate::figures::{After, Changed, Era, Held};
use crate::ledger::Position;
use crate::{Recorded, StoreResult, fact_rows, ledger, programs, rules};

/// Maximum number of areas, spans and milestones held, about 60 MB; the least recently used eras are evicted.
const MOST: usize = 1_000_000;
/// Maximum number of combinations of province, rule and programme held.
const MOST_PROVINCES: usize = 64;

/// The cache of earlier eras. Use one instance per process.
#[derive(Debug, Default)]
pub struct Memory {
    /// Most recently used first.
    held: Mutex<Vec<Arc<Remembered>>>,
}

/// The eras of one province that were requested.
#[derive(Debug, Clone)]
struct Remembered {
    whose: Whose,
    /// The ledger position up to which they are known.
    known: Position,
    shape_days: Option<ShapeDays>,
    eras: BTreeMap<(NaiveDate, NaiveDate), Past>,
}

impl Remembered {
    fn nothing(whose: Whose, known: Position) -> Self {
        Self {
            whose,
            known,
            shape_days: None,
            eras: BTreeMap::new(),
        }
    }

    fn size(&self) -> usize {
        self.eras.values().flatten().map(|era| era.size()).sum()
    }

    fn without_ground(&self) -> Self {
        let lean = |past: &Past| past.as_ref().map(|era| Arc::new(era.without_ground()));
        Self {
            eras: self.eras.iter().map(|(days, past)| (*days, lean(past))).collect(),
            ..self.clone()
        }
    }

    /// Returns the entry updated to a later ledger position. `None` if it is no longer valid.
    fn caught_up(
        &self,
        conn: &mut AnyConnection,
        known: Recorded,
        here: &Position,
    ) -> StoreResult<Option<Self>> {
        let since = self.known.seq;
        if ledger::position_at(conn, since)? != self.known
            || fact_rows::tree_changed(conn, since, known)?
            || rules::changed(conn, since, known)?
            || programs::cohorts_changed(conn, since, known)?
        {
            return Ok(None);
        }
        let mut eras = self.eras.clone();
        if !eras.is_empty() {
            let changed = Changed::since(conn, since, known)?;
            for (days, past) in &self.eras {
                let Some(era) = past else { continue };
                match era.after(&changed)? {
                    After::Same => {}
                    After::Other(other) => drop(eras.insert(*days, Some(Arc::new(other)))),
                    After::Unknown => drop(eras.remove(days)),
                }
            }
        }
        Ok(Some(Self {
            eras,
            known: here.clone(),
            whose: self.whose.clone(),
            shape_days: self.shape_days.clone(),
        }))
    }

    /// Returns the requested eras, and whether some had to be loaded. `None` if some would have to be loaded and may
    /// not.
    fn eras(
        &mut self,
        conn: &mut AnyConnection,
        question: &Question<'_>,
        may_load: bool,
    ) -> StoreResult<Option<(Earlier, bool)>> {
        let mut is_new = false;
        let shape_days = match &self.shape_days {
            Some(days) => Arc::clone(days),
            None if may_load => {
                is_new = true;
                let days = question.shape_days(conn)?;
                Arc::clone(self.shape_days.insert(days))
            }
            None => return Ok(None),
        };
        let mut earlier = Vec::new();
        for era in question.earlier(conn, &shape_days)? {
            let Era { from, to } = era;
            let past = match self.eras.get(&(from, to)) {
                Some(past) => past.clone(),
                None if may_load => {
                    is_new = true;
                    let past = question.load_era(conn, era)?;
                    self.eras.insert((from, to), past.clone());
                    past
                }
                None => return Ok(None),
            };
            earlier.push((era, past));
        }
        Ok(Some((earlier, is_new)))
    }
}

impl Memory {
    /// Returns the eras before the last one for a query, as known at its ledger position, which is the present of its
    /// snapshot.
    pub(super) fn eras(
        &self,
        conn: &mut AnyConnection,
        question: &Question<'_>,
        may_load: bool,
    ) -> StoreResult<Option<Held<Earlier>>> {
        let (whose, known) = (question.whose(), question.asked.known);
        let here = ledger::position_at(conn, known.seq)?;
        let found = self.find(&whose);
        let up_to_date = match &found {
            Some(one) if one.known.seq > here.seq => return Ok(Some(Held::Newer(one.known.seq))),
            Some(one) if one.known == here => Some(Arc::clone(one)),
            Some(one) => one.caught_up(conn, known, &here)?.map(Arc::new),
            None => None,
        };
        let is_same = |one: &Arc<Remembered>| found.as_ref().is_some_and(|found| Arc::ptr_eq(found, one));
        let is_kept = up_to_date.as_ref().is_some_and(is_same);
        let mut one = up_to_date.unwrap_or_else(|| Arc::new(Remembered::nothing(whose, here)));
        let Some((earlier, is_new)) = Arc::make_mut(&mut one).eras(conn, question, may_load)? else {
            self.keep(one);
            return Ok(None);
        };
        if is_new || !is_kept {
            self.keep(one);
        }
        Ok(Some(Held::Answer(earlier)))
    }

    /// Drops entries known at later positions than this. Call it after the ledger was rolled back (see
    /// [`Held::Newer`]).
    pub fn forget_beyond(&self, seq: i64) {
        self.lock().retain(|one| one.known.seq <= seq);
    }

    /// Returns the number of areas, spans and milestones held, to monitor memory.
    pub fn size(&self) -> usize {
        self.lock().iter().map(|one| one.size()).sum()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Remembered>>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the entry of a province and marks it as most recently used.
    fn find(&self, whose: &Whose) -> Option<Arc<Remembered>> {
        let mut held = self.lock();
        let at = held.iter().position(|one| one.whose == *whose)?;
        held.get_mut(..=at)?.rotate_right(1);
        held.first().cloned()
    }

    /// Stores the entry of a province, unless a later one is held by now.
    fn keep(&self, one: Arc<Remembered>) {
        let mut held = self.lock();
        let same = held.iter().position(|other| other.whose == one.whose);
        if let Some(at) = same {
            if held.get(at).is_some_and(|other| other.known.seq > one.known.seq) {
                return;
            }
            held.remove(at);
        }
        held.insert(0, one);
        shrink(&mut held, MOST);
    }
}

/// Evicts entries: first drops the data needed only for updates, then the eras themselves, least recently used first.
fn shrink(held: &mut Vec<Arc<Remembered>>, most: usize) {
    held.truncate(MOST_PROVINCES);
    let mut total: usize = held.iter().map(|one| one.size()).sum();
    for one in held.iter_mut().rev() {
        if total <= most {
            return;
        }
        let lean = one.without_ground();
        total -= one.size() - lean.size();
        *one = Arc::new(lean);
    }
    while total > most
        && let Some(last) = held.pop()
    {
        total -= last.size();
    }
}

#[cfg(test)]
mod tests {
    use qiaojian_domain::area::{AreaKind, Level};
    use qiaojian_domain::ids::AreaId;
    use uuid::Uuid;

    use super::*;
    use crate::Subtree;
    use crate::figures::{Basis, Facts, PastEra, Tree, TreeRow};

    /// Creates an entry with `areas` areas.
    fn remembered(number: u128, areas: u128) -> Arc<Remembered> {
        let day: NaiveDate = "2022-03-01".parse().unwrap();
        let row = |number: u128| TreeRow {
            id: AreaId(Uuid::from_u128(number)),
            path: format!("{number}/"),
            level: Level::Province,
            kind: AreaKind::Administrative,
        };
        let facts = Facts {
            tree: Tree::build((110_000..110_000 + areas).map(row)),
            ..Facts::default()
        };
        let era = Era { from: day, to: day };
        let past = PastEra::of(facts, (Subtree::everything(), Basis::default()), era);
        let known = Position {
            seq: 1,
            hash: String::new(),
        };
        let mut one = Remembered::nothing(Whose::of_province(AreaId(Uuid::from_u128(number))), known);
        one.eras.insert((day, day), Some(Arc::new(past)));
        Arc::new(one)
    }

    #[test]
    fn what_was_not_asked_for_longest_makes_room() {
        let sizes = |held: &[Arc<Remembered>]| held.iter().map(|one| one.size()).collect::<Vec<_>>();
        let mut held = vec![remembered(1, 4), remembered(2, 3), remembered(3, 2)];
        shrink(&mut held, 9);
        assert_eq!(sizes(&held), [4, 3, 2], "there is room for all");
        shrink(&mut held, 6);
        assert_eq!(sizes(&held), [4, 0, 0], "what was reached stays");
        held = (0..100).map(|number| remembered(number, 1)).collect();
        shrink(&mut held, 1_000);
        assert_eq!(held.len(), MOST_PROVINCES);
    }

    #[test]
    fn one_that_knows_less_does_not_take_the_place_of_one_that_knows_more() {
        let memory = Memory::default();
        let (early, late) = (remembered(1, 1), remembered(1, 2));
        let mut late = (*late).clone();
        late.known.seq = 2;
        memory.keep(Arc::new(late));
        memory.keep(early);
        assert_eq!(memory.size(), 2);
        memory.forget_beyond(1);
        assert_eq!(memory.size(), 0, "the ledger went back");
    }
}
