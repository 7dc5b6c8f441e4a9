//! A new area.

use chrono::NaiveDate;
use diesel::prelude::*;

use super::AreaVersion;
use super::segments::{refuse_other_path, refuse_taken_code};
use crate::db::schema::{area_versions, areas};
use crate::digest::digest_of;
use crate::domain::Violation;
use crate::domain::area::{AreaKind, Level, Wanted, path_under};
use crate::ids::AreaId;
use crate::store::audit::Entry;
use crate::store::ledger::Recording;
use crate::store::{StoreError, StoreResult};

/// An area to be added.
#[derive(Debug, Clone)]
pub struct NewArea {
    pub id: AreaId,
    pub code: String,
    pub name: String,
    pub level: Level,
    pub kind: AreaKind,
    /// The code of the area above; none for a province.
    pub parent: Option<AreaVersion>,
    pub valid_from: NaiveDate,
}

/// Adds an area that was set up on a day not after `today`, under one that stands where it does since then.
///
/// # Errors
/// [`StoreError::Invalid`], [`StoreError::Conflict`] `area_code_taken`, or the database's.
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
    if let Some(parent) = &new.parent {
        refuse_other_path(recording, parent, "/valid_from", new.valid_from)?;
    }
    refuse_taken_code(recording, &new.code, new.id, new.valid_from)?;
    create(recording, new)
}

fn parent_missing() -> Violation {
    Violation::new(
        "/parent",
        "parent_missing",
        "请填写上级地区的代码。",
        "Give the code of the area above.",
    )
}

/// Adds an area. Whoever calls it has checked level, parent and date.
///
/// # Errors
/// [`StoreError::Conflict`] when the code is in use, or the database's.
pub fn create(recording: &mut Recording<'_, '_>, new: &NewArea) -> StoreResult<AreaVersion> {
    let recorded = recording.recorded();
    diesel::insert_into(areas::table)
        .values((
            areas::id.eq(new.id),
            areas::created_seq.eq(recorded.seq),
            areas::created_at.eq(recorded.at),
        ))
        .execute(recording.conn())?;
    let parent_path = new.parent.as_ref().map_or("", |parent| &parent.path);
    let row = AreaVersion {
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
    };
    diesel::insert_into(area_versions::table)
        .values(&row)
        .execute(recording.conn())
        .map_err(|error| StoreError::from(error).or_conflict("area_code_taken"))?;
    let id = row.area_id.to_string();
    recording.audit(&Entry {
        verb: "create",
        resource: "area",
        id: &id,
        area: Some(row.area_id),
        before: None,
        after: Some(&digest_of(&row)?),
    })?;
    Ok(row)
}
