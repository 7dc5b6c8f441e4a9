//! Recorded milestones, and the days on which the tree they are evaluated in changed.

use std::collections::{BTreeSet, HashMap, HashSet};

use chrono::NaiveDate;
use diesel::prelude::*;
use qiaojian_domain::Noun;
use qiaojian_domain::area::{AreaKind, Level};
use qiaojian_domain::clock::UtcTime;
use qiaojian_domain::digest::{canonical, digest_of};
use qiaojian_domain::ids::{AreaId, MilestoneId, OrganizationId};
use qiaojian_domain::milestone::MilestoneKind;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Recorded;
use crate::audit::Entry;
use crate::db::AnyConnection;
use crate::db::dialect::on_either;
use crate::db::schema::{area_versions, milestones, organization_versions};
use crate::ledger::Recording;
use crate::predicates::{area_on, known_at, within};
use crate::{StoreResult, Subtree};

/// Maximum number of organizations named as evidence of one milestone.
pub const MOST_NAMED: usize = 20;

/// An organization that reached a milestone, by the name it had on that day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Named {
    pub id: OrganizationId,
    pub name: String,
}

/// A recorded milestone.
#[derive(Debug, Clone, Serialize, Queryable, Selectable, Insertable)]
#[diesel(table_name = milestones)]
pub struct MilestoneRow {
    pub id: MilestoneId,
    pub recorded_seq: i64,
    pub recorded_at: UtcTime,
    pub kind: MilestoneKind,
    pub area_id: AreaId,
    /// Empty if it spans several levels.
    pub level: String,
    /// The name of the counting rule.
    pub basis: String,
    pub reached_on: NaiveDate,
    /// Canonical JSON: at most [`MOST_NAMED`] of [`Named`].
    pub organizations: String,
    pub organizations_count: i64,
}

/// A milestone to record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewMilestone {
    pub kind: MilestoneKind,
    pub area: AreaId,
    pub level: Option<Level>,
    pub reached_on: NaiveDate,
    pub organizations: Vec<Named>,
    /// Their number, which may exceed the named ones.
    pub organizations_count: i64,
}

/// The key under which a milestone is recorded once: kind, area, level, day.
pub type Once = (MilestoneKind, AreaId, Option<Level>, NaiveDate);

impl MilestoneRow {
    /// Returns its level; `None` if it spans several levels.
    pub fn level(&self) -> Option<Level> {
        self.level.parse().ok()
    }

    /// Returns the key under which it is recorded once.
    pub fn once(&self) -> Once {
        (self.kind, self.area_id, self.level(), self.reached_on)
    }

    /// Returns the named organizations that reached it.
    ///
    /// # Errors
    /// If the row has an invalid value.
    pub fn named(&self) -> StoreResult<Vec<Named>> {
        Ok(serde_json::from_str(&self.organizations)?)
    }
}

impl NewMilestone {
    /// Returns the key under which it is recorded once.
    pub const fn once(&self) -> Once {
        (self.kind, self.area, self.level, self.reached_on)
    }
}

/// Returns the milestones by the counting rule `basis` that were recorded for areas of `within`, a path in the tree of
/// `as_of`, as known at `known`, and reached up to `as_of`; each with the path of its area.
///
/// # Errors
/// Returns an error if the database fails.
pub fn noted(
    conn: &mut AnyConnection,
    within: &Subtree,
    basis: &str,
    as_of: NaiveDate,
    known: Recorded,
) -> QueryResult<Vec<(MilestoneRow, String)>> {
    milestones::table
        .inner_join(area_on!(milestones::area_id, as_of, known))
        .filter(within!(within))
        .filter(milestones::basis.eq(basis))
        .filter(milestones::recorded_seq.le(known.seq))
        .filter(milestones::reached_on.le(as_of))
        .select((MilestoneRow::as_select(), area_versions::path))
        .load(conn)
}

/// Records those of these milestones that are not recorded yet. Returns the number of new ones. To avoid an empty tick
/// of the ledger, call [`noted_of`] first.
///
/// # Errors
/// Returns an error if the database fails.
pub fn note(
    recording: &mut Recording<'_, '_>,
    basis: &str,
    found: &[(MilestoneId, NewMilestone)],
) -> StoreResult<usize> {
    let areas: Vec<AreaId> = found.iter().map(|(_, new)| new.area).collect();
    let noted = noted_of(recording.conn(), &areas, basis)?;
    let recorded = recording.recorded();
    let mut count = 0;
    for (id, new) in found.iter().filter(|(_, new)| !noted.contains(&new.once())) {
        let row = MilestoneRow {
            id: *id,
            recorded_seq: recorded.seq,
            recorded_at: recorded.at,
            kind: new.kind,
            area_id: new.area,
            level: new.level.map_or("", Level::as_str).to_owned(),
            basis: basis.to_owned(),
            reached_on: new.reached_on,
            organizations: canonical(&new.organizations)?,
            organizations_count: new.organizations_count,
        };
        diesel::insert_into(milestones::table)
            .values(&row)
            .execute(recording.conn())?;
        recording.audit(&Entry {
            verb: "note",
            resource: Noun::Milestone,
            id: &row.id.to_string(),
            area: Some(row.area_id),
            before: None,
            after: Some(&digest_of(&row)?),
        })?;
        count += 1;
    }
    Ok(count)
}

