//! Organizations follow their area when it is merged into another.

use std::collections::BTreeSet;

use chrono::NaiveDate;
use diesel::prelude::*;
use qiaojian_domain::Conflict;
use qiaojian_domain::ids::{AreaId, OrganizationId};
use qiaojian_domain::organization::Kind;

use super::OrganizationVersion;
use super::lives::{audit, insert, known_segments, supersede, taken_places};
use crate::db::schema::organization_versions;
use crate::ledger::Recording;
use crate::{StoreError, StoreResult};

/// Moves the organizations that belong to `from` on `day` or later to `into` from that day on. This includes closed
/// ones, so that their past is counted in the area that succeeded theirs.
///
/// # Errors
/// [`StoreError::Conflict`] `organizations_meet` if `into` has an active one of the same kind, or a database error.
pub fn follow_area(
    recording: &mut Recording<'_, '_>,
    from: AreaId,
    into: AreaId,
    day: NaiveDate,
    reason: &str,
) -> StoreResult<()> {
    use organization_versions as o;
    let kinds_in = |taken: &[(AreaId, Kind)], area: AreaId| -> BTreeSet<Kind> {
        taken
            .iter()
            .filter(|(at, _)| *at == area)
            .map(|(_, kind)| *kind)
            .collect()
    };
    let taken = taken_places(recording.conn(), [from, into])?;
    if !kinds_in(&taken, from).is_disjoint(&kinds_in(&taken, into)) {
        return Err(StoreError::Conflict(Conflict::OrganizationsMeet));
    }
    let there: Vec<OrganizationId> = o::table
        .filter(o::area_id.eq(from))
        .filter(o::superseded_seq.is_null())
        .filter(o::valid_to.is_null().or(o::valid_to.gt(day)))
        .select(o::organization_id)
        .distinct()
        .order(o::organization_id)
        .load(recording.conn())?;
    for id in there {
        let known = known_segments(recording, id)?;
        let rows = moved(&known, from, into, day, reason, recording);
        supersede(recording, id, Some(day))?;
        insert(recording, &rows)?;
        audit(recording, "move", known.last(), rows.last())?;
    }
    Ok(())
}

/// Moves organizations back to `to` that were in it until `day`, when it was merged, and have since been in the areas
/// that the merge led to (`went_to`), up to the day on which they moved elsewhere themselves.
///
/// # Errors
/// Returns an error if the database fails.
pub fn return_to_area(
    recording: &mut Recording<'_, '_>,
    went_to: &[(NaiveDate, AreaId)],
    to: AreaId,
    day: NaiveDate,
    reason: &str,
) -> StoreResult<()> {
    use organization_versions as o;
    let there: Vec<OrganizationId> = o::table
        .filter(o::area_id.eq(to))
        .filter(o::superseded_seq.is_null())
        .filter(o::valid_to.eq(day))
        .select(o::organization_id)
        .distinct()
        .order(o::organization_id)
        .load(recording.conn())?;
    let led_to = |on: NaiveDate| {
        went_to
            .iter()
            .rev()
            .find(|(from, _)| *from <= on)
            .map(|(_, area)| *area)
    };
    let recorded = recording.recorded();
    for id in there {
        let known = known_segments(recording, id)?;
        let version = known.iter().map(|row| row.version).max().unwrap_or(0) + 1;
        let later = known
            .iter()
            .filter(|row| row.valid_to.is_none_or(|until| until > day));
        let mut is_taken_along = true;
        let rows: Vec<OrganizationVersion> = later
            .map(|row| {
                is_taken_along &= led_to(row.valid_from) == Some(row.area_id);
                OrganizationVersion {
                    version,
                    recorded_seq: recorded.seq,
                    recorded_at: recorded.at,
                    area_id: if is_taken_along { to } else { row.area_id },
                    reason: if is_taken_along {
                        Some(reason.to_owned())
                    } else {
                        row.reason.clone()
                    },
                    ..row.clone()
                }
            })
            .collect();
        if rows.first().is_none_or(|first| first.area_id != to) {
            continue;
        }
        supersede(recording, id, Some(day))?;
        insert(recording, &rows)?;
        audit(recording, "move", known.last(), rows.last())?;
    }
    Ok(())
}

/// Returns the rows of an organization after its area was merged into another, as far as they extend beyond `day`.
fn moved(
    known: &[OrganizationVersion],
    from: AreaId,
    into: AreaId,
    day: NaiveDate,
    reason: &str,
    recording: &Recording<'_, '_>,
) -> Vec<OrganizationVersion> {
    let recorded = recording.recorded();
    let version = known.iter().map(|row| row.version).max().unwrap_or(0) + 1;
    let mut rows = Vec::new();
    for segment in known {
        if segment.valid_to.is_some_and(|to| to <= day) {
            continue;
        }
        let anew = OrganizationVersion {
            version,
            recorded_seq: recorded.seq,
            recorded_at: recorded.at,
            ..segment.clone()
        };
        if segment.valid_from < day {
            rows.push(OrganizationVersion {
                valid_to: Some(day),
                ..anew.clone()
            });
        }
        let mut after = OrganizationVersion {
            valid_from: segment.valid_from.max(day),
            ..anew
        };
        if after.area_id == from {
            after.area_id = into;
            after.reason = Some(reason.to_owned());
        }
        rows.push(after);
    }
    rows
}
