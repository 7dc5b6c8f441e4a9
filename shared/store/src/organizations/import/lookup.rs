//! Bulk lookups for the rows of a table.

use std::collections::{BTreeSet, HashMap, HashSet};

use chrono::NaiveDate;
use diesel::prelude::*;
use qiaojian_domain::ids::{AreaId, OrganizationId};
use qiaojian_domain::organization::Kind;
use qiaojian_sheets::register::Record;

use super::{Incoming, Judging};
use crate::areas::{self, AreaVersion, Subtree};
use crate::db::AnyConnection;
use crate::db::schema::organizations;
use crate::organizations::lives::taken_places;
use crate::organizations::{OrganizationInArea, by_ids};
use crate::{StoreResult, ledger};

/// The registered data that a chunk of rows refers to.
pub(super) struct Register {
    pub areas: HashMap<String, AreaVersion>,
    /// For each code that is no longer in use, the areas that had it.
    pub former: HashMap<String, Vec<AreaVersion>>,
    /// The first day of areas whose current version is newer than a row requires.
    pub since: HashMap<AreaId, NaiveDate>,
    /// Ids that are in use.
    pub known: HashSet<OrganizationId>,
    /// Those organizations that the caller can see.
    pub registered: HashMap<OrganizationId, OrganizationInArea>,
    /// Organizations that may be given as superior.
    pub parents: HashSet<OrganizationId>,
    /// Areas that have an active organization of a kind.
    pub taken: HashSet<(AreaId, Kind)>,
}

impl Register {
    pub fn load(conn: &mut AnyConnection, judging: &Judging<'_>, rows: &[Incoming]) -> StoreResult<Self> {
        let records: Vec<&Record> = rows.iter().map(|row| &row.record).collect();
        // A newly assigned id is not in any row yet.
        let ids: Vec<OrganizationId> = records
            .iter()
            .filter_map(|record| record.id.map(Into::into))
            .collect();
        let known: Vec<OrganizationId> = organizations::table
            .filter(organizations::id.eq_any(&ids))
            .select(organizations::id)
            .load(conn)?;
        let registered = by_ids(conn, judging.visible, &known)?;
        let codes = records.iter().map(|record| record.area.as_str());
        let areas = areas::by_codes(conn, judging.visible, codes)?;
        let gone = records.iter().map(|record| record.area.as_str());
        let gone = gone.filter(|code| !code.is_empty() && !areas.contains_key(*code));
        let former = areas::by_former_codes(conn, judging.visible, gone)?;
        let taken = taken_places(conn, areas.values().map(|area| area.area_id))?;
        Ok(Self {
            since: since(conn, &areas, &records, judging.today)?,
            parents: parents(conn, judging.visible, &records)?,
            known: known.into_iter().collect(),
            registered: registered
                .into_iter()
                .map(|found| (found.organization.organization_id, found))
                .collect(),
            areas,
            former,
            taken: taken.into_iter().collect(),
        })
    }
}

/// Returns the first day of those areas whose current version is newer than a row requires.
fn since(
    conn: &mut AnyConnection,
    areas: &HashMap<String, AreaVersion>,
    records: &[&Record],
    today: NaiveDate,
) -> QueryResult<HashMap<AreaId, NaiveDate>> {
    let asked = records.iter().filter_map(|record| {
        let area = areas.get(&record.area)?;
        (record.facts.life.first_day(today)? < area.valid_from).then_some(area.area_id)
    });
    let known = ledger::known(conn)?;
    areas::first_days(conn, asked, known)
}

/// Returns the organizations that rows give as superior and that the caller may refer to: in the caller's subtree, or
/// above it.
fn parents(
    conn: &mut AnyConnection,
    visible: &Subtree,
    records: &[&Record],
) -> QueryResult<HashSet<OrganizationId>> {
    let named: BTreeSet<OrganizationId> = records.iter().filter_map(|record| record.parent).collect();
    let named: Vec<OrganizationId> = named.into_iter().collect();
    let found = by_ids(conn, &Subtree::everything(), &named)?;
    let ids = found
        .into_iter()
        .filter(|found| visible.reaches(&found.area_path));
    Ok(ids.map(|found| found.organization.organization_id).collect())
}
