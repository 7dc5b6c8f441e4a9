//! Computes the versions of areas from a day on. An area's own properties are its name, code, kind and parent; its path
//! is derived here from the paths of its ancestors on each day. Nothing is overwritten: replaced rows are kept as
//! superseded.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::NaiveDate;
use qiaojian_domain::Conflict;
use qiaojian_domain::area::{not_there_yet, path_under};
use qiaojian_domain::ids::AreaId;

use super::AreaVersion;
use super::segments::{below, code_holders, insert, known_of, supersede};
use crate::ledger::Recording;
use crate::{StoreError, StoreResult};

/// Areas that change on one day, with their descendants.
pub(super) struct Future {
    day: NaiveDate,
    lives: BTreeMap<AreaId, Life>,
}

/// One area from the day on.
#[derive(Default)]
struct Life {
    /// The known versions.
    known: Vec<AreaVersion>,
    /// The new versions, in order of valid time.
    after: Vec<AreaVersion>,
    /// Whether the area ends on the day.
    ends: bool,
}

impl Life {
    /// Returns the known versions, cut to `day` and later.
    fn known_from(&self, day: NaiveDate) -> Vec<AreaVersion> {
        self.known
            .iter()
            .filter(|row| row.valid_to.is_none_or(|to| to > day))
            .map(|row| AreaVersion {
                valid_from: row.valid_from.max(day),
                ..row.clone()
            })
            .collect()
    }

    /// Returns whether its code or parent changes on some day, so that its descendants have to follow.
    fn stands_elsewhere(&self, day: NaiveDate) -> bool {
        let place = |row: &AreaVersion| (row.valid_from, row.valid_to, row.parent_id, row.code.clone());
        let before: Vec<_> = self.known_from(day).iter().map(place).collect();
        before != self.after.iter().map(place).collect::<Vec<_>>()
    }
}

impl Future {
    pub fn from(day: NaiveDate) -> Self {
        Self {
            day,
            lives: BTreeMap::new(),
        }
    }

    /// Loads an area in its known state. Returns the known versions of `id` from the day on, in order of valid time.
    pub fn load(&mut self, recording: &mut Recording<'_, '_>, id: AreaId) -> StoreResult<&[AreaVersion]> {
        self.load_all(recording, [id])?;
        Ok(self.lives.get(&id).map_or(&[], |life| &life.after))
    }

    fn load_all(
        &mut self,
        recording: &mut Recording<'_, '_>,
        ids: impl IntoIterator<Item = AreaId>,
    ) -> StoreResult<()> {
        let new: BTreeSet<AreaId> = ids
            .into_iter()
            .filter(|id| !self.lives.contains_key(id))
            .collect();
        for (id, known) in known_of(recording, &new, self.day)? {
            let mut life = Life {
                known,
                ..Life::default()
            };
            life.after = life.known_from(self.day);
            self.lives.insert(id, life);
        }
        Ok(())
    }

    /// Returns the known versions of a loaded area that reach the day, including one that ends on it.
    pub fn known(&self, id: AreaId) -> &[AreaVersion] {
        self.lives.get(&id).map_or(&[], |life| &life.known)
    }

    /// Loads all descendants that an area has at any time from the day on.
    pub fn load_below(&mut self, recording: &mut Recording<'_, '_>, id: AreaId) -> StoreResult<()> {
        let paths: BTreeSet<String> = self
            .lives
            .get(&id)
            .into_iter()
            .flat_map(|life| &life.known)
            .map(|row| row.path.clone())
            .collect();
        let found = below(recording, &paths, self.day)?;
        self.load_all(recording, found)
    }

    /// Changes the own properties of an area.
    pub fn change(&mut self, id: AreaId, change: impl FnMut(&mut AreaVersion)) {
        if let Some(life) = self.lives.get_mut(&id) {
            life.after.iter_mut().for_each(change);
        }
    }

