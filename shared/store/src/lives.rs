//! Scans complete histories page by page, for `crate::check`. Nothing else reads whole tables.

use std::collections::HashMap;

use chrono::NaiveDate;
use diesel::dsl::count_star;
use diesel::prelude::*;
use qiaojian_domain::area::Level;
use qiaojian_domain::history::{Days, Span};
use qiaojian_domain::ids::{AreaId, AssignmentId, OrganizationId};
use qiaojian_domain::organization::{Host, Kind, Status, Verification};

use super::{Recorded, StoreResult};
use crate::db::AnyConnection;
use crate::db::schema::{
    area_versions, areas as area_ids, assignment_versions, assignments as assignment_ids,
    organization_versions, organizations as organization_ids,
};
use crate::predicates::{area_on, head, true_on};

/// Items per page.
const CHUNK: i64 = 500;

/// A page of histories, with the current paths of the areas they refer to.
pub struct Part<L> {
    pub lives: Vec<L>,
    pub stood: Present,
}

/// The currently known versions of some areas.
#[derive(Default)]
pub struct Present {
    areas: HashMap<AreaId, Vec<Standing>>,
}

/// The path of an area on some days.
pub struct Standing {
    pub days: Days,
    pub path: String,
}

impl Present {
    fn load(conn: &mut AnyConnection, ids: impl Iterator<Item = AreaId>) -> QueryResult<Self> {
        use area_versions as a;
        let mut ids: Vec<AreaId> = ids.collect();
        ids.sort_unstable();
        ids.dedup();
        let rows: Vec<(AreaId, Days, String)> = a::table
            .filter(a::area_id.eq_any(ids))
            .filter(a::superseded_seq.is_null())
            .select((a::area_id, (a::valid_from, a::valid_to), a::path))
            .load(conn)?;
        let mut present = Self::default();
        for (id, days, path) in rows {
            present.areas.entry(id).or_default().push(Standing { days, path });
        }
        Ok(present)
    }

    /// Returns the paths of this area.
    pub fn of(&self, area: AreaId) -> &[Standing] {
        self.areas.get(&area).map_or(&[], Vec::as_slice)
    }
}

/// All versions of an area.
pub struct AreaLife {
    pub id: AreaId,
    pub versions: Vec<AreaSpan>,
}

/// One version of an area.
pub struct AreaSpan {
    pub span: Span,
    pub code: String,
    pub path: String,
    pub parent: Option<AreaId>,
}

/// All versions of an organization.
pub struct OrganizationLife {
    pub id: OrganizationId,
    pub voided_seq: Option<i64>,
    pub versions: Vec<OrganizationSpan>,
}

/// One version of an organization.
pub struct OrganizationSpan {
    pub span: Span,
    pub area: AreaId,
    pub is_active: bool,
}

/// The columns of a [`Span`].
type Times = (i64, Option<i64>, Days);

macro_rules! times {
    ($table:ident) => {
        (
            $table::recorded_seq,
            $table::superseded_seq,
            ($table::valid_from, $table::valid_to),
        )
    };
}

fn span_of((recorded_seq, superseded_seq, days): Times) -> Span {
    Span {
        recorded_seq,
        superseded_seq,
        days,
    }
}

/// Groups the rows of a page by id.
fn by_id<I: std::hash::Hash + Eq, V>(rows: impl Iterator<Item = (I, V)>) -> HashMap<I, Vec<V>> {
    let mut lives: HashMap<I, Vec<V>> = HashMap::new();
    for (id, version) in rows {
        lives.entry(id).or_default().push(version);
    }
    lives
}

/// Returns the next areas by id, after `after`, with their parents.
///
/// # Errors
/// Returns an error if the database fails.
pub fn areas(conn: &mut AnyConnection, after: Option<AreaId>) -> StoreResult<Part<AreaLife>> {
    use area_versions as a;
    let ids: Vec<AreaId> = area_ids::table
        .filter(area_ids::id.gt(after.unwrap_or(AreaId(uuid::Uuid::nil()))))
        .order(area_ids::id)
        .limit(CHUNK)
        .select(area_ids::id)
        .load(conn)?;
    type Row = (AreaId, Times, String, String, Option<AreaId>);
    let rows: Vec<Row> = a::table
        .filter(a::area_id.eq_any(&ids))
        .select((a::area_id, times!(a), a::code, a::path, a::parent_id))
        .load(conn)?;
    let stood = Present::load(conn, rows.iter().filter_map(|row| row.4))?;
    let mut versions = by_id(rows.into_iter().map(|(id, times, code, path, parent)| {
        let span = span_of(times);
        let version = AreaSpan {
            span,
            code,
            path,
            parent,
        };
        (id, version)
    }));
    let lives = ids.into_iter().map(|id| AreaLife {
        id,
        versions: versions.remove(&id).unwrap_or_default(),
    });
    Ok(Part {
        lives: lives.collect(),
        stood,
    })
}

