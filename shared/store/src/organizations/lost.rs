//! Organizations that a reader has lost: they were in its area on an earlier day and are elsewhere now. The reader sees
//! what was known until the loss was recorded, and nothing that others have written since.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use chrono::NaiveDate;
use diesel::prelude::*;
use qiaojian_domain::ids::{AreaId, OrganizationId};

use super::past::list_on;
use super::{Filter, OrganizationInArea, Which, names_on};
use crate::areas::Subtree;
use crate::db::AnyConnection;
use crate::db::schema::{area_versions, organization_versions};
use crate::predicates::{area_on, current_area, head, true_on, within};
use crate::tree_at::{Organizations, Tree};
use crate::{Moment, Recorded, StoreResult};

/// Ids looked up in one statement.
const LOOKED_UP: usize = 500;

/// The organizations at a point in time that a reader has lost since, each with the last tick at which it was still in
/// the reader's area; 0 if it never was.
#[derive(Debug, Clone, Default)]
pub struct Lost(HashMap<OrganizationId, i64>);

impl Lost {
    /// Returns those of `within` (a path in the tree at that point in time), for a reader with area `reader` that
    /// currently sees `visible`.
    ///
    /// # Errors
    /// Returns an error if the database fails.
    pub fn of(
        conn: &mut AnyConnection,
        (reader, visible): (AreaId, &Subtree),
        within: &Subtree,
        moment: Moment,
    ) -> QueryResult<Self> {
        let candidates = candidates(conn, visible, within, moment)?;
        let mut lost = HashMap::new();
        for ids in candidates.chunks(LOOKED_UP) {
            let kept = still_there(conn, visible, ids)?;
            let gone: Vec<String> = ids
                .iter()
                .filter(|id| !kept.contains(id))
                .map(ToString::to_string)
                .collect();
            let gone: Vec<&str> = gone.iter().map(String::as_str).collect();
            let organizations = Organizations::load(conn, &gone)?;
            let mut tree = Tree::default();
            tree.load(conn, organizations.areas().chain([reader]))?;
            for id in ids.iter().filter(|id| !kept.contains(id)) {
                let last = last_seen(&organizations, &tree, reader, *id);
                // Otherwise the requested state is from before the loss, and the reader sees it unchanged.
                if last < moment.known.seq {
                    lost.insert(*id, last);
                }
            }
        }
        Ok(Self(lost))
    }

    /// Returns the ids of the lost organizations.
    pub fn ids(&self) -> Vec<OrganizationId> {
        self.0.keys().copied().collect()
    }

    /// Returns the point in time with the given transaction time.
    fn told_at(seq: i64, moment: Moment) -> Moment {
        Moment {
            known: Recorded {
                seq,
                at: moment.known.at,
            },
            ..moment
        }
    }

    fn by_tick(&self) -> BTreeMap<i64, Vec<OrganizationId>> {
        let mut ticks: BTreeMap<i64, Vec<OrganizationId>> = BTreeMap::new();
        for (id, seq) in &self.0 {
            ticks.entry(*seq).or_default().push(*id);
        }
        ticks
    }

    /// Returns the point in time at which the reader sees this organization.
    pub fn moment_of(&self, id: OrganizationId, moment: Moment) -> Moment {
        self.0.get(&id).map_or(moment, |seq| Self::told_at(*seq, moment))
    }

    /// Returns the names of the lost organizations among these, as the reader last knew them.
    ///
    /// # Errors
    /// Returns an error if the database fails.
    pub fn names(
        &self,
        conn: &mut AnyConnection,
        ids: &[OrganizationId],
        as_of: NaiveDate,
    ) -> QueryResult<HashMap<OrganizationId, String>> {
        let mut names = HashMap::new();
        for (seq, lost) in self.by_tick() {
            let asked: Vec<OrganizationId> = lost.into_iter().filter(|id| ids.contains(id)).collect();
            if !asked.is_empty() {
                let known = Recorded {
                    seq,
                    at: qiaojian_domain::clock::UtcTime::EPOCH,
                };
                names.extend(names_on(conn, &asked, as_of, known)?);
                for id in asked {
                    names.entry(id).or_default();
                }
            }
        }
        Ok(names)
    }

    /// Like [`list_on`], with the lost organizations as the reader last knew them.
    ///
    /// # Errors
    /// Returns an error if the database fails.
    pub fn list(
        &self,
        conn: &mut AnyConnection,
        (within, moment): (&Subtree, Moment),
        filter: &Filter,
        after: Option<&(String, OrganizationId)>,
        limit: i64,
    ) -> StoreResult<Vec<OrganizationInArea>> {
        let key = |row: &OrganizationInArea| (row.area_path.clone(), row.organization.organization_id);
        self.told(moment, limit, key, |moment, which| {
            let filter = Filter {
                which,
                ..filter.clone()
            };
            Ok(list_on(conn, within, moment, &filter, after, limit)?)
        })
    }

