//! From rows to facts: the organizations and areas of one subtree, as true on a date and as known at a moment.

use chrono::NaiveDate;
use diesel::prelude::*;

use crate::db::AnyConnection;
use crate::db::schema::{area_versions, organization_versions};
use crate::domain::area::{AreaKind, Level};
use crate::domain::dates::{Precision, counts_from};
use crate::domain::organization::{Host, Kind};
use crate::domain::program::Cohort;
use crate::domain::rule::{CountedFrom, CountingParams};
use crate::ids::{AreaId, OrganizationId, ProgramId};
use crate::store::{Recorded, StoreResult, Subtree, programs};

/// What figures need to know of an organization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrganizationFact {
    pub id: OrganizationId,
    pub area: AreaId,
    /// The path of its area on `as_of`.
    pub path: String,
    pub level: Level,
    pub area_kind: AreaKind,
    pub kind: Kind,
    pub host: Host,
    pub cohort: Option<Cohort>,
    /// From this day on it counts, by the counting rule; never, when there is none.
    pub counted_from: Option<NaiveDate>,
    /// From this day on it does not count any more.
    pub counted_to: Option<NaiveDate>,
}

/// What figures need to know of an area.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AreaFact {
    pub id: AreaId,
    pub path: String,
    pub code: String,
    pub name: String,
    pub level: Level,
    pub kind: AreaKind,
    pub cohort: Option<Cohort>,
}

/// The facts of one subtree, sorted by path.
#[derive(Debug, Clone, Default)]
pub struct Register {
    pub organizations: Vec<OrganizationFact>,
    pub areas: Vec<AreaFact>,
}

impl OrganizationFact {
    /// Whether it counts on `date`.
    pub fn counts_on(&self, date: NaiveDate) -> bool {
        self.counted_from.is_some_and(|from| from <= date) && self.counted_to.is_none_or(|to| to > date)
    }

    /// Whether it covers its area on `date`: what a university or an enterprise carries is not the area's own.
    pub fn covers_on(&self, date: NaiveDate) -> bool {
        self.host == Host::Area && self.kind.is_organization() && self.counts_on(date)
    }

    /// Whether it began to count in (`from`, `to`].
    pub fn began_in(&self, from: NaiveDate, to: NaiveDate) -> bool {
        self.counted_from.is_some_and(|began| from < began && began <= to)
    }
}

/// Loads the facts of `within` in the tree of `as_of`, as known at `known`. Without a programme no area has a cohort.
///
/// # Errors
/// The database's.
pub fn load(
    conn: &mut AnyConnection,
    within: &Subtree,
    program: Option<ProgramId>,
    counting: &CountingParams,
    as_of: NaiveDate,
    known: Recorded,
) -> StoreResult<Register> {
    let cohorts = match program {
        Some(program) => programs::cohorts(conn, program, as_of, known)?,
        None => Vec::new(),
    };
    let cohorts: Vec<(Subtree, Cohort)> = cohorts
        .iter()
        .map(|(row, area)| (area.subtree(), row.cohort))
        .collect();
    let mut areas = load_areas(conn, within, as_of, known, &cohorts)?;
    let mut organizations = load_organizations(conn, within, as_of, known, &cohorts, counting.counted_from)?;
    if let Some(only) = &counting.cohorts {
        let counts = |cohort: Option<Cohort>| cohort.is_some_and(|cohort| only.contains(&cohort));
        organizations.retain(|organization| counts(organization.cohort));
        areas.retain(|area| counts(area.cohort));
    }
    Ok(Register { organizations, areas })
}

/// The cohort of the nearest area above (or at) `path` that has one.
fn cohort_of(cohorts: &[(Subtree, Cohort)], path: &str) -> Option<Cohort> {
    cohorts
        .iter()
        .filter(|(subtree, _)| subtree.contains(path))
        .max_by_key(|(subtree, _)| subtree.lower().len())
        .map(|(_, cohort)| *cohort)
}

/// The version of a table that is true on `as_of` and known at `known`.
macro_rules! true_on {
    ($table:ident, $as_of:expr, $known:expr) => {
        $table::recorded_seq
            .le($known.seq)
            .and(
                $table::superseded_seq
                    .is_null()
                    .or($table::superseded_seq.gt($known.seq)),
            )
            .and($table::valid_from.le($as_of))
            .and($table::valid_to.is_null().or($table::valid_to.gt($as_of)))
    };
}

fn load_areas(
    conn: &mut AnyConnection,
    within: &Subtree,
    as_of: NaiveDate,
    known: Recorded,
    cohorts: &[(Subtree, Cohort)],
) -> QueryResult<Vec<AreaFact>> {
    let rows: Vec<(AreaId, String, String, String, Level, AreaKind)> = area_versions::table
        .filter(
            area_versions::path
                .ge(within.lower().to_owned())
                .and(area_versions::path.lt(within.upper())),
        )
        .filter(true_on!(area_versions, as_of, known))
        .order(area_versions::path)
        .select((
            area_versions::area_id,
            area_versions::path,
            area_versions::code,
            area_versions::name,
            area_versions::level,
            area_versions::kind,
        ))
        .load(conn)?;
    let facts = rows.into_iter().map(|(id, path, code, name, level, kind)| {
        let cohort = cohort_of(cohorts, &path);
        AreaFact {
            id,
            path,
            code,
            name,
            level,
            kind,
            cohort,
        }
    });
    Ok(facts.collect())
}

type Dated = (Option<NaiveDate>, Option<Precision>);
type OrganizationRow = (
    OrganizationId,
    AreaId,
    String,
    Level,
    AreaKind,
    Kind,
    Host,
    Dated,
    Dated,
    Dated,
    Dated,
);

fn load_organizations(
    conn: &mut AnyConnection,
    within: &Subtree,
    as_of: NaiveDate,
    known: Recorded,
    cohorts: &[(Subtree, Cohort)],
    counted_from: CountedFrom,
) -> QueryResult<Vec<OrganizationFact>> {
    use organization_versions as o;
    let rows: Vec<OrganizationRow> = o::table
        .inner_join(
            area_versions::table.on(area_versions::area_id.eq(o::area_id).and(true_on!(
                area_versions,
                as_of,
                known
            ))),
        )
        .filter(
            area_versions::path
                .ge(within.lower().to_owned())
                .and(area_versions::path.lt(within.upper())),
        )
        .filter(true_on!(o, as_of, known))
        .order((area_versions::path, o::organization_id))
        .select((
            o::organization_id,
            o::area_id,
            area_versions::path,
            area_versions::level,
            area_versions::kind,
            o::kind,
            o::host,
            (o::approved_on, o::approved_precision),
            (o::established_on, o::established_precision),
            (o::unveiled_on, o::unveiled_precision),
            (o::closed_on, o::closed_precision),
        ))
        .load(conn)?;
    let day = |(on, precision): Dated| on.map(|on| counts_from(on, precision.unwrap_or(Precision::Day)));
    let facts = rows.into_iter().map(
        |(id, area, path, level, area_kind, kind, host, approved, established, unveiled, closed)| {
            let began = match counted_from {
                // What is approved stays counted when it is established without a recorded approval.
                CountedFrom::Approved => day(approved).or(day(established)),
                CountedFrom::Established => day(established),
                CountedFrom::Unveiled => day(unveiled),
            };
            let cohort = cohort_of(cohorts, &path);
            OrganizationFact {
                id,
                area,
                path,
                level,
                area_kind,
                kind,
                host,
                cohort,
                counted_from: began,
                counted_to: day(closed),
            }
        },
    );
    Ok(facts.collect())
}