/// Returns the next organizations by id, after `after`, with their areas.
///
/// # Errors
/// Returns an error if the database fails.
pub fn organizations(
    conn: &mut AnyConnection,
    after: Option<OrganizationId>,
) -> StoreResult<Part<OrganizationLife>> {
    use organization_versions as o;
    let ids: Vec<(OrganizationId, Option<i64>)> = organization_ids::table
        .filter(organization_ids::id.gt(after.unwrap_or(OrganizationId(uuid::Uuid::nil()))))
        .order(organization_ids::id)
        .limit(CHUNK)
        .select((organization_ids::id, organization_ids::voided_seq))
        .load(conn)?;
    let rows: Vec<(OrganizationId, Times, AreaId, Status)> = o::table
        .filter(o::organization_id.eq_any(ids.iter().map(|(id, _)| *id)))
        .select((o::organization_id, times!(o), o::area_id, o::status))
        .load(conn)?;
    let stood = Present::load(conn, rows.iter().map(|row| row.2))?;
    let mut versions = by_id(rows.into_iter().map(|(id, times, area, status)| {
        let version = OrganizationSpan {
            span: span_of(times),
            area,
            is_active: status.is_active(),
        };
        (id, version)
    }));
    let lives = ids.into_iter().map(|(id, voided_seq)| OrganizationLife {
        id,
        voided_seq,
        versions: versions.remove(&id).unwrap_or_default(),
    });
    Ok(Part {
        lives: lives.collect(),
        stood,
    })
}

/// Returns the next assignments by id, after `after`.
///
/// # Errors
/// Returns an error if the database fails.
pub fn assignments(
    conn: &mut AnyConnection,
    after: Option<AssignmentId>,
) -> StoreResult<Vec<(AssignmentId, Vec<Span>)>> {
    use assignment_versions as v;
    let ids: Vec<AssignmentId> = assignment_ids::table
        .filter(assignment_ids::id.gt(after.unwrap_or(AssignmentId(uuid::Uuid::nil()))))
        .order(assignment_ids::id)
        .limit(CHUNK)
        .select(assignment_ids::id)
        .load(conn)?;
    let rows: Vec<(AssignmentId, Times)> = v::table
        .filter(v::assignment_id.eq_any(&ids))
        .select((v::assignment_id, times!(v)))
        .load(conn)?;
    let mut spans = by_id(rows.into_iter().map(|(id, times)| (id, span_of(times))));
    Ok(ids
        .into_iter()
        .map(|id| (id, spans.remove(&id).unwrap_or_default()))
        .collect())
}

/// Returns the areas with more than one active organization of a kind in their own right, and how many.
///
/// # Errors
/// Returns an error if the database fails.
pub fn doubled(conn: &mut AnyConnection) -> QueryResult<Vec<(AreaId, Kind, i64)>> {
    use organization_versions as o;
    o::table
        .filter(head!(o))
        .filter(o::host.eq(Host::Area))
        .filter(o::status.eq_any(Status::active()))
        .group_by((o::area_id, o::kind))
        .having(count_star().gt(1))
        .select((o::area_id, o::kind, count_star()))
        .load(conn)
}

/// An organization on a day.
#[derive(Debug, Clone, Queryable)]
pub struct StandingOn {
    pub id: OrganizationId,
    pub status: Status,
    pub kind: Kind,
    pub verification: Verification,
    /// The path of its area.
    pub path: String,
    /// The level of its area.
    pub level: Level,
}

/// Returns the next organizations by id, after `after`, as of `as_of` and as known at `known`, each in the tree of that
/// day.
///
/// # Errors
/// Returns an error if the database fails.
pub fn standing_on(
    conn: &mut AnyConnection,
    as_of: NaiveDate,
    known: Recorded,
    after: Option<OrganizationId>,
) -> QueryResult<Vec<StandingOn>> {
    use organization_versions as o;
    o::table
        .inner_join(area_on!(o::area_id, as_of, known))
        .filter(true_on!(o, as_of, known))
        .filter(o::organization_id.gt(after.unwrap_or(OrganizationId(uuid::Uuid::nil()))))
        .order(o::organization_id)
        .limit(CHUNK)
        .select((
            o::organization_id,
            o::status,
            o::kind,
            o::verification,
            area_versions::path,
            area_versions::level,
        ))
        .load(conn)
}
