//! Converts rows to the inputs of a fold: the tree of a day, and the organizations in it, as known at a transaction
//! time.

use chrono::NaiveDate;
use diesel::QueryResult;
use qiaojian_domain::dates::Precision;
use qiaojian_domain::ids::{AreaId, OrganizationId};
use qiaojian_domain::organization::{FiveHave, PreciseDate};

use super::by_place::{Counted, Counts, Organizations};
use super::lineage::Lineage;
use super::rows::{VersionFacts, number_of};
use super::tree::{Place, Tree, TreeRow};
use crate::db::AnyConnection;
use crate::fact_rows::{self, CHUNK, CountRow, Dated, SuccessionRow, VersionRow};
use crate::organizations::read_reopenings;
use crate::{Recorded, StoreResult, Subtree};

/// Rows looked up in one statement.
pub(super) const LOOKED_UP: usize = 500;

/// The inputs of a fold.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// The tree of a day.
    pub tree: Tree,
    /// The organizations in it.
    pub organizations: Organizations,
    /// The counts of its areas.
    pub counts: Counts,
    /// The predecessors and successors of its areas.
    pub lineage: Lineage,
}

impl Facts {
    /// Loads the facts of `within` (a path in the tree of `as_of`), with its ancestors, as known at `known`.
    ///
    /// # Errors
    /// Returns an error if the database fails.
    pub fn load(
        conn: &mut AnyConnection,
        within: &Subtree,
        as_of: NaiveDate,
        known: Recorded,
    ) -> StoreResult<Self> {
        let (mut facts, successions) = Self::load_lives(conn, within, (as_of, known))?;
        let mut counts = load_counts(conn, &facts.tree, within, as_of, known)?;
        let lineage = Lineage::of(&successions);
        let tree = &facts.tree;
        let range = tree.range(within);
        let changed: Vec<AreaId> = lineage
            .areas()
            .filter(|area| tree.place_of(*area).is_some_and(|place| range.contains(&place)))
            .collect();
        add_counts(&mut counts, tree, lineage.counts_of(conn, &changed, known)?);
        facts.counts = counts;
        facts.lineage = lineage;
        Ok(facts)
    }

    /// Like [`load`](Self::load), but without counts: only the tree and the organizations.
    ///
    /// # Errors
    /// Returns an error if the database fails.
    pub fn load_uncounted(
        conn: &mut AnyConnection,
        within: &Subtree,
        as_of: NaiveDate,
        known: Recorded,
    ) -> StoreResult<Self> {
        let (facts, _) = Self::load_lives(conn, within, (as_of, known))?;
        Ok(facts)
    }

    /// Loads the tree and the organizations, with the successions up to `as_of`.
    fn load_lives(
        conn: &mut AnyConnection,
        within: &Subtree,
        (as_of, known): (NaiveDate, Recorded),
    ) -> StoreResult<(Self, Vec<SuccessionRow>)> {
        let successions = fact_rows::successions(conn, as_of, known)?;
        let tree = load_tree(conn, within, (as_of, known), &successions)?;
        let organizations = load_organizations(conn, &tree, within, (as_of, known))?;
        let facts = Self {
            tree,
            organizations,
            ..Self::default()
        };
        Ok((facts, successions))
    }

    /// Returns the latest count of the area at this place, up to a day.
    pub fn counted_on(&self, place: Place, day: NaiveDate) -> Counted {
        self.counts.on(place, number_of(day))
    }
}

