//! Merges and splits, with their originals and results.

use std::collections::HashMap;

use chrono::NaiveDate;
use diesel::prelude::*;
use qiaojian_domain::Noun;
use qiaojian_domain::clock::UtcTime;
use qiaojian_domain::dates::Precision;
use qiaojian_domain::digest::digest_of;
use qiaojian_domain::ids::{AreaId, ChangeId, OrganizationId};
use qiaojian_domain::organization::{ChangeKind, Part, PreciseDate};
use serde::Serialize;

use super::by_ids;
use crate::Recorded;
use crate::StoreResult;
use crate::areas::Subtree;
use crate::audit::Entry;
use crate::db::AnyConnection;
use crate::db::schema::{organization_change_parts, organization_changes};
use crate::ledger::Recording;
use crate::predicates::known_at;

/// A recorded merge or split.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Queryable, Selectable, Insertable)]
#[diesel(table_name = organization_changes)]
pub struct ChangeRow {
    pub id: ChangeId,
    pub recorded_seq: i64,
    pub recorded_at: UtcTime,
    pub superseded_seq: Option<i64>,
    pub superseded_at: Option<UtcTime>,
    pub kind: ChangeKind,
    pub on_date: NaiveDate,
    pub on_precision: Precision,
    pub doc_no: Option<String>,
    pub reason: String,
}

/// The data of a new change.
#[derive(Debug, Clone, Copy)]
pub(super) struct NewChange<'a> {
    pub id: ChangeId,
    pub kind: ChangeKind,
    pub on: PreciseDate,
    pub doc_no: Option<&'a str>,
    pub reason: &'a str,
    /// The area that owns the row, for the audit trail.
    pub area: AreaId,
}

/// Records a change.
pub(super) fn record(
    recording: &mut Recording<'_, '_>,
    new: &NewChange<'_>,
    parts: &[(OrganizationId, Part)],
) -> StoreResult<()> {
    let recorded = recording.recorded();
    let row = ChangeRow {
        id: new.id,
        recorded_seq: recorded.seq,
        recorded_at: recorded.at,
        superseded_seq: None,
        superseded_at: None,
        kind: new.kind,
        on_date: new.on.on,
        on_precision: new.on.precision,
        doc_no: new.doc_no.map(str::to_owned),
        reason: new.reason.to_owned(),
    };
    insert(recording, &row, parts)?;
    let (id, after) = (row.id.to_string(), digest_of(&(&row, parts))?);
    recording.audit(&Entry {
        verb: "create",
        resource: Noun::OrganizationChange,
        id: &id,
        area: Some(new.area),
        before: None,
        after: Some(&after),
    })?;
    Ok(())
}

fn insert(
    recording: &mut Recording<'_, '_>,
    row: &ChangeRow,
    parts: &[(OrganizationId, Part)],
) -> StoreResult<()> {
    use organization_change_parts as p;
    diesel::insert_into(organization_changes::table)
        .values(row)
        .execute(recording.conn())?;
    for (organization, part) in parts {
        diesel::insert_into(p::table)
            .values((
                p::change_id.eq(row.id),
                p::recorded_seq.eq(row.recorded_seq),
                p::organization_id.eq(organization),
                p::part.eq(part),
            ))
            .execute(recording.conn())?;
    }
    Ok(())
}

/// Corrects the merge that ended this organization: moves it to another date, or (if `on` is `None`) withdraws it.
pub(super) fn correct_merge(
    recording: &mut Recording<'_, '_>,
    merged: OrganizationId,
    on: Option<PreciseDate>,
) -> StoreResult<()> {
    undo(recording, merged, Some(ChangeKind::Merge), on)
}

/// Withdraws every change in which this voided organization took part.
pub(super) fn void_changes(recording: &mut Recording<'_, '_>, voided: OrganizationId) -> StoreResult<()> {
    undo(recording, voided, None, None)
}

