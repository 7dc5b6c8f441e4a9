//! Reopens an area that was closed or merged by mistake, as if it had never ended: with the same id and everything that
//! belongs to it.

use std::collections::BTreeSet;

use chrono::NaiveDate;
use diesel::prelude::*;
use qiaojian_domain::Violation;
use qiaojian_domain::area::SuccessionKind;
use qiaojian_domain::ids::AreaId;
use qiaojian_domain::violation::{TEXT_CHARS, check_text};
use qiaojian_domain::{Conflict, Noun};

use super::change::told;
use super::former::path_above;
use super::future::Future;
use super::successions;
use super::{AreaVersion, Subtree};
use crate::db::AnyConnection;
use crate::db::schema::area_versions;
use crate::ledger::Recording;
use crate::organizations;
use crate::{StoreError, StoreResult, unless_stale};

/// Returns the area of `visible` that had this code when it ended; the latest, if there are several.
///
/// # Errors
/// [`StoreError::NotFound`], or a database error.
pub fn find_ended(conn: &mut AnyConnection, visible: &Subtree, code: &str) -> StoreResult<AreaVersion> {
    let ended: Vec<AreaVersion> = area_versions::table
        .filter(area_versions::superseded_seq.is_null())
        .filter(area_versions::ended)
        .filter(area_versions::code.eq(code))
        .order(area_versions::valid_to.desc())
        .select(AreaVersion::as_select())
        .load(conn)?;
    for area in ended {
        let above = path_above(conn, &area)?;
        if visible.contains(&above) {
            return Ok(area);
        }
    }
    Err(StoreError::NotFound(Noun::Area))
}

/// Withdraws the end of an area: its last version continues. Children and organizations that a merger moved to another
/// area belong to it again, unless they have moved elsewhere since.
///
/// # Errors
/// [`StoreError::NotFound`], [`StoreError::Stale`], [`StoreError::Invalid`], [`StoreError::Conflict`]
/// `area_code_taken`, `area_above_ended` or `organizations_meet`, or a database error.
pub fn reopen(
    recording: &mut Recording<'_, '_>,
    visible: &Subtree,
    code: &str,
    reason: &str,
    expected: Option<i64>,
) -> StoreResult<AreaVersion> {
    let last = find_ended(recording.conn(), visible, code)?;
    unless_stale(expected, last.version)?;
    let mut violations: Vec<Violation> = Vec::new();
    check_text(&mut violations, "/reason", reason, TEXT_CHARS);
    if !violations.is_empty() {
        return Err(StoreError::Invalid(violations));
    }
    let id = last.area_id;
    let Some(ended_on) = last.valid_to else {
        return Err(StoreError::NotFound(Noun::Area));
    };
    let into = successions::merged_into(recording.conn(), id, ended_on)?;
    let mut future = Future::from(last.valid_from);
    future.load(recording, id)?;
    let places = places(recording, &last, ended_on)?;
    future.stand(id, places);
    if let Some(into) = into {
        future.load_below(recording, id)?;
        take_back(recording, &mut future, (into, id), ended_on)?;
    }
    future.write(recording, reason)?;
    if let Some(into) = into {
        let went_to = successions::place_of(recording, into, ended_on)?;
        organizations::return_to_area(recording, &went_to, id, ended_on, reason)?;
        successions::withdraw(recording, (id, into), SuccessionKind::Merge)?;
    }
    told(recording, "reopen", &last)
}

/// Returns the rows of an area whose last version continues: under its parent and, if that was merged later, under the
/// area that the parent was merged into.
fn places(
    recording: &mut Recording<'_, '_>,
    last: &AreaVersion,
    ended_on: NaiveDate,
) -> StoreResult<Vec<AreaVersion>> {
    let row = |from: NaiveDate, to: Option<NaiveDate>, parent: Option<AreaId>| AreaVersion {
        valid_from: from,
        valid_to: to,
        parent_id: parent,
        ended: false,
        ..last.clone()
    };
    let Some(parent) = last.parent_id else {
        return Ok(vec![row(last.valid_from, None, None)]);
    };
    // A merger on that very day would have moved this area along.
    let places = successions::place_of(recording, parent, ended_on.pred_opt().unwrap_or(ended_on))?;
    let stands_on = places.last().map_or(parent, |(_, parent)| *parent);
    let is_there: i64 = super::heads()
        .filter(area_versions::area_id.eq(stands_on))
        .count()
        .get_result(recording.conn())?;
    if is_there == 0 {
        return Err(StoreError::Conflict(Conflict::AreaAboveEnded));
    }
    let from = |place: usize, day: NaiveDate| if place == 0 { last.valid_from } else { day };
    let ends = places.iter().skip(1).map(|(day, _)| Some(*day)).chain([None]);
    Ok(places
        .iter()
        .zip(ends)
        .enumerate()
        .map(|(place, ((day, parent), to))| row(from(place, *day), to, Some(*parent)))
        .collect())
}

/// Moves back the children that the area had until the day of its merger and that have been under the other area since.
fn take_back(
    recording: &mut Recording<'_, '_>,
    future: &mut Future,
    (from, to): (AreaId, AreaId),
    day: NaiveDate,
) -> StoreResult<()> {
    let children: BTreeSet<AreaId> = future.children_until(to, day);
    for child in children {
        let rows: Vec<AreaVersion> = future
            .known(child)
            .iter()
            .filter(|row| row.valid_from >= day)
            .cloned()
            .collect();
        if rows
            .first()
            .is_none_or(|first| first.valid_from != day || first.parent_id != Some(from))
        {
            continue;
        }
        let left_on = successions::left_on(recording, &rows)?;
        future.change(child, |row| {
            let is_back = row.valid_from >= day && left_on.is_none_or(|left| row.valid_from < left);
            if is_back {
                row.parent_id = Some(to);
            }
        });
    }
    Ok(())
}