fn load_organizations(
    conn: &mut AnyConnection,
    tree: &Tree,
    within: &Subtree,
    (as_of, known): (NaiveDate, Recorded),
) -> StoreResult<Organizations> {
    let mut organizations = Organizations::default();
    let displaced = load_displaced(conn, tree, within, known, &mut organizations)?;
    let mut after = None;
    loop {
        let rows = fact_rows::versions_after(conn, within, as_of, known, after)?;
        let more = i64::try_from(rows.len()).unwrap_or(i64::MAX) >= CHUNK;
        // The versions of the last organization in a chunk may continue in the next.
        let cut = rows.last().filter(|_| more).map(|row| row.0);
        for versions in rows.chunk_by(|one, next| one.0 == next.0) {
            match versions.first() {
                Some((id, ..)) if Some(*id) != cut => {
                    if displaced.binary_search(id).is_err() {
                        organizations.add(*id, &placed(tree, versions)?);
                    }
                    after = Some(*id);
                }
                _ => {}
            }
        }
        if !more {
            break;
        }
    }
    organizations.pack();
    Ok(organizations)
}

/// Loads the organizations that are or were in ended areas and whose home is in `within`. Returns their ids, in order.
fn load_displaced(
    conn: &mut AnyConnection,
    tree: &Tree,
    within: &Subtree,
    known: Recorded,
    organizations: &mut Organizations,
) -> StoreResult<Vec<OrganizationId>> {
    let areas: Vec<AreaId> = tree.ended_within(tree.range(within)).collect();
    let mut displaced = Vec::new();
    for areas in areas.chunks(LOOKED_UP) {
        displaced.extend(fact_rows::ever_in(conn, areas, known)?);
    }
    displaced.sort_unstable();
    displaced.dedup();
    for ids in displaced.chunks(LOOKED_UP) {
        let rows = fact_rows::versions_of(conn, ids, known)?;
        for versions in rows.chunk_by(|one, next| one.0 == next.0) {
            if let Some((id, ..)) = versions.first() {
                organizations.add(*id, &placed(tree, versions)?);
            }
        }
    }
    Ok(displaced)
}

/// Adds counts at their places in the tree.
pub(super) fn add_counts(counts: &mut Counts, tree: &Tree, rows: Vec<CountRow>) {
    for (area, counted_on, persons, households) in rows {
        if let Some(place) = tree.place_of(area) {
            let counted = Counted { persons, households };
            counts.add(place, number_of(counted_on), counted);
        }
    }
}

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
        let rows = fact_rows::counts_after(conn, within, after, as_of, known)?;
        let more = i64::try_from(rows.len()).unwrap_or(i64::MAX) >= CHUNK;
        // The counts of the last area in a chunk may continue in the next chunk, which reads them again.
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

/// Returns the versions of one organization that have a home in the tree, each with its place.
pub(super) fn placed(tree: &Tree, versions: &[VersionRow]) -> StoreResult<Vec<(Place, VersionFacts)>> {
    versions
        .iter()
        .filter_map(|row| Some((tree.home_of(row.1)?, row)))
        .map(|(place, row)| Ok((place, facts_of(row)?)))
        .collect()
}

fn load_tree(
    conn: &mut AnyConnection,
    within: &Subtree,
    (as_of, known): (NaiveDate, Recorded),
    successions: &[SuccessionRow],
) -> QueryResult<Tree> {
    let mut rows = fact_rows::areas_above(conn, within.lower(), as_of, known)?;
    let mut from = within.lower().to_owned();
    loop {
        let chunk = fact_rows::areas_from(conn, within, &from, as_of, known)?;
        let more = i64::try_from(chunk.len()).unwrap_or(i64::MAX) >= CHUNK;
        if let Some((_, path, ..)) = chunk.last() {
            from = format!("{path}\u{1}"); // the next path there can be
        }
        rows.extend(chunk);
        if !more {
            break;
        }
    }
    let tree = Tree::build(rows.into_iter().map(|(id, path, level, kind)| TreeRow {
        id,
        path,
        level,
        kind,
    }));
    Ok(tree.with_ended(&fact_rows::ended_areas(conn, as_of, known, successions)?))
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
            FiveHave::default() // most are empty, and parsing JSON takes longer than reading the row
        } else {
            serde_json::from_str(five_have)?
        },
        reopenings: read_reopenings(reopenings)?,
    })
}
