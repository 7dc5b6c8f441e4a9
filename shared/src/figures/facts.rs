//! From rows to what figures are folded over: the tree of a day, and the organizations in it, as known at a moment.

use chrono::NaiveDate;
use diesel::prelude::*;

use super::rows::{Counted, Counts, Organizations, VersionFacts, number_of};
use super::tree::{Place, Tree, TreeRow};
use crate::db::AnyConnection;
use crate::db::dialect::on_either;
use crate::db::schema::{area_counts, area_versions, organization_versions};
use crate::domain::area::{AreaKind, Level};
use crate::domain::dates::Precision;
use crate::domain::organization::{FiveHave, Host, Kind, PreciseDate, Status, Verification};
use crate::ids::{AreaId, OrganizationId};
use crate::store::organizations::read_reopenings;
use crate::store::predicates::{area_on, known_at, true_on, within};
use crate::store::{Recorded, StoreResult, Subtree};

/// Rows fetched at a time, so that loading a country stays small.
const CHUNK: i64 = 20_000;

/// What figures are folded over.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// The tree of a day.
    pub tree: Tree,
    /// The organizations in it.
    pub organizations: Organizations,
    /// What was counted in it.
    pub counts: Counts,
}

impl Facts {
    /// Loads the facts of `within` (a path of the tree of `as_of`), with the areas above it, as known at `known`.
    ///
    /// # Errors
    /// The database's.
    pub fn load(
        conn: &mut AnyConnection,
        within: &Subtree,
        as_of: NaiveDate,
        known: Recorded,
    ) -> StoreResult<Self> {
        let tree = load_tree(conn, within, as_of, known)?;
        let mut organizations = Organizations::default();
        let mut after = None;
        loop {
            let rows = load_versions(conn, within, as_of, known, after)?;
            let more = i64::try_from(rows.len()).unwrap_or(i64::MAX) >= CHUNK;
            // The versions of the last organization of a chunk may go on in the next.
            let cut = rows.last().filter(|_| more).map(|row| row.0);
            for versions in rows.chunk_by(|one, next| one.0 == next.0) {
                match versions.first() {
                    Some((id, ..)) if Some(*id) != cut => {
                        add(&mut organizations, &tree, *id, versions)?;
                        after = Some(*id);
                    }
                    _ => {}
                }
            }
            if !more {
                break;
            }
        }
        let counts = load_counts(conn, &tree, within, as_of, known)?;
        Ok(Self {
            tree,
            organizations,
            counts,
        })
    }

    /// What was counted last in the area of this place, up to a day.
    pub fn counted_on(&self, place: Place, day: NaiveDate) -> Counted {
        self.counts.on(place, number_of(day))
    }
}

/// One count, as figures need it.
pub(super) type CountRow = (AreaId, NaiveDate, Option<i32>, Option<i32>);

/// Adds counts where they stand in the tree.
pub(super) fn add_counts(counts: &mut Counts, tree: &Tree, rows: Vec<CountRow>) {
    for (area, counted_on, persons, households) in rows {
        if let Some(place) = tree.place_of(area) {
            let counted = Counted { persons, households };
            counts.add(place, number_of(counted_on), counted);
        }
    }
}

macro_rules! count_columns {
    () => {{
        use crate::db::schema::area_counts as c;
        (c::area_id, c::counted_on, c::persons, c::households)
    }};
}
pub(super) use count_columns;

fn load_counts(
    conn: &mut AnyConnection,
    tree: &Tree,
    within: &Subtree,
    as_of: NaiveDate,
    known: Recorded,
) -> QueryResult<Counts> {
    let mut counts = Counts::default();
    let mut after = AreaId(uuid::Uuid::nil());
    loop {
        let rows: Vec<CountRow> = on_either!(conn, |conn| area_counts::table
            .inner_join(area_on!(area_counts::area_id, as_of, known))
            .filter(within!(within))
            .filter(known_at!(area_counts, known))
            .filter(area_counts::area_id.gt(after))
            .order((area_counts::area_id, area_counts::counted_on))
            .limit(CHUNK)
            .select(count_columns!())
            .load(conn))?;
        let more = i64::try_from(rows.len()).unwrap_or(i64::MAX) >= CHUNK;
        // The counts of the last area of a chunk may go on in the next, which reads them again.
        let last = rows.last().map(|row| row.0);
        let before_last = rows
            .iter()
            .rev()
            .map(|row| row.0)
            .find(|area| Some(*area) != last);
        add_counts(&mut counts, tree, rows);
        match (more, before_last) {
            (true, Some(area)) => after = area,
            _ => return Ok(counts),
        }
    }
}

/// Adds the versions of one organization that stand in the tree.
pub(super) fn add(
    organizations: &mut Organizations,
    tree: &Tree,
    id: OrganizationId,
    versions: &[VersionRow],
) -> StoreResult<()> {
    let placed: Vec<(Place, VersionFacts)> = versions
        .iter()
        .filter_map(|row| Some((tree.place_of(row.1)?, row)))
        .map(|(place, row)| Ok((place, facts_of(row)?)))
        .collect::<StoreResult<_>>()?;
    organizations.add(id, &placed);
    Ok(())
}

