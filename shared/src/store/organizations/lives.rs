//! The rows of a life: what is known of an organization, and how it is superseded. Nothing is overwritten; the rows that are replaced
//! stay, superseded.

use chrono::NaiveDate;
use diesel::prelude::*;

use super::{OrganizationInArea, OrganizationVersion};
use crate::db::schema::organization_versions;
use crate::ids::OrganizationId;
use crate::store::areas::AreaVersion;
use crate::store::audit::Entry;
use crate::store::ledger::Recording;
use crate::store::{StoreError, StoreResult};

/// The row as one row per segment of its life.
pub(super) fn segments_of(row: &OrganizationVersion, first_day: NaiveDate) -> Vec<OrganizationVersion> {
    let segments = row.life().segments(first_day);
    let ends = segments.iter().skip(1).map(|(from, _)| Some(*from)).chain([None]);
    segments
        .iter()
        .zip(ends)
        .map(|((from, life), to)| OrganizationVersion {
            valid_from: *from,
            valid_to: to,
            ..row.clone().with_life(*life)
        })
        .collect()
}

pub(super) fn known_segments(
    recording: &mut Recording<'_, '_>,
    id: OrganizationId,
) -> QueryResult<Vec<OrganizationVersion>> {
    organization_versions::table
        .filter(
            organization_versions::organization_id
                .eq(id)
                .and(organization_versions::superseded_seq.is_null()),
        )
        .order(organization_versions::valid_from)
        .select(OrganizationVersion::as_select())
        .load(recording.conn())
}

/// From its `valid_from` on, `row` is true; what was true before stays true before.
pub(super) fn put_from(recording: &mut Recording<'_, '_>, row: &OrganizationVersion) -> StoreResult<()> {
    let recorded = recording.recorded();
    let cut: Vec<OrganizationVersion> = known_segments(recording, row.organization_id)?
        .into_iter()
        .filter(|segment| {
            segment.valid_from < row.valid_from && segment.valid_to.is_none_or(|to| to > row.valid_from)
        })
        .map(|segment| OrganizationVersion {
            version: row.version,
            recorded_seq: recorded.seq,
            recorded_at: recorded.at,
            valid_to: Some(row.valid_from),
            ..segment
        })
        .collect();
    supersede(recording, row.organization_id, Some(row.valid_from))?;
    insert(recording, &cut)?;
    insert(recording, std::slice::from_ref(row))
}

/// Marks as superseded what is known of `id`, as far as it reaches beyond `beyond`.
pub(super) fn supersede(
    recording: &mut Recording<'_, '_>,
    id: OrganizationId,
    beyond: Option<NaiveDate>,
) -> StoreResult<()> {
    let recorded = recording.recorded();
    let known = organization_versions::organization_id
        .eq(id)
        .and(organization_versions::superseded_seq.is_null());
    let mark = (
        organization_versions::superseded_seq.eq(recorded.seq),
        organization_versions::superseded_at.eq(recorded.at),
    );
    match beyond {
        None => diesel::update(organization_versions::table.filter(known))
            .set(mark)
            .execute(recording.conn())?,
        Some(from) => {
            let reaches = organization_versions::valid_to
                .is_null()
                .or(organization_versions::valid_to.gt(from));
            diesel::update(organization_versions::table.filter(known).filter(reaches))
                .set(mark)
                .execute(recording.conn())?
        }
    };
    Ok(())
}

pub(super) fn insert(recording: &mut Recording<'_, '_>, rows: &[OrganizationVersion]) -> StoreResult<()> {
    for row in rows {
        diesel::insert_into(organization_versions::table)
            .values(row)
            .execute(recording.conn())
            .map_err(|error| StoreError::from(error).or_conflict("organization_exists"))?;
    }
    Ok(())
}

pub(super) fn audit(
    recording: &mut Recording<'_, '_>,
    verb: &str,
    before: Option<&OrganizationVersion>,
    after: Option<&OrganizationVersion>,
) -> StoreResult<()> {
    let Some(row) = after.or(before) else {
        return Ok(());
    };
    let id = row.organization_id.to_string();
    let area = Some(row.area_id);
    let (before, after) = (
        before.map(OrganizationVersion::digest).transpose()?,
        after.map(OrganizationVersion::digest).transpose()?,
    );
    recording.audit(&Entry {
        verb,
        resource: "organization",
        id: &id,
        area,
        before: before.as_deref(),
        after: after.as_deref(),
    })?;
    Ok(())
}

pub(super) fn in_area(organization: OrganizationVersion, area: &AreaVersion) -> OrganizationInArea {
    OrganizationInArea {
        organization,
        area_code: area.code.clone(),
        area_path: area.path.clone(),
        level: area.level,
    }
}