/// Returns the recorded milestones of these areas.
///
/// # Errors
/// Returns an error if the database fails.
pub fn noted_of(conn: &mut AnyConnection, areas: &[AreaId], basis: &str) -> QueryResult<HashSet<Once>> {
    let rows: Vec<MilestoneRow> = milestones::table
        .filter(milestones::area_id.eq_any(areas))
        .filter(milestones::basis.eq(basis))
        .select(MilestoneRow::as_select())
        .load(conn)?;
    Ok(rows.iter().map(MilestoneRow::once).collect())
}

/// Returns the days after the first one on which the shape of the tree of `within` changes, including future ones. A
/// change of name or code does not change the shape; nor does a new area that is not administrative and did not exist
/// elsewhere before, because it leaves earlier counts unchanged.
///
/// # Errors
/// Returns an error if the database fails.
pub fn shape_days(
    conn: &mut AnyConnection,
    within: &Subtree,
    known: Recorded,
) -> QueryResult<BTreeSet<NaiveDate>> {
    use area_versions as a;
    type Shape = (AreaId, Option<AreaId>, AreaKind, NaiveDate);
    let first: Option<NaiveDate> = on_either!(conn, |conn| a::table
        .filter(within!(within).and(known_at!(a, known)))
        .select(diesel::dsl::min(a::valid_from))
        .first(conn))?;
    let Some(first) = first else {
        return Ok(BTreeSet::new());
    };
    let begun: Vec<(Level, Shape)> = on_either!(conn, |conn| a::table
        .filter(within!(within).and(known_at!(a, known)))
        .filter(a::valid_from.gt(first))
        .select((a::level, (a::area_id, a::parent_id, a::kind, a::valid_from)))
        .load(conn))?;
    let ended: Vec<Shape> = on_either!(conn, |conn| a::table
        .filter(within!(within).and(known_at!(a, known)))
        .filter(a::valid_to.is_not_null())
        .select((a::area_id, a::parent_id, a::kind, a::valid_to.assume_not_null()))
        .load(conn))?;
    let ended: HashSet<Shape> = ended.into_iter().collect();
    let same: HashSet<&Shape> = begun.iter().map(|(_, shape)| shape).collect();
    // A new park is not a division to be covered, and it contained nothing before.
    let is_to_be_covered =
        |level: Level, kind: AreaKind| level != Level::Park && kind == AreaKind::Administrative;
    let new = begun
        .iter()
        .filter(|(level, shape)| is_to_be_covered(*level, shape.2) && !ended.contains(shape));
    let new = new.map(|(_, (.., day))| *day);
    let gone = ended
        .iter()
        .filter(|shape| !same.contains(shape))
        .map(|(.., day)| *day);
    Ok(new.chain(gone).collect())
}

/// Returns the names of these organizations, each on a given day, as known at `known`, in the given order.
///
/// # Errors
/// Returns an error if the database fails.
pub fn names(
    conn: &mut AnyConnection,
    wanted: &[(OrganizationId, NaiveDate)],
    known: Recorded,
) -> QueryResult<Vec<String>> {
    use organization_versions as o;
    type Name = (OrganizationId, NaiveDate, Option<NaiveDate>, String);
    let ids: Vec<OrganizationId> = wanted.iter().map(|(id, _)| *id).collect();
    let mut names: HashMap<OrganizationId, Vec<(NaiveDate, Option<NaiveDate>, String)>> = HashMap::new();
    for ids in ids.chunks(500) {
        let rows: Vec<Name> = o::table
            .filter(o::organization_id.eq_any(ids))
            .filter(known_at!(o, known))
            .select((o::organization_id, o::valid_from, o::valid_to, o::name))
            .load(conn)?;
        for (id, from, to, name) in rows {
            names.entry(id).or_default().push((from, to, name));
        }
    }
    let name_on = |(id, day): &(OrganizationId, NaiveDate)| {
        let versions = names.get(id)?;
        let is_on = |version: &&(NaiveDate, Option<NaiveDate>, String)| {
            version.0 <= *day && version.1.is_none_or(|to| *day < to)
        };
        versions.iter().find(is_on).map(|(.., name)| name.clone())
    };
    Ok(wanted
        .iter()
        .map(|one| name_on(one).unwrap_or_default())
        .collect())
}
