//! Ends areas by closing them or merging them into others. Figures of earlier days keep them.

use chrono::NaiveDate;
use diesel::prelude::*;
use qiaojian_domain::Conflict;
use qiaojian_domain::Violation;
use qiaojian_domain::area::SuccessionKind;
use qiaojian_domain::assignment::AssignmentStatus;
use qiaojian_domain::delivery::EndpointStatus;
use qiaojian_domain::ids::AreaId;
use qiaojian_domain::organization::Status;
use qiaojian_domain::token::TokenStatus;

use super::change::{Turn, told};
use super::future::Future;
use super::segments::standing_on;
use super::successions;
use super::{AreaVersion, Subtree};
use crate::db::schema::{
    assignment_versions, assignments, endpoints, organization_versions, program_versions, schedules, tasks,
    tokens,
};
use crate::ledger::Recording;
use crate::organizations;
use crate::predicates::head;
use crate::{StoreError, StoreResult};

/// Closes an area from a date on. It must have neither children nor active organizations.
///
/// # Errors
/// [`StoreError::NotFound`], [`StoreError::Stale`], [`StoreError::Invalid`], [`StoreError::Conflict`] with what it
/// still has, or a database error.
pub fn close(
    recording: &mut Recording<'_, '_>,
    visible: &Subtree,
    code: &str,
    turn: &Turn,
) -> StoreResult<AreaVersion> {
    let head = turn.area(recording, visible, code)?;
    let violations = turn.violations();
    if !violations.is_empty() {
        return Err(StoreError::Invalid(violations));
    }
    let mut future = ending(recording, &head, turn.on)?;
    if future.has_children(head.area_id) {
        return Err(StoreError::Conflict(Conflict::AreaHasChildren));
    }
    if has_organizations(recording, head.area_id, turn.on)? {
        return Err(StoreError::Conflict(Conflict::AreaHasOrganizations));
    }
    refuse_if_at_work(recording, head.area_id)?;
    future.end(head.area_id);
    future.write(recording, &turn.reason)?;
    told(recording, "close", &head)
}

/// Merges an area into another of its level from a date on: its children and organizations belong to the other from
/// then on.
///
/// # Errors
/// [`StoreError::NotFound`], [`StoreError::Stale`], [`StoreError::Invalid`], [`StoreError::Conflict`] with the
/// obstacle, or a database error.
pub fn merge(
    recording: &mut Recording<'_, '_>,
    visible: &Subtree,
    code: &str,
    into: &AreaVersion,
    turn: &Turn,
) -> StoreResult<AreaVersion> {
    let head = turn.area(recording, visible, code)?;
    let mut violations = turn.violations();
    violations.extend(head.standing().may_merge_into(&into.standing()));
    if !violations.is_empty() {
        return Err(StoreError::Invalid(violations));
    }
    let mut future = ending(recording, &head, turn.on)?;
    standing_on(recording, into, turn.on)?;
    refuse_if_at_work(recording, head.area_id)?;
    let merged = (head.area_id, into.area_id);
    future.hand_over(merged.0, merged.1);
    future.end(head.area_id);
    future.write(recording, &turn.reason)?;
    organizations::follow_area(recording, merged.0, merged.1, turn.on, &turn.reason)?;
    successions::record(recording, merged, SuccessionKind::Merge, turn.on)?;
    told(recording, "merge", &head)
}

/// Loads an area that is to end on a day, with its descendants from that day on. It must exist the day before and have
/// no later own change; a change of its ancestors is not an own change.
fn ending(recording: &mut Recording<'_, '_>, area: &AreaVersion, day: NaiveDate) -> StoreResult<Future> {
    standing_on(recording, area, day)?;
    let mut future = Future::from(day);
    future.load(recording, area.area_id)?;
    let known = future.known(area.area_id).to_vec();
    let first = known.first().filter(|first| first.valid_from >= day);
    let mut changed = first.map(|first| first.valid_from);
    for (before, after) in known.iter().zip(known.iter().skip(1)) {
        let itself = (&before.name, before.kind) != (&after.name, after.kind);
        // A code that it would have had only from that day on is discarded with it.
        let only_code = !itself && after.valid_from == day && before.parent_id == after.parent_id;
        if only_code {
            continue;
        }
        if itself || successions::moves_between(recording, before, after)? {
            changed = Some(after.valid_from);
        }
    }
    if let Some(since) = changed {
        return Err(Violation::new(
            "/on",
            "before_last_change",
            format!("日期须晚于该地区上一次变更（{since}）。"),
            format!("The date must be after the area's last change ({since})."),
        )
        .into());
    }
    future.load_below(recording, area.area_id)?;
    Ok(future)
}

/// Returns whether an organization is active in it on `day` or later.
fn has_organizations(recording: &mut Recording<'_, '_>, area: AreaId, day: NaiveDate) -> QueryResult<bool> {
    use organization_versions as o;
    diesel::select(diesel::dsl::exists(
        o::table
            .filter(o::area_id.eq(area))
            .filter(o::superseded_seq.is_null())
            .filter(o::valid_to.is_null().or(o::valid_to.gt(day)))
            .filter(o::status.eq_any(Status::active())),
    ))
    .get_result(recording.conn())
}

/// Rejects ending an area that is in use: its tasks would have no assignee, its tokens and notices no area.
fn refuse_if_at_work(recording: &mut Recording<'_, '_>, area: AreaId) -> StoreResult<()> {
    let now = recording.now();
    let open_ones: Vec<AssignmentStatus> = AssignmentStatus::ALL
        .iter()
        .copied()
        .filter(|status| status.is_open())
        .collect();
    let open = || {
        assignments::table
            .inner_join(assignment_versions::table)
            .inner_join(tasks::table)
            .filter(head!(assignment_versions))
            .filter(assignment_versions::status.eq_any(open_ones.clone()))
    };
    let conn = recording.conn();
    let there = |found: QueryResult<i64>, conflict| match found {
        Ok(0) => Ok(()),
        Ok(_) => Err(StoreError::Conflict(conflict)),
        Err(error) => Err(error.into()),
    };
    there(
        open()
            .filter(assignments::area_id.eq(area))
            .count()
            .get_result(conn),
        Conflict::AreaHasTasks,
    )?;
    there(
        open()
            .filter(tasks::issuer_area_id.eq(area))
            .count()
            .get_result(conn),
        Conflict::AreaHasTasks,
    )?;
    there(
        tokens::table
            .filter(tokens::area_id.eq(area))
            .filter(tokens::status.ne(TokenStatus::Revoked))
            .filter(tokens::expires_at.gt(now))
            .count()
            .get_result(conn),
        Conflict::AreaHasTokens,
    )?;
    there(
        endpoints::table
            .filter(endpoints::area_id.eq(area))
            .filter(endpoints::status.ne(EndpointStatus::Disabled))
            .count()
            .get_result(conn),
        Conflict::AreaHasEndpoints,
    )?;
    there(
        schedules::table
            .filter(schedules::issuer_area_id.eq(area))
            .filter(schedules::paused_at.is_null())
            .filter(schedules::next_due_at.is_not_null())
            .count()
            .get_result(conn),
        Conflict::AreaHasSchedules,
    )?;
    there(
        program_versions::table
            .filter(head!(program_versions))
            .filter(program_versions::issuer_area_id.eq(area))
            .count()
            .get_result(conn),
        Conflict::AreaHasPrograms,
    )
}