    /// Makes all loaded children of `from` children of `to`.
    pub fn hand_over(&mut self, from: AreaId, to: AreaId) {
        for row in self.lives.values_mut().flat_map(|life| &mut life.after) {
            if row.parent_id == Some(from) {
                row.parent_id = Some(to);
            }
        }
    }

    /// Returns whether any loaded area is a child of `id`.
    pub fn has_children(&self, id: AreaId) -> bool {
        let mut rows = self.lives.values().flat_map(|life| &life.after);
        rows.any(|row| row.parent_id == Some(id))
    }

    /// Ends an area. It must have existed the day before.
    pub fn end(&mut self, id: AreaId) {
        if let Some(life) = self.lives.get_mut(&id) {
            life.after.clear();
            life.ends = true;
        }
    }

    /// Sets the versions of a loaded area from the day on.
    pub fn stand(&mut self, id: AreaId, after: Vec<AreaVersion>) {
        if let Some(life) = self.lives.get_mut(&id) {
            life.after = after;
        }
    }

    /// Returns the areas that were children of an area until a day.
    pub fn children_until(&self, id: AreaId, day: NaiveDate) -> BTreeSet<AreaId> {
        let until = |row: &AreaVersion| row.parent_id == Some(id) && row.valid_to == Some(day);
        let lives = self.lives.iter().filter(|(_, life)| life.known.iter().any(until));
        lives.map(|(id, _)| *id).collect()
    }

    /// Adds a new area; its paths are derived from its own properties.
    pub fn add(&mut self, id: AreaId, after: Vec<AreaVersion>) {
        let life = Life {
            after,
            ..Life::default()
        };
        self.lives.insert(id, life);
    }

    /// Writes the changes; unchanged versions are kept.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] `area_code_taken`, [`StoreError::Invalid`] if the parent of an area would not exist on
    /// some day, or a database error.
    pub fn write(mut self, recording: &mut Recording<'_, '_>, reason: &str) -> StoreResult<()> {
        self.refuse_taken_codes(recording)?;
        let elsewhere = self
            .lives
            .iter()
            .filter(|(_, life)| life.stands_elsewhere(self.day));
        for id in elsewhere.map(|(id, _)| *id).collect::<Vec<_>>() {
            self.load_below(recording, id)?;
        }
        self.make_paths(recording)?;
        self.record(recording, reason)
    }

    /// Rejects codes in use: a code belongs to one area at a time.
    fn refuse_taken_codes(&self, recording: &mut Recording<'_, '_>) -> StoreResult<()> {
        let codes: BTreeSet<&str> = self
            .lives
            .values()
            .filter(|life| life.stands_elsewhere(self.day))
            .flat_map(|life| &life.after)
            .map(|row| row.code.as_str())
            .collect();
        let others = code_holders(recording, &codes, self.day)?
            .into_iter()
            .filter(|row| !self.lives.contains_key(&row.area_id));
        let ours = self.lives.values().flat_map(|life| life.after.iter().cloned());
        let mut held: HashMap<String, Vec<AreaVersion>> = HashMap::new();
        for row in ours.chain(others).filter(|row| codes.contains(row.code.as_str())) {
            let holders = held.entry(row.code.clone()).or_default();
            let meets = |other: &AreaVersion| other.area_id != row.area_id && overlap(other, &row);
            if holders.iter().any(meets) {
                return Err(StoreError::Conflict(Conflict::AreaCodeTaken));
            }
            holders.push(row);
        }
        Ok(())
    }

