//! The latest known positions of organizations and areas at a ledger position.

use std::collections::{BTreeSet, HashMap};

use diesel::prelude::*;
use qiaojian_domain::ids::{AreaId, OrganizationId};

use crate::db::AnyConnection;
use crate::db::schema::{area_versions, organization_versions};

/// The ledger positions from which and until which something was known; the end is exclusive.
type Known = (i64, Option<i64>);

fn holds_at((from, until): Known, seq: i64) -> bool {
    from <= seq && until.is_none_or(|until| seq < until)
}

fn bounds_of((from, until): Known) -> impl Iterator<Item = i64> {
    std::iter::once(from).chain(until)
}

/// An area as known at some ledger position.
pub(crate) struct AreaAt {
    pub(crate) code: String,
    pub(crate) path: String,
    known: Known,
}

/// All latest states that some areas ever had.
#[derive(Default)]
pub(crate) struct Tree {
    areas: HashMap<AreaId, Vec<AreaAt>>,
}

impl Tree {
    /// Loads these areas, unless they are loaded already.
    pub(crate) fn load(
        &mut self,
        conn: &mut AnyConnection,
        areas: impl Iterator<Item = AreaId>,
    ) -> QueryResult<()> {
        use area_versions as a;
        let missing: BTreeSet<AreaId> = areas.filter(|area| !self.areas.contains_key(area)).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let rows: Vec<(AreaId, String, String, Known)> = a::table
            .filter(a::area_id.eq_any(&missing))
            .filter(a::valid_to.is_null())
            .select((a::area_id, a::code, a::path, (a::recorded_seq, a::superseded_seq)))
            .load(conn)?;
        self.areas
            .extend(missing.into_iter().map(|area| (area, Vec::new())));
        for (area, code, path, known) in rows {
            let at = AreaAt { code, path, known };
            self.areas.entry(area).or_default().push(at);
        }
        Ok(())
    }

    /// Returns the ticks at which the known state of the area changed.
    pub(crate) fn bounds(&self, area: AreaId) -> impl Iterator<Item = i64> {
        let versions = self.areas.get(&area).into_iter().flatten();
        versions.flat_map(|at| bounds_of(at.known))
    }

    /// Returns the latest known state of the area at a ledger position; `None` before it was recorded and after it was
    /// closed.
    pub(crate) fn at(&self, area: AreaId, seq: i64) -> Option<&AreaAt> {
        let versions = self.areas.get(&area)?;
        versions.iter().find(|at| holds_at(at.known, seq))
    }
}

/// All areas that some organizations were ever last known to be in.
pub(crate) struct Organizations {
    versions: HashMap<String, Vec<(AreaId, Known)>>,
}

impl Organizations {
    /// Loads the organizations with these ids.
    pub(crate) fn load(conn: &mut AnyConnection, ids: &[&str]) -> QueryResult<Self> {
        use organization_versions as o;
        let ids: Vec<OrganizationId> = ids.iter().filter_map(|id| id.parse().ok()).collect();
        let mut versions: HashMap<String, Vec<(AreaId, Known)>> = HashMap::new();
        if !ids.is_empty() {
            let rows: Vec<(OrganizationId, AreaId, Known)> = o::table
                .filter(o::organization_id.eq_any(&ids))
                .filter(o::valid_to.is_null())
                .select((
                    o::organization_id,
                    o::area_id,
                    (o::recorded_seq, o::superseded_seq),
                ))
                .load(conn)?;
            for (id, area, known) in rows {
                versions.entry(id.to_string()).or_default().push((area, known));
            }
        }
        Ok(Self { versions })
    }

    /// Returns the area it was known to be in at a ledger position; `None` before it was recorded and after it was
    /// voided.
    pub(crate) fn area_at(&self, id: &str, seq: i64) -> Option<AreaId> {
        let versions = self.versions.get(id)?;
        let at = versions.iter().find(|(_, known)| holds_at(*known, seq));
        at.map(|(area, _)| *area)
    }

    /// Returns the ticks at which its known area changed or ended.
    pub(crate) fn bounds(&self, id: &str) -> impl Iterator<Item = i64> {
        let versions = self.versions.get(id).into_iter().flatten();
        versions.flat_map(|(_, known)| bounds_of(*known))
    }

    /// Returns the areas that this organization was ever known to be in.
    pub(crate) fn areas_of(&self, id: &str) -> impl Iterator<Item = AreaId> {
        let versions = self.versions.get(id).into_iter().flatten();
        versions.map(|(area, _)| *area)
    }

    /// Returns the areas of all these organizations.
    pub(crate) fn areas(&self) -> impl Iterator<Item = AreaId> {
        self.versions.values().flatten().map(|(area, _)| *area)
    }
}
