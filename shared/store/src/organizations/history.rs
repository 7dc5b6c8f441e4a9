//! The recorded history of an organization: who recorded what and when, with the state before and after.

use std::collections::BTreeSet;

use diesel::prelude::*;
use qiaojian_domain::Noun;
use qiaojian_domain::access::Post;
use qiaojian_domain::clock::UtcTime;
use qiaojian_domain::ids::{AreaId, OrganizationId};
use qiaojian_domain::organization::Part;

use super::change_events::changes_of;
use super::{ChangeRow, OrganizationInArea, OrganizationVersion, by_ids, find};
use crate::areas::Subtree;
use crate::db::AnyConnection;
use crate::db::schema::{area_versions, audit_entries, organization_versions, organizations, tokens};
use crate::predicates::current_area;
use crate::{StoreError, StoreResult};

/// A recording.
#[derive(Debug, Clone)]
pub struct Event {
    /// The ledger position.
    pub seq: i64,
    pub at: UtcTime,
    /// `create`, `update`, `verify`, … or the verb of a transition.
    pub verb: String,
    /// The area and post that recorded it; `None` if the system did.
    pub by: Option<(AreaId, Post)>,
    /// The state before; `None` for the first recording.
    pub before: Option<OrganizationVersion>,
    /// The state after; `None` if it was voided.
    pub after: Option<OrganizationVersion>,
    /// The merge or split recorded with it, with those originals and results that the caller can see.
    pub change: Option<(ChangeRow, Vec<(OrganizationInArea, Part)>)>,
}

/// Succeeds for an organization of `visible`, or a voided one whose last area belongs to `visible`.
fn find_or_voided(conn: &mut AnyConnection, visible: &Subtree, id: OrganizationId) -> StoreResult<()> {
    use {area_versions as a, organization_versions as o, organizations as n};
    match find(conn, visible, id) {
        Err(StoreError::NotFound(_)) => {}
        found => return found.map(drop),
    }
    let voided: Option<Option<i64>> = n::table.find(id).select(n::voided_seq).first(conn).optional()?;
    let Some(seq) = voided.flatten() else {
        return Err(StoreError::NotFound(Noun::Organization));
    };
    // Its last area, in the current tree: a reader that has since lost the area has also lost this history.
    let last: Option<String> = o::table
        .inner_join(current_area!(o::area_id))
        .filter(o::organization_id.eq(id))
        .filter(o::valid_to.is_null())
        .filter(o::superseded_seq.eq(seq))
        .select(a::path)
        .first(conn)
        .optional()?;
    match last {
        Some(path) if visible.contains(&path) => Ok(()),
        _ => Err(StoreError::NotFound(Noun::Organization)),
    }
}

/// Returns why an organization was voided, if it was.
///
/// # Errors
/// Returns an error if the database fails.
pub fn void_reason(conn: &mut AnyConnection, id: OrganizationId) -> QueryResult<Option<String>> {
    let reason: Option<Option<String>> = organizations::table
        .find(id)
        .select(organizations::void_reason)
        .first(conn)
        .optional()?;
    Ok(reason.flatten())
}

type Entry = (i64, UtcTime, String, Option<AreaId>, Option<Post>);

/// Returns the recordings of an organization that belongs to `visible`, oldest first, after the ledger position
/// `after`.
///
/// # Errors
/// [`crate::StoreError::NotFound`], or a database error.
pub fn history(
    conn: &mut AnyConnection,
    visible: &Subtree,
    id: OrganizationId,
    after: Option<i64>,
    limit: i64,
) -> StoreResult<Vec<Event>> {
    find_or_voided(conn, visible, id)?;
    let entries: Vec<Entry> = audit_entries::table
        .left_join(tokens::table.on(audit_entries::token_id.eq(tokens::id.nullable())))
        .filter(audit_entries::resource.eq("organization"))
        .filter(audit_entries::resource_id.eq(id.to_string()))
        .filter(audit_entries::seq.gt(after.unwrap_or(-1)))
        .order((audit_entries::seq, audit_entries::ordinal))
        .limit(limit)
        .select((
            audit_entries::seq,
            audit_entries::at,
            audit_entries::verb,
            tokens::area_id.nullable(),
            tokens::post.nullable(),
        ))
        .load(conn)?;
    let versions: Vec<OrganizationVersion> = organization_versions::table
        .filter(organization_versions::organization_id.eq(id))
        .order((
            organization_versions::recorded_seq,
            organization_versions::valid_from,
        ))
        .select(OrganizationVersion::as_select())
        .load(conn)?;
    let head_at = |seq: i64| {
        versions
            .iter()
            .rfind(|row| {
                row.valid_to.is_none()
                    && row.recorded_seq <= seq
                    && row.superseded_seq.is_none_or(|superseded| superseded > seq)
            })
            .cloned()
    };
    let mut changes = changes_of(conn, id)?;
    let named: BTreeSet<OrganizationId> = changes
        .values()
        .flat_map(|(_, parts)| parts.iter().map(|(organization, _)| *organization))
        .collect();
    let named: Vec<OrganizationId> = named.into_iter().collect();
    let seen = by_ids(conn, visible, &named)?;
    let mut change_at = |seq: i64| {
        let (row, parts) = changes.remove(&seq)?;
        let part_of = |found: &OrganizationInArea| {
            let organization = found.organization.organization_id;
            parts.iter().find(|(named, _)| *named == organization)
        };
        let seen = seen
            .iter()
            .filter_map(|found| Some((found.clone(), part_of(found)?.1)));
        Some((row, seen.collect()))
    };
    Ok(entries
        .into_iter()
        .map(|(seq, at, verb, area, post)| Event {
            seq,
            at,
            verb,
            by: area.zip(post),
            before: head_at(seq - 1),
            after: head_at(seq),
            change: change_at(seq),
        })
        .collect())
}
