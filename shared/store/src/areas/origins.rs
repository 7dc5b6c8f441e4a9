//! Resolves the predecessors of the rows of an edition: maps codes of the day before to current codes.

use std::collections::{BTreeSet, HashMap, HashSet};

use chrono::NaiveDate;
use diesel::prelude::*;
use qiaojian_domain::Violation;
use qiaojian_domain::area::update::{Listed, Origin};
use qiaojian_domain::ids::AreaId;

use super::{AreaVersion, first_days};
use crate::db::AnyConnection;
use crate::db::schema::{area_successions, area_versions};
use crate::{StoreResult, ledger};

/// Maximum codes per statement; databases limit the number of parameters.
const CHUNK: usize = 500;

/// For each code, its holders with their first day and the first day after the end.
type Holders = HashMap<String, Vec<(AreaId, NaiveDate, Option<NaiveDate>)>>;

/// Violations, each with the index of its row.
type Wrong = Vec<(usize, Violation)>;

/// Returns the list with its predecessors mapped to current codes, and the violations. An edition that was applied
/// before, wholly or in part, lists the same predecessors again: successions that are already recorded are omitted.
pub(super) fn resolve_predecessors(
    conn: &mut AnyConnection,
    on: NaiveDate,
    listed: &[Listed],
    registered: &[AreaVersion],
) -> StoreResult<(Vec<Listed>, Wrong)> {
    let day_of = |row: &Listed| row.valid_from.unwrap_or(on);
    let holders = holders(conn, listed)?;
    let by_code: HashMap<&str, &AreaVersion> =
        registered.iter().map(|area| (area.code.as_str(), area)).collect();
    let told: Vec<AreaId> = listed
        .iter()
        .filter(|row| row.origin != Origin::default())
        .filter_map(|row| Some(by_code.get(row.code.as_str())?.area_id))
        .collect();
    let known = ledger::known(conn)?;
    let now = Now {
        by_id: registered.iter().map(|area| (area.area_id, area)).collect(),
        came_out_of: came_out_of(conn, &told)?,
        since: first_days(conn, told, known)?,
        holders,
        by_code,
    };
    let mut wrong = Vec::new();
    let rows = listed.iter().enumerate().map(|(place, row)| {
        let (origin, violations) = now.origin(row, day_of(row));
        wrong.extend(violations.into_iter().map(|violation| (place, violation)));
        Listed {
            origin,
            ..row.clone()
        }
    });
    let rows = rows.collect();
    Ok((rows, wrong))
}

/// The register, current and past.
struct Now<'a> {
    by_code: HashMap<&'a str, &'a AreaVersion>,
    by_id: HashMap<AreaId, &'a AreaVersion>,
    holders: Holders,
    came_out_of: HashSet<(AreaId, AreaId)>,
    since: HashMap<AreaId, NaiveDate>,
}

impl Now<'_> {
    fn origin(&self, row: &Listed, day: NaiveDate) -> (Origin, Vec<Violation>) {
        let own = self.by_code.get(row.code.as_str()).copied();
        // It was already added by this edition.
        let mut is_itself = own.is_some_and(|own| self.since.get(&own.area_id) >= Some(&day));
        let (mut codes, mut wrong) = (Vec::new(), Vec::new());
        let mut seen = BTreeSet::new();
        for written in &row.origin.predecessors {
            if !seen.insert(written) {
                wrong.push(twice(written));
                continue;
            }
            let ever = self.holders.get(written).map_or(&[][..], Vec::as_slice);
            let had = |(_, from, to): &&(_, NaiveDate, Option<NaiveDate>)| {
                *from < day && to.is_none_or(|to| to >= day)
            };
            let area = match ever.iter().find(had) {
                Some((id, ..)) => self.by_id.get(id).copied(),
                None => self.by_code.get(written.as_str()).copied(),
            };
            let done = own.is_some_and(|own| {
                let into_it = |id| self.came_out_of.contains(&(id, own.area_id));
                match area {
                    Some(area) => into_it(area.area_id),
                    None => ever.iter().any(|(id, ..)| *id == own.area_id || into_it(*id)),
                }
            });
            match area {
                _ if done => is_itself = true,
                None => wrong.push(unknown(written, day)),
                Some(area) if area.level != row.level => wrong.push(of_another_level(written, area, row)),
                Some(area) => codes.push(area.code.clone()),
            }
        }
        let has_origin = row.origin.is_new || !codes.is_empty();
        if is_itself && has_origin && !codes.contains(&row.code) {
            codes.push(row.code.clone());
        }
        let origin = Origin {
            is_new: row.origin.is_new && codes.is_empty(),
            predecessors: codes,
        };
        (origin, wrong)
    }
}

/// Returns the holders of each predecessor's code, with their periods.
fn holders(conn: &mut AnyConnection, listed: &[Listed]) -> QueryResult<Holders> {
    let codes = listed.iter().flat_map(|row| &row.origin.predecessors);
    let codes: BTreeSet<&str> = codes.map(String::as_str).collect();
    let codes: Vec<&str> = codes.into_iter().collect();
    let mut holders = Holders::new();
    for codes in codes.chunks(CHUNK) {
        let rows: Vec<(String, AreaId, NaiveDate, Option<NaiveDate>)> = area_versions::table
            .filter(area_versions::superseded_seq.is_null())
            .filter(area_versions::code.eq_any(codes.to_vec()))
            .order((area_versions::code, area_versions::valid_from))
            .select((
                area_versions::code,
                area_versions::area_id,
                area_versions::valid_from,
                area_versions::valid_to,
            ))
            .load(conn)?;
        for (code, area, from, to) in rows {
            holders.entry(code).or_default().push((area, from, to));
        }
    }
    Ok(holders)
}

/// Returns the predecessors of these areas, as pairs of predecessor and successor.
fn came_out_of(conn: &mut AnyConnection, areas: &[AreaId]) -> QueryResult<HashSet<(AreaId, AreaId)>> {
    let mut found = HashSet::new();
    for areas in areas.chunks(CHUNK) {
        let rows: Vec<(AreaId, AreaId)> = area_successions::table
            .filter(area_successions::superseded_seq.is_null())
            .filter(area_successions::successor_id.eq_any(areas.to_vec()))
            .select((area_successions::predecessor_id, area_successions::successor_id))
            .load(conn)?;
        found.extend(rows);
    }
    Ok(found)
}

fn twice(code: &str) -> Violation {
    Violation::new(
        "/predecessors",
        "predecessor_twice",
        format!("来源代码 {code} 写了两次，请只写一次。"),
        format!("The predecessor {code} is given twice. Give it only once."),
    )
}

fn unknown(code: &str, day: NaiveDate) -> Violation {
    Violation::new(
        "/predecessors",
        "unknown_predecessor",
        format!("{day} 之前没有代码为 {code} 的地区，请核对来源代码。"),
        format!("No area had the code {code} before {day}. Check the predecessor."),
    )
}

fn of_another_level(code: &str, area: &AreaVersion, row: &Listed) -> Violation {
    let (level, of) = (row.level, area.level);
    Violation::new(
        "/predecessors",
        "predecessor_level",
        format!(
            "来源代码 {code} 是{}，本行是{}，请核对。",
            of.chinese(),
            level.chinese()
        ),
        format!("The predecessor {code} is a {of}, but the row is a {level}. Check the predecessor."),
    )
}