    /// Derives the paths from the province down, since each depends on that of its parent.
    fn make_paths(&mut self, recording: &mut Recording<'_, '_>) -> StoreResult<()> {
        let above = self.lives.values().flat_map(|life| &life.after);
        let above: BTreeSet<AreaId> = above.filter_map(|row| row.parent_id).collect();
        let outside = above
            .into_iter()
            .filter(|id| !self.lives.contains_key(id))
            .collect();
        let mut stand: HashMap<AreaId, Vec<AreaVersion>> =
            known_of(recording, &outside, self.day)?.into_iter().collect();
        let mut order: Vec<_> = self
            .lives
            .iter_mut()
            .filter_map(|(id, life)| Some((life.after.first()?.level, *id, life)))
            .collect();
        order.sort_by_key(|(level, id, _)| (*level, *id));
        for (_, id, life) in order {
            let mut made = Vec::with_capacity(life.after.len());
            for row in &life.after {
                match row.parent_id {
                    None => made.push(AreaVersion {
                        path: path_under("", &row.code),
                        ..row.clone()
                    }),
                    Some(parent) => made.extend(under(row, stand.get(&parent).map_or(&[], Vec::as_slice))?),
                }
            }
            life.after = made;
            stand.insert(id, life.after.clone());
        }
        Ok(())
    }

    fn record(self, recording: &mut Recording<'_, '_>, reason: &str) -> StoreResult<()> {
        let Self { day, lives } = self;
        let recorded = recording.recorded();
        let (mut changed, mut ended, mut rows) = (BTreeSet::new(), BTreeSet::new(), Vec::new());
        for (id, life) in lives {
            let before = life.known_from(day);
            if before == life.after && !life.ends {
                continue;
            }
            if life.ends {
                ended.insert(id);
            } else {
                changed.insert(id);
            }
            let version = life.known.iter().map(|row| row.version).max().unwrap_or(0) + 1;
            let mut write = |row: &AreaVersion| {
                rows.push(AreaVersion {
                    version,
                    recorded_seq: recorded.seq,
                    recorded_at: recorded.at,
                    ..row.clone()
                });
            };
            let reaches = |row: &&AreaVersion| row.valid_to != Some(day) || life.ends;
            let earlier = life.known.iter().filter(|row| row.valid_from < day);
            for row in earlier.filter(reaches) {
                write(&AreaVersion {
                    valid_to: Some(day),
                    ended: life.ends,
                    reason: if life.ends {
                        Some(reason.to_owned())
                    } else {
                        row.reason.clone()
                    },
                    ..row.clone()
                });
            }
            for row in &life.after {
                let keeps = life.known.is_empty() || before.contains(row);
                write(&AreaVersion {
                    reason: if keeps {
                        row.reason.clone()
                    } else {
                        Some(reason.to_owned())
                    },
                    ..row.clone()
                });
            }
        }
        supersede(recording, &changed, day)?;
        // Includes the row that ends on the day, if an ancestor changed then.
        supersede(recording, &ended, day.pred_opt().unwrap_or(day))?;
        insert(recording, &rows)
    }
}

fn overlap(one: &AreaVersion, other: &AreaVersion) -> bool {
    let begins_before_end =
        |row: &AreaVersion, of: &AreaVersion| of.valid_to.is_none_or(|end| row.valid_from < end);
    begins_before_end(one, other) && begins_before_end(other, one)
}

/// Combines `row` with the paths of its parent: one row for each path that the parent has in that time.
fn under(row: &AreaVersion, above: &[AreaVersion]) -> StoreResult<Vec<AreaVersion>> {
    let mut made: Vec<AreaVersion> = Vec::new();
    let mut reached = row.valid_from;
    for stands in above {
        let from = stands.valid_from.max(row.valid_from);
        let to = [stands.valid_to, row.valid_to].into_iter().flatten().min();
        if from > reached || to.is_some_and(|to| to <= from) {
            continue;
        }
        let path = path_under(&stands.path, &row.code);
        match made.last_mut() {
            Some(last) if last.path == path => last.valid_to = to,
            _ => made.push(AreaVersion {
                valid_from: from,
                valid_to: to,
                path,
                ended: false,
                ..row.clone()
            }),
        }
        match to {
            Some(to) => reached = to,
            None => break,
        }
    }
    match made.last_mut() {
        Some(last) if last.valid_to == row.valid_to => {
            last.ended = row.ended;
            Ok(made)
        }
        _ => {
            let since = above.iter().map(|stands| stands.valid_from).min();
            Err(not_there_yet("/on", since.unwrap_or(row.valid_from)).into())
        }
    }
}
