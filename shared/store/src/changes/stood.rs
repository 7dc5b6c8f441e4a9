//! Where organizations and areas stood at a place in the ledger, as they were known last there.

use std::collections::{BTreeSet, HashMap};

use diesel::prelude::*;
use qiaojian_domain::ids::{AreaId, OrganizationId};

use crate::db::AnyConnection;
use crate::db::schema::{area_versions, organization_versions};

/// From which place in the ledger until which something was known.
type Known = (i64, Option<i64>);

fn holds_at((from, until): Known, seq: i64) -> bool {
    from <= seq && until.is_none_or(|until| seq < until)
}

fn turns_of((from, until): Known) -> impl Iterator<Item = i64> {
    std::iter::once(from).chain(until)
}

/// An area as it was known at some place in the ledger.
pub(crate) struct Stood {
    pub(crate) code: String,
    pub(crate) path: String,
    known: Known,
}

/// All that some areas were ever known to be last.
#[derive(Default)]
pub(crate) struct Tree {
    areas: HashMap<AreaId, Vec<Stood>>,
}

impl Tree {
    /// Takes in these areas, unless they are here.
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
            let stood = Stood { code, path, known };
            self.areas.entry(area).or_default().push(stood);
        }
        Ok(())
    }

    /// The ticks at which something else came to be known of the area.
    pub(crate) fn turns(&self, area: AreaId) -> impl Iterator<Item = i64> {
        let versions = self.areas.get(&area).into_iter().flatten();
        versions.flat_map(|stood| turns_of(stood.known))
    }

    /// The area as it was known last at a place in the ledger; none before it was recorded and after it was closed.
    pub(crate) fn at(&self, area: AreaId, seq: i64) -> Option<&Stood> {
        let versions = self.areas.get(&area)?;
        versions.iter().find(|stood| holds_at(stood.known, seq))
    }
}

/// The areas some organizations were ever known to stand in last.
pub(crate) struct Organizations {
    versions: HashMap<String, Vec<(AreaId, Known)>>,
}

impl Organizations {
    /// Those of these ids.
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

    /// Where it was known to stand at a place in the ledger; none before it was recorded and after it was made void.
    pub(crate) fn stood(&self, id: &str, seq: i64) -> Option<AreaId> {
        let versions = self.versions.get(id)?;
        let at = versions.iter().find(|(_, known)| holds_at(*known, seq));
        at.map(|(area, _)| *area)
    }

    /// The ticks at which it came to be known to stand elsewhere, or not at all.
    pub(crate) fn turns(&self, id: &str) -> impl Iterator<Item = i64> {
        let versions = self.versions.get(id).into_iter().flatten();
        versions.flat_map(|(_, known)| turns_of(*known))
    }

    /// The areas that one of them was ever known to stand in.
    pub(crate) fn areas_of(&self, id: &str) -> impl Iterator<Item = AreaId> {
        let versions = self.versions.get(id).into_iter().flatten();
        versions.map(|(area, _)| *area)
    }

    /// All of these areas.
    pub(crate) fn areas(&self) -> impl Iterator<Item = AreaId> {
        self.versions.values().flatten().map(|(area, _)| *area)
    }
}