fn undo(
    recording: &mut Recording<'_, '_>,
    original: OrganizationId,
    only: Option<ChangeKind>,
    instead: Option<PreciseDate>,
) -> StoreResult<()> {
    use organization_changes as c;
    let recorded = recording.recorded();
    let parts = parts_of_changes(recording.conn(), original)?;
    let named: Vec<ChangeId> = parts.iter().map(|(id, ..)| *id).collect();
    let rows: Vec<ChangeRow> = c::table
        .filter(c::id.eq_any(named).and(c::superseded_seq.is_null()))
        .select(ChangeRow::as_select())
        .load(recording.conn())?;
    for row in rows.iter().filter(|row| only.is_none_or(|kind| row.kind == kind)) {
        let own: Parts = parts
            .iter()
            .filter(|(id, seq, ..)| *id == row.id && *seq == row.recorded_seq)
            .map(|(_, _, organization, part)| (*organization, *part))
            .collect();
        if !own.contains(&(original, Part::Original)) {
            continue;
        }
        diesel::update(c::table.find((row.id, row.recorded_seq)))
            .set((
                c::superseded_seq.eq(recorded.seq),
                c::superseded_at.eq(recorded.at),
            ))
            .execute(recording.conn())?;
        if let Some(on) = instead {
            let anew = ChangeRow {
                recorded_seq: recorded.seq,
                recorded_at: recorded.at,
                on_date: on.on,
                on_precision: on.precision,
                ..row.clone()
            };
            insert(recording, &anew, &own)?;
        }
    }
    Ok(())
}

type PartRow = (ChangeId, i64, OrganizationId, Part);

/// Returns the participants of every change ever recorded for this organization.
fn parts_of_changes(conn: &mut AnyConnection, id: OrganizationId) -> QueryResult<Vec<PartRow>> {
    use organization_change_parts as p;
    let changes: Vec<ChangeId> = p::table
        .filter(p::organization_id.eq(id))
        .select(p::change_id)
        .distinct()
        .load(conn)?;
    p::table
        .filter(p::change_id.eq_any(changes))
        .order((p::change_id, p::recorded_seq, p::part, p::organization_id))
        .select((p::change_id, p::recorded_seq, p::organization_id, p::part))
        .load(conn)
}

/// The participants of a change, each with its role.
pub(super) type Parts = Vec<(OrganizationId, Part)>;

/// Returns the changes ever recorded for an organization, by ledger position, each with its participants.
pub(super) fn changes_of(
    conn: &mut AnyConnection,
    id: OrganizationId,
) -> QueryResult<HashMap<i64, (ChangeRow, Parts)>> {
    use organization_changes as c;
    let parts = parts_of_changes(conn, id)?;
    if parts.is_empty() {
        return Ok(HashMap::new());
    }
    let named: Vec<ChangeId> = parts.iter().map(|(id, ..)| *id).collect();
    let rows: Vec<ChangeRow> = c::table
        .filter(c::id.eq_any(named))
        .select(ChangeRow::as_select())
        .load(conn)?;
    Ok(rows
        .into_iter()
        .map(|row| {
            let own = parts
                .iter()
                .filter(|(id, seq, ..)| *id == row.id && *seq == row.recorded_seq)
                .map(|(_, _, organization, part)| (*organization, *part))
                .collect();
            (row.recorded_seq, (row, own))
        })
        .collect())
}

/// Returns the organization that each of these was merged into, as known at `known`, if it belongs to `visible`.
///
/// # Errors
/// Returns an error if the database fails.
pub fn successors(
    conn: &mut AnyConnection,
    visible: &Subtree,
    merged: &[OrganizationId],
    known: Recorded,
) -> QueryResult<HashMap<OrganizationId, OrganizationId>> {
    use {organization_change_parts as p, organization_changes as c};
    if merged.is_empty() {
        return Ok(HashMap::new());
    }
    let of_merges = |part: Part| {
        p::table
            .inner_join(c::table.on(c::id.eq(p::change_id).and(c::recorded_seq.eq(p::recorded_seq))))
            .filter(c::kind.eq(ChangeKind::Merge))
            .filter(known_at!(c, known))
            .filter(p::part.eq(part))
            .select((p::change_id, p::organization_id))
    };
    let ended: Vec<(ChangeId, OrganizationId)> = of_merges(Part::Original)
        .filter(p::organization_id.eq_any(merged))
        .load(conn)?;
    if ended.is_empty() {
        return Ok(HashMap::new());
    }
    let changes: Vec<ChangeId> = ended.iter().map(|(change, _)| *change).collect();
    let went_on: HashMap<ChangeId, OrganizationId> = of_merges(Part::Result)
        .filter(p::change_id.eq_any(changes))
        .load(conn)?
        .into_iter()
        .collect();
    let results: Vec<OrganizationId> = went_on.values().copied().collect();
    let seen: Vec<OrganizationId> = by_ids(conn, visible, &results)?
        .into_iter()
        .map(|found| found.organization.organization_id)
        .collect();
    Ok(ended
        .into_iter()
        .filter_map(|(change, merged)| Some((merged, *went_on.get(&change)?)))
        .filter(|(_, successor)| seen.contains(successor))
        .collect())
}