    /// Returns the rows of a list at that point in time, in the order of `key`: organizations that the reader still
    /// has, as known at that point, and lost ones as the reader last knew them.
    ///
    /// # Errors
    /// The errors of `read`.
    pub fn told<R, K: Ord, E>(
        &self,
        moment: Moment,
        limit: i64,
        key: impl Fn(&R) -> K,
        mut read: impl FnMut(Moment, Which) -> Result<Vec<R>, E>,
    ) -> Result<Vec<R>, E> {
        let kept = Which {
            without: self.ids(),
            ..Which::default()
        };
        let mut rows = read(moment, kept)?;
        for (seq, only) in self.by_tick() {
            let lost = Which {
                only,
                ..Which::default()
            };
            rows.extend(read(Self::told_at(seq, moment), lost)?);
        }
        if !self.0.is_empty() {
            rows.sort_by_key(key);
            rows.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        }
        Ok(rows)
    }
}

/// Returns the organizations at a point in time that were changed since, or whose area was: these include all lost
/// ones.
fn candidates(
    conn: &mut AnyConnection,
    visible: &Subtree,
    within: &Subtree,
    moment: Moment,
) -> QueryResult<Vec<OrganizationId>> {
    use {area_versions as a, organization_versions as o};
    let changed: Vec<AreaId> = a::table
        .filter(true_on!(a, moment.as_of, moment.known))
        .filter(within!(within))
        .filter(a::valid_to.is_not_null().or(a::superseded_seq.is_not_null()))
        .select(a::area_id)
        .load(conn)?;
    let mut elsewhere: Vec<AreaId> = Vec::new();
    for areas in changed.chunks(LOOKED_UP) {
        let kept: HashSet<AreaId> = a::table
            .filter(head!(a))
            .filter(within!(visible))
            .filter(a::area_id.eq_any(areas))
            .select(a::area_id)
            .load(conn)?
            .into_iter()
            .collect();
        elsewhere.extend(areas.iter().filter(|area| !kept.contains(area)));
    }
    let of_moment = || {
        o::table
            .inner_join(area_on!(o::area_id, moment.as_of, moment.known))
            .filter(true_on!(o, moment.as_of, moment.known))
            .filter(within!(within))
            .select(o::organization_id)
    };
    let mut found: BTreeSet<OrganizationId> = of_moment()
        .filter(o::valid_to.is_not_null().or(o::superseded_seq.is_not_null()))
        .load(conn)?
        .into_iter()
        .collect();
    for areas in elsewhere.chunks(LOOKED_UP) {
        let there: Vec<OrganizationId> = of_moment().filter(o::area_id.eq_any(areas)).load(conn)?;
        found.extend(there);
    }
    Ok(found.into_iter().collect())
}

/// Returns those of these organizations that are in `visible` now.
fn still_there(
    conn: &mut AnyConnection,
    visible: &Subtree,
    ids: &[OrganizationId],
) -> QueryResult<HashSet<OrganizationId>> {
    use organization_versions as o;
    let kept: Vec<OrganizationId> = o::table
        .inner_join(current_area!(o::area_id))
        .filter(head!(o))
        .filter(within!(visible))
        .filter(o::organization_id.eq_any(ids))
        .select(o::organization_id)
        .load(conn)?;
    Ok(kept.into_iter().collect())
}

/// Returns the last tick at which it was known to be in the reader's area; 0 if there is none.
fn last_seen(organizations: &Organizations, tree: &Tree, reader: AreaId, id: OrganizationId) -> i64 {
    let id = id.to_string();
    let sees = |seq: i64| {
        let area = organizations.area_at(&id, seq);
        let path = area.and_then(|area| tree.at(area, seq)).map(|at| &at.path);
        let own = tree.at(reader, seq).map(|at| &at.path);
        own.zip(path).is_some_and(|(own, path)| path.starts_with(own))
    };
    // The answer changes only at ticks where one of these was recorded or superseded.
    let mut bounds: Vec<i64> = organizations.bounds(&id).collect();
    for area in organizations.areas_of(&id).chain([reader]) {
        bounds.extend(tree.bounds(area));
    }
    bounds.sort_unstable();
    bounds
        .iter()
        .rev()
        .map(|turn| turn - 1)
        .find(|seq| sees(*seq))
        .unwrap_or(0)
}