fn load_tree(
    conn: &mut AnyConnection,
    within: &Subtree,
    as_of: NaiveDate,
    known: Recorded,
) -> QueryResult<Tree> {
    use area_versions as a;
    type Row = (AreaId, String, Level, AreaKind);
    let columns = (a::area_id, a::path, a::level, a::kind);
    let mut rows: Vec<Row> = a::table
        .filter(a::path.eq_any(above(within.lower())))
        .filter(true_on!(a, as_of, known))
        .order(a::path)
        .select(columns)
        .load(conn)?;
    let mut from = within.lower().to_owned();
    loop {
        let chunk: Vec<Row> = on_either!(conn, |conn| a::table
            .filter(a::path.ge(&from).and(a::path.lt(within.upper())))
            .filter(true_on!(a, as_of, known))
            .order(a::path)
            .limit(CHUNK)
            .select(columns)
            .load(conn))?;
        let more = i64::try_from(chunk.len()).unwrap_or(i64::MAX) >= CHUNK;
        if let Some((_, path, ..)) = chunk.last() {
            from = format!("{path}\u{1}"); // the next path there can be
        }
        rows.extend(chunk);
        if !more {
            break;
        }
    }
    Ok(Tree::build(rows.into_iter().map(|(id, path, level, kind)| {
        TreeRow {
            id,
            path,
            level,
            kind,
        }
    })))
}

/// The paths of the areas above one.
fn above(path: &str) -> Vec<&str> {
    let ends = path.match_indices('/').map(|(at, _)| at + 1);
    ends.filter(|end| *end < path.len())
        .filter_map(|end| path.get(..end))
        .collect()
}

type Dated = (Option<NaiveDate>, Option<Precision>);
/// One version of an organization, as far as figures care.
pub(super) type VersionRow = (
    OrganizationId,
    AreaId,
    (NaiveDate, Option<NaiveDate>),
    (Status, Kind, Host, Verification),
    (Dated, Dated, Dated, Dated),
    String,
    String,
);

macro_rules! version_columns {
    () => {{
        use crate::db::schema::organization_versions as o;
        (
            o::organization_id,
            o::area_id,
            (o::valid_from, o::valid_to),
            (o::status, o::kind, o::host, o::verification),
            (
                (o::approved_on, o::approved_precision),
                (o::established_on, o::established_precision),
                (o::unveiled_on, o::unveiled_precision),
                (o::closed_on, o::closed_precision),
            ),
            o::five_have,
            o::reopenings,
        )
    }};
}
pub(super) use version_columns;

fn load_versions(
    conn: &mut AnyConnection,
    within: &Subtree,
    as_of: NaiveDate,
    known: Recorded,
    after: Option<OrganizationId>,
) -> QueryResult<Vec<VersionRow>> {
    use organization_versions as o;
    let after = after.unwrap_or(OrganizationId(uuid::Uuid::nil()));
    if within.lower().is_empty() {
        return on_either!(conn, |conn| o::table
            .filter(known_at!(o, known))
            .filter(o::organization_id.gt(after))
            .order((o::organization_id, o::valid_from))
            .limit(CHUNK)
            .select(version_columns!())
            .load(conn));
    }
    on_either!(conn, |conn| o::table
        .inner_join(area_on!(o::area_id, as_of, known))
        .filter(within!(within))
        .filter(known_at!(o, known))
        .filter(o::organization_id.gt(after))
        .order((o::organization_id, o::valid_from))
        .limit(CHUNK)
        .select(version_columns!())
        .load(conn))
}

fn facts_of(row: &VersionRow) -> StoreResult<VersionFacts> {
    let (_, _, (valid_from, valid_to), (status, kind, host, verification), dates, five_have, reopenings) =
        row;
    let date = |(on, precision): Dated| {
        on.map(|on| PreciseDate {
            on,
            precision: precision.unwrap_or(Precision::Day),
        })
    };
    let (approved, established, unveiled, closed) = *dates;
    Ok(VersionFacts {
        valid_from: *valid_from,
        valid_to: *valid_to,
        status: *status,
        kind: *kind,
        host: *host,
        verification: *verification,
        approved: date(approved),
        established: date(established),
        unveiled: date(unveiled),
        closed: date(closed),
        five_have: if five_have == "{}" {
            FiveHave::default() // most have none, and reading JSON takes longer than reading the row
        } else {
            serde_json::from_str(five_have)?
        },
        reopenings: read_reopenings(reopenings)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_above_a_path() {
        assert_eq!(above("340000/340300/340304/"), ["340000/", "340000/340300/"]);
        assert!(above("340000/").is_empty());
        assert!(above("").is_empty());
    }
}
