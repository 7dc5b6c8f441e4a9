//! Determines which edition of the register a list matches best.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::NaiveDate;
use diesel::prelude::*;
use qiaojian_domain::area::Level;
use qiaojian_domain::area::update::Listed;

use crate::db::AnyConnection;
use crate::db::schema::area_versions;

/// Number of days examined: those on which the most versions begin.
const DAYS: usize = 20;

/// The day on which the register matches a list best.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Agreement {
    pub as_of: NaiveDate,
    /// Rows whose code and name an area had on that day.
    pub rows: usize,
}

/// The first day, and the first day after the end.
type Days = (NaiveDate, Option<NaiveDate>);

/// Compares the list by code and name with the areas of its provinces on the days of large changes. If several days
/// match equally, the latest is returned.
///
/// # Errors
/// Returns an error if the database fails.
pub(super) fn agreement(conn: &mut AnyConnection, listed: &[Listed]) -> QueryResult<Option<Agreement>> {
    let provinces: BTreeSet<&str> = listed
        .iter()
        .filter(|row| row.level == Level::Province)
        .filter_map(|row| row.code.get(..2))
        .collect();
    let mut began: BTreeMap<NaiveDate, usize> = BTreeMap::new();
    let mut stood: HashMap<(String, String), Vec<Days>> = HashMap::new();
    for province in provinces {
        let rows: Vec<(String, String, NaiveDate, Option<NaiveDate>)> = area_versions::table
            .filter(area_versions::superseded_seq.is_null())
            .filter(area_versions::code.ge(province))
            .filter(area_versions::code.lt(format!("{province}~")))
            .select((
                area_versions::code,
                area_versions::name,
                area_versions::valid_from,
                area_versions::valid_to,
            ))
            .load(conn)?;
        for (code, name, from, to) in rows {
            *began.entry(from).or_default() += 1;
            stood.entry((code, name)).or_default().push((from, to));
        }
    }
    let mut days: Vec<(usize, NaiveDate)> = began.into_iter().map(|(day, count)| (count, day)).collect();
    days.sort_unstable_by(|one, other| other.cmp(one));
    days.truncate(DAYS);
    let known: Vec<&Vec<Days>> = listed
        .iter()
        .filter_map(|row| stood.get(&(row.code.clone(), row.name.clone())))
        .collect();
    let agrees = |day: NaiveDate| {
        let on_day =
            |(from, to): &(NaiveDate, Option<NaiveDate>)| *from <= day && to.is_none_or(|to| to > day);
        known.iter().filter(|times| times.iter().any(on_day)).count()
    };
    Ok(days
        .into_iter()
        .map(|(_, day)| (agrees(day), day))
        .max()
        .map(|(rows, as_of)| Agreement { as_of, rows }))
}
