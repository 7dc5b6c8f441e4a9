//! Finds out what became of an area with a former code or name.

use chrono::NaiveDate;
use diesel::prelude::*;

use super::{AreaVersion, Subtree, by_id, successions};
use crate::db::AnyConnection;
use crate::db::schema::area_versions;
use crate::{StoreError, StoreResult};

/// An area with a code that it no longer has.
#[derive(Debug, Clone)]
pub struct Former {
    /// Its last version with that code.
    pub was: AreaVersion,
    /// First day on which it no longer had that code.
    pub until: NaiveDate,
    pub now: Became,
}

/// The outcome.
#[derive(Debug, Clone)]
pub enum Became {
    /// It has another code.
    Recoded(Box<AreaVersion>),
    /// It was merged into this one.
    Merged(Box<AreaVersion>),
    Closed,
}

/// Returns the area of `visible` that last had this code, if no area has it now.
///
/// # Errors
/// Returns an error if the database fails.
pub fn former(conn: &mut AnyConnection, visible: &Subtree, code: &str) -> StoreResult<Option<Former>> {
    let rows: Vec<AreaVersion> = area_versions::table
        .filter(area_versions::superseded_seq.is_null())
        .filter(area_versions::code.eq(code))
        .filter(area_versions::valid_to.is_not_null())
        .order(area_versions::valid_to.desc())
        .select(AreaVersion::as_select())
        .load(conn)?;
    for was in rows {
        let Some(until) = was.valid_to else { continue };
        let last = by_id(conn, was.area_id)?;
        let (shown, now) = match last.valid_to {
            None => (last.path.clone(), Became::Recoded(Box::new(last))),
            Some(ended) => match successions::merged_into(conn, last.area_id, ended)? {
                Some(into) => {
                    let into = by_id(conn, into)?;
                    (into.path.clone(), Became::Merged(Box::new(into)))
                }
                None => (path_above(conn, &last)?, Became::Closed),
            },
        };
        if visible.contains(&shown) {
            return Ok(Some(Former { was, until, now }));
        }
    }
    Ok(None)
}

/// Returns the current path of the parent of an ended area, which determines who can see it.
pub(super) fn path_above(conn: &mut AnyConnection, ended: &AreaVersion) -> Result<String, StoreError> {
    Ok(match ended.parent_id {
        Some(parent) => by_id(conn, parent)?.path,
        None => String::new(),
    })
}
