//! Adds new areas.

use chrono::NaiveDate;
use diesel::prelude::*;
use qiaojian_domain::area::{AreaKind, Level, Wanted, code_of_another_parent, fits_parent, path_under};
use qiaojian_domain::digest::digest_of;
use qiaojian_domain::ids::AreaId;
use qiaojian_domain::{Noun, Violation};

use super::future::Future;
use super::segments::{refuse_days_before, standing_on};
use super::successions;
use super::{AreaVersion, by_id};
use crate::audit::Entry;
use crate::db::schema::{area_versions, areas};
use crate::ledger::Recording;
use crate::{StoreError, StoreResult};

/// An area to add.
#[derive(Debug, Clone)]
pub struct NewArea {
    pub id: AreaId,
    pub code: String,
    pub name: String,
    pub level: Level,
    pub kind: AreaKind,
    /// The parent; `None` for a province.
    pub parent: Option<AreaVersion>,
    pub valid_from: NaiveDate,
}

/// Adds an area that was set up on a date not after `today`, under a parent that has kept its place since then.
///
/// # Errors
/// [`StoreError::Invalid`], [`StoreError::Conflict`] `area_code_taken`, or a database error.
pub fn set_up(
    recording: &mut Recording<'_, '_>,
    new: &NewArea,
    today: NaiveDate,
) -> StoreResult<AreaVersion> {
    let wanted = Wanted {
        name: Some(&new.name),
        code: Some(&new.code),
    };
    let mut violations = wanted.violations(new.level);
    if new.valid_from > today {
        violations.push(Violation::in_future("/valid_from", today));
    }
    match &new.parent {
        Some(parent) => violations.extend(parent.standing().may_take(new.level)),
        None if new.level == Level::Province => {}
        None => violations.push(parent_missing()),
    }
    if !violations.is_empty() {
        return Err(StoreError::Invalid(violations));
    }
    let row = first_row(recording, new);
    let mut rows = vec![row.clone()];
    if let Some(parent) = &new.parent {
        refuse_days_before(recording, parent, "/valid_from", new.valid_from)?;
        let above = standing_on(recording, parent, new.valid_from)?;
        if !fits_parent(&new.code, &above.code) {
            return Err(code_of_another_parent("/code", &above.code).into());
        }
        let places = successions::place_of(recording, parent.area_id, new.valid_from)?;
        let ends = places.iter().skip(1).map(|(from, _)| Some(*from)).chain([None]);
        rows = places
            .iter()
            .zip(ends)
            .map(|((from, above), to)| AreaVersion {
                valid_from: *from,
                valid_to: to,
                parent_id: Some(*above),
                ..row.clone()
            })
            .collect();
    }
    let mut future = Future::from(new.valid_from);
    future.add(new.id, rows);
    begin(recording, new.id)?;
    future.write(recording, "")?;
    let made = by_id(recording.conn(), new.id)?;
    made_known(recording, &made)?;
    Ok(made)
}

fn parent_missing() -> Violation {
    Violation::new(
        "/parent",
        "parent_missing",
        "请填写上级地区的代码。",
        "Give the code of the area above.",
    )
}

/// Adds an area. The caller must have checked level, parent and date.
///
/// # Errors
/// [`StoreError::Conflict`] if the code is in use, or a database error.
pub fn create(recording: &mut Recording<'_, '_>, new: &NewArea) -> StoreResult<AreaVersion> {
    begin(recording, new.id)?;
    let row = first_row(recording, new);
    diesel::insert_into(area_versions::table)
        .values(&row)
        .execute(recording.conn())?;
    made_known(recording, &row)?;
    Ok(row)
}

fn begin(recording: &mut Recording<'_, '_>, id: AreaId) -> QueryResult<()> {
    let recorded = recording.recorded();
    diesel::insert_into(areas::table)
        .values((
            areas::id.eq(id),
            areas::created_seq.eq(recorded.seq),
            areas::created_at.eq(recorded.at),
        ))
        .execute(recording.conn())?;
    Ok(())
}

fn first_row(recording: &Recording<'_, '_>, new: &NewArea) -> AreaVersion {
    let recorded = recording.recorded();
    let parent_path = new.parent.as_ref().map_or("", |parent| &parent.path);
    AreaVersion {
        area_id: new.id,
        version: 1,
        recorded_seq: recorded.seq,
        recorded_at: recorded.at,
        superseded_seq: None,
        superseded_at: None,
        valid_from: new.valid_from,
        valid_to: None,
        path: path_under(parent_path, &new.code),
        code: new.code.clone(),
        name: new.name.clone(),
        parent_id: new.parent.as_ref().map(|parent| parent.area_id),
        level: new.level,
        kind: new.kind,
        reason: None,
        ended: false,
    }
}

fn made_known(recording: &mut Recording<'_, '_>, row: &AreaVersion) -> StoreResult<()> {
    recording.audit(&Entry {
        verb: "create",
        resource: Noun::Area,
        id: &row.area_id.to_string(),
        area: Some(row.area_id),
        before: None,
        after: Some(&digest_of(row)?),
    })?;
    Ok(())
}
